import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { bootstrapMean } from '#shared/domain/comparison.ts';
import { expected } from '#shared/domain/image.ts';
import { pointingVerdict, type PointingComparison } from '#shared/domain/pointing.ts';
import type { LabelledCase } from '#shared/domain/trainingCase.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { caseAnswerer, clicksTo, networkAnswerer, pointable, pointOut, wantedDice } from '#shared/prompts/reader.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { loadPromptModel } from '#main/model/modelFolder.ts';
import { improvePromptsRequest, type ImprovePromptsConfig, type ImprovePromptsResult } from '../requests/improvePrompts.ts';
import { trainPromptsRequest, type TrainPromptsResult } from '../requests/trainPrompts.ts';
import type { Task, TaskContext } from '../task.ts';
import { structuresToMeasure, type PointedMasks } from './promptCases.ts';
import { teachPrompts } from './teachPrompts.ts';
import { trainPromptsTask } from './trainPrompts.ts';

type Context = TaskContext<ImprovePromptsConfig>;

/**
 * A prompt network learns from accepted cases, or one begins with them, and is compared on held-out ones by the clicks that a reader needs; and what they teach
 * the classifier of a case: `outFolder` gets both.
 */
export const improvePromptsTask: Task<ImprovePromptsConfig, ImprovePromptsResult> = {
  kind: 'improvePrompts',
  parse: improvePromptsRequest.parse,
  run: improvePrompts,
};

/** Of the minutes and of the progress; the rest is for comparing. */
const trainingShare = 0.75;

async function improvePrompts(context: Context): Promise<ImprovePromptsResult> {
  const { config, outFolder } = context;
  const masks = pointable(config.labelSet);
  const heldOut = labelled(config, true);
  const lessons = await teachPrompts({ training: labelled(config, false), heldOut, masks, seed: config.seed }, context);
  const trained = await train(context, masks);
  const measured = heldOut.length === 0 ? null : await compare(context, heldOut, masks);
  context.alarm('info', pointingVerdict(measured));
  const { weightsHash } = await loadPromptModel(outFolder);
  return { trainingCases: trained.cases, structures: trained.structures, steps: trained.steps, weightsHash, measured, lessons };
}

function labelled({ cases }: ImprovePromptsConfig, heldOut: boolean): LabelledCase[] {
  return cases
    .filter((each) => each.heldOut === heldOut)
    .map(({ name, image, channels, mask, ...rest }) => ({ name, image, channels, labels: mask, ...expected(rest) }));
}

/** Once: an attempt that was interrupted while it compared does not train again. */
async function train(context: Context, masks: PointedMasks): Promise<TrainPromptsResult> {
  const { config, checkpointFolder, report } = context;
  const done = join(checkpointFolder, 'trained.json');
  const before = await readFile(done, 'utf8').catch(() => null);
  if (before !== null) return JSON.parse(before) as TrainPromptsResult;
  const { budget, seed, device, threads } = config;
  const request = trainPromptsRequest.parse({
    from: config.current?.folder,
    cases: labelled(config, false),
    ...masks,
    budget: 'steps' in budget ? budget : { minutes: budget.minutes * trainingShare },
    seed,
    device,
    threads,
  });
  const result = await trainPromptsTask.run({
    ...context,
    config: request,
    report: (progress) => report({ ...progress, fraction: progress.fraction * trainingShare }),
  });
  await writeFileAtomically(done, JSON.stringify(result));
  return result;
}

interface Row {
  readonly case: string;
  readonly label: string;
  readonly before: number;
  readonly after: number;
}

async function compare(context: Context, cases: readonly LabelledCase[], masks: PointedMasks): Promise<PointingComparison | null> {
  const { config, outFolder, alarm } = context;
  const models = {
    before: config.current === null ? null : await loadPromptModel(config.current.folder),
    after: await loadPromptModel(outFolder),
  };
  const rows = await withExecutor({ ...config, alarm }, async (executor) => {
    const before = models.before === null ? null : await openPromptNetwork(executor, models.before);
    try {
      const after = await openPromptNetwork(executor, models.after);
      try {
        return await clicksOf(context, cases, masks, [before, after]);
      } finally {
        after.dispose();
      }
    } finally {
      before?.dispose();
    }
  });
  return rows.length === 0 ? null : comparisonOf(rows);
}

async function clicksOf(
  context: Context,
  cases: readonly LabelledCase[],
  masks: PointedMasks,
  networks: readonly [AskedNetwork | null, AskedNetwork],
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { from, index, image, structures } of structuresToMeasure(cases, masks, context)) {
    for (const { name, truth } of structures) {
      const clicks: number[] = [];
      for (const network of networks) {
        throwIfCancelled(context.cancellation);
        await context.turn();
        const answerer = network === null ? caseAnswerer(image) : networkAnswerer(image, network);
        clicks.push(clicksTo(wantedDice, await pointOut(answerer, truth, wantedDice)));
      }
      rows.push({ case: from.name, label: name, before: clicks[0] as number, after: clicks[1] as number });
    }
    const fraction = trainingShare + (1 - trainingShare) * ((index + 1) / cases.length);
    context.report({ phase: 'Counting clicks on held-out cases', fraction, detail: from.name });
  }
  return rows;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const clicksIn = (rows: readonly Row[]) => ({
  before: mean(rows.map(({ before }) => before)),
  after: mean(rows.map(({ after }) => after)),
});

function comparisonOf(rows: readonly Row[]): PointingComparison {
  const byCase = [...Map.groupBy(rows, (row) => row.case).values()];
  return {
    cases: byCase.length,
    structures: rows.length,
    ...clicksIn(rows),
    difference: byCase.length < 2 ? null : bootstrapMean(byCase.map((own) => mean(own.map(({ before, after }) => after - before)))),
    labels: [...Map.groupBy(rows, ({ label }) => label)].map(([label, own]) => ({ label, structures: own.length, ...clicksIn(own) })),
  };
}
