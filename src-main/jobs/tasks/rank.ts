import { isFileFault } from '#shared/base/errors.ts';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { openScanPredictor } from '#main/inference/scanPredictor.ts';
import { rankCases, type Strategy } from '#main/ranking/rankCases.ts';
import { foregroundUncertainty } from '#main/ranking/uncertainty.ts';
import { rankRequest, type RankConfig, type RankResult } from '../requests/rank.ts';
import type { Task, TaskContext } from '../task.ts';
import { pretrainedProfiles } from '#main/training/pretrained/pretrained.ts';
import { readForModel } from '#main/inference/cases/modelImages.ts';
import { loadAnyModel } from '#main/model/modelFolder.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';

/** The order in which cases are best labelled, each with its reason. */
export const rankTask: Task<RankConfig, RankResult> = {
  kind: 'rank',
  parse: rankRequest.parse,
  run: rank,
};

async function rank(context: TaskContext<RankConfig>): Promise<RankResult> {
  const { config } = context;
  const profiles = config.learnedFolder === null ? new Map() : pretrainedProfiles(config.learnedFolder);
  const request = (uncertainties: ReadonlyMap<string, number>, strategy: Strategy) => ({
    candidates: config.cases.map(({ id }) => ({ id, uncertainty: uncertainties.get(id) ?? null, profile: profiles.get(id) ?? null })),
    accepted: config.accepted.flatMap((id) => profiles.get(id) ?? []),
    strategy,
    seed: config.seed,
  });
  const known = new Map(config.cases.flatMap(({ id, uncertainty }) => (uncertainty === null ? [] : [[id, uncertainty] as const])));
  const wanted = config.strategy === 'suggested' || config.strategy === 'uncertainty';
  if (wanted && config.model !== null) {
    const places = new Map(rankCases(request(known, 'diversity')).map(({ id, rank: place }) => [id, place]));
    const missing = config.cases
      .filter(({ id }) => !known.has(id))
      .sort((a, b) => (places.get(a.id) ?? 0) - (places.get(b.id) ?? 0))
      .slice(0, config.predictAtMost);
    for (const [id, value] of await predictUncertainty(context, config.model, missing)) known.set(id, value);
  }
  return { strategy: config.strategy, order: rankCases(request(known, config.strategy)), uncertainties: Object.fromEntries(known) };
}

/** Predicts with and without mirroring and takes the mean entropy; a case that cannot be read is passed over and named. */
async function predictUncertainty(
  context: TaskContext<RankConfig>,
  model: string,
  cases: RankConfig['cases'],
): Promise<Map<string, number>> {
  const { config, cancellation, turn, alarm } = context;
  const found = new Map<string, number>();
  if (cases.length === 0) return found;
  await withExecutor({ ...config, alarm }, async (executor) => {
    const predictor = await openScanPredictor(executor, await loadAnyModel(model));
    try {
      for (const [index, each] of cases.entries()) {
        throwIfCancelled(cancellation);
        const report = (part: number): void => {
          context.report({ phase: 'Looking for what the model is unsure of', fraction: (index + part) / cases.length, detail: each.name });
        };
        try {
          const { images } = await readForModel(each, predictor.channels, cancellation);
          const { labels, uncertainty } = await predictor.predict(images, {
            overlap: 0.25,
            mirror: true,
            uncertainty: true,
            cancellation,
            turn,
            onProgress: report,
          });
          if (uncertainty !== undefined) found.set(each.id, foregroundUncertainty(labels.data, uncertainty.data));
        } catch (error) {
          if (!isFileFault(error)) throw error;
          context.alarm('warning', `${each.name}: ${error.message}`);
        }
        report(1);
      }
    } finally {
      predictor.dispose();
    }
  });
  return found;
}
