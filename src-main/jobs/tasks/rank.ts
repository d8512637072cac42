import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { predictVolume } from '#main/inference/predictVolume.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { rankCases, type RankedCase, type Strategy } from '#main/ranking/rankCases.ts';
import { foregroundUncertainty } from '#main/ranking/uncertainty.ts';
import type { Task, TaskContext } from '../task.ts';
import { learnedProfiles } from './learned.ts';
import { loadModel } from './modelFolder.ts';
import { openExecutor } from './openExecutor.ts';
import { mirrorAxesFor } from './train.ts';

const configSchema = v.object({
  /** Cases that could be labelled next; `uncertainty` where a prediction of the model has one already. */
  cases: v.array(v.object({ id: v.string(), name: v.string(), image: v.union([v.string(), v.array(v.string())]), uncertainty: v.nullable(v.number()) })),
  accepted: v.array(v.string()),
  /** Model folder; null: by diversity alone. */
  model: v.nullable(v.string()),
  learnedFolder: v.nullable(v.string()),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  strategy: v.optional(v.picklist(['suggested', 'uncertainty', 'diversity', 'random']), 'suggested'),
  seed: v.optional(v.number(), 0),
  /** No more cases than this are predicted for their uncertainty, the least covered first. */
  predictAtMost: v.optional(v.number(), 200),
});
export type RankConfig = v.InferOutput<typeof configSchema>;

export interface RankResult {
  readonly strategy: Strategy;
  readonly order: readonly RankedCase[];
  /** Mean uncertainty by case id, 0..1. */
  readonly uncertainties: Readonly<Record<string, number>>;
}

/** The order in which cases are best labelled, each with its reason. */
export const rankTask: Task<RankConfig, RankResult> = {
  kind: 'rank',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this ranking are not valid.', { detail: v.summarize(parsed.issues) });
    return parsed.output;
  },
  run: rank,
};

async function rank(context: TaskContext<RankConfig>): Promise<RankResult> {
  const { config } = context;
  const profiles = config.learnedFolder === null ? new Map() : learnedProfiles(config.learnedFolder);
  const request = (uncertainties: ReadonlyMap<string, number>, strategy: Strategy) => ({
    candidates: config.cases.map(({ id }) => ({ id, uncertainty: uncertainties.get(id) ?? null, profile: profiles.get(id) ?? null })),
    accepted: config.accepted.flatMap((id) => profiles.get(id) ?? []), strategy, seed: config.seed,
  });
  const known = new Map(config.cases.flatMap(({ id, uncertainty }) => (uncertainty === null ? [] : [[id, uncertainty] as const])));
  const wanted = config.strategy === 'suggested' || config.strategy === 'uncertainty';
  if (wanted && config.model !== null) {
    const places = new Map(rankCases(request(known, 'diversity')).map(({ id, rank: place }) => [id, place]));
    const missing = config.cases.filter(({ id }) => !known.has(id)).sort((a, b) => (places.get(a.id) ?? 0) - (places.get(b.id) ?? 0)).slice(0, config.predictAtMost);
    for (const [id, value] of await predictUncertainty(context, config.model, missing)) known.set(id, value);
  }
  return { strategy: config.strategy, order: rankCases(request(known, config.strategy)), uncertainties: Object.fromEntries(known) };
}

/** Predicts with and without mirroring and takes the mean entropy; a case that cannot be read is passed over and named. */
export async function predictUncertainty(
  context: Pick<TaskContext<{ readonly device: string; readonly threads?: number | undefined }>, 'config' | 'cancellation' | 'turn' | 'report' | 'alarm'>,
  model: string, cases: readonly { readonly id: string; readonly name: string; readonly image: string | readonly string[] }[],
): Promise<Map<string, number>> {
  const { config, cancellation, turn } = context;
  const found = new Map<string, number>();
  if (cases.length === 0) return found;
  const { card, weights } = await loadModel(model);
  const executor = await openExecutor(config.device, { threads: config.threads });
  try {
    const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);
    try {
      for (const [index, each] of cases.entries()) {
        throwIfCancelled(cancellation);
        const report = (part: number): void => { context.report({ phase: 'Looking for what the model is unsure of', fraction: (index + part) / cases.length, detail: each.name }); };
        try {
          const { volume } = await readImage(each.image, { cancellation });
          const { labels, uncertainty } = await predictVolume(volume, card, predictor, { overlap: 0.25, mirrorAxes: mirrorAxesFor(card.labelSet), uncertainty: true, cancellation, turn, onProgress: report });
          if (uncertainty !== undefined) found.set(each.id, foregroundUncertainty(labels.data, uncertainty.data));
        } catch (error) {
          if (!(error instanceof StudioError) || !['invalid-file', 'unsupported', 'not-found'].includes(error.code)) throw error;
          context.alarm('warning', `${each.name}: ${error.message}`);
        }
        report(1);
      }
    } finally {
      predictor.dispose();
    }
  } finally {
    executor.dispose();
  }
  return found;
}
