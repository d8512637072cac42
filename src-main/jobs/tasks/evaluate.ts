import { basename, join } from 'node:path';
import { readdir } from 'node:fs/promises';
import * as v from 'valibot';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { compareLabels, meanDice, meanHd95, summarise, type LabelMetrics, type LabelSummary } from '#shared/domain/metrics.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import { readLabels, type ReadLabels } from '#main/imageio/readImage.ts';
import type { Task, TaskContext } from '../task.ts';
import { imageName } from './predict.ts';
import type { LeftOutCase } from './prepareCases.ts';

const configSchema = v.object({
  /** Folders whose masks are paired by file name. */
  truth: v.string(),
  prediction: v.string(),
  /** Names of labels; undefined: whatever values the masks hold. */
  labels: v.optional(v.array(v.object({ value: v.number(), name: v.string() }))),
});

export type EvaluateTaskInput = v.InferInput<typeof configSchema>;
export type EvaluateTaskConfig = v.InferOutput<typeof configSchema>;

export interface EvaluateTaskResult {
  readonly cases: readonly { readonly name: string; readonly labels: readonly LabelMetrics[] }[];
  readonly summary: readonly (LabelSummary & { readonly name: string })[];
  readonly meanDice: number | null;
  readonly meanHd95: number | null;
  readonly leftOut: readonly LeftOutCase[];
}

/** Compares masks with the truth, pair by pair. A pair that cannot be compared is left out and named; `not-found` where none can. */
export const evaluateTask: Task<EvaluateTaskConfig, EvaluateTaskResult> = {
  kind: 'evaluate',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this evaluation are not valid.', { detail: v.summarize(parsed.issues) });
    return parsed.output;
  },
  run: runEvaluation,
};

async function runEvaluation(context: TaskContext<EvaluateTaskConfig>): Promise<EvaluateTaskResult> {
  const { config, report, cancellation } = context;
  const predictions = await masksIn(config.prediction);
  const truths = await masksIn(config.truth);
  const names = [...predictions.keys()].filter((name) => truths.has(name)).sort();
  if (names.length === 0) throw new StudioError('not-found', `No mask in ${config.prediction} has the name of one in ${config.truth}.`);
  // Labels that occur in one case count in all, so the values are collected first and metrics follow.
  const values = config.labels?.map(({ value }) => value) ?? (await valuesIn(names.map((name) => truths.get(name) ?? ''), context));
  const leftOut: LeftOutCase[] = [];
  const cases: { name: string; labels: LabelMetrics[] }[] = [];
  for (const [index, name] of names.entries()) {
    throwIfCancelled(cancellation);
    try {
      cases.push({ name, labels: await compareOne(truths.get(name) ?? '', predictions.get(name) ?? '', values) });
    } catch (error) {
      if (!(error instanceof StudioError) || !['invalid-file', 'unsupported', 'not-found'].includes(error.code)) throw error;
      leftOut.push({ path: predictions.get(name) ?? name, reason: error.message });
      context.alarm('warning', error.message);
    }
    report({ phase: 'Comparing', fraction: (index + 1) / names.length, detail: name });
  }
  if (cases.length === 0) throw new StudioError('invalid-file', `None of the ${names.length} pairs can be compared; the first: ${leftOut[0]?.reason ?? ''}`);
  const summary = summarise(cases.map(({ labels }) => labels));
  const nameOf = (value: number): string => config.labels?.find((label) => label.value === value)?.name ?? `Label ${value}`;
  return { cases, summary: summary.map((row) => ({ ...row, name: nameOf(row.label) })), meanDice: meanDice(summary), meanHd95: meanHd95(summary), leftOut };
}

async function compareOne(truthPath: string, predictionPath: string, values: readonly number[]): Promise<LabelMetrics[]> {
  const truth = await readLabels(truthPath);
  const prediction = await readLabels(predictionPath);
  if (!sameGrid(truth.volume.grid, prediction.volume.grid, 1e-2)) {
    const sizes = `${truth.volume.grid.size.join('×')} and ${prediction.volume.grid.size.join('×')}`;
    throw new StudioError('invalid-file', `${basename(predictionPath)} does not lie on the same grid as its truth (${sizes} voxels).`);
  }
  return compareLabels(truth.volume.data, prediction.volume.data, truth.volume.grid.size, spacingOf(truth.volume.grid), values);
}

async function valuesIn(paths: readonly string[], { cancellation, report }: TaskContext<EvaluateTaskConfig>): Promise<number[]> {
  const values = new Set<number>();
  for (const [index, path] of paths.entries()) {
    throwIfCancelled(cancellation);
    const labels = await readLabels(path).catch((): Pick<ReadLabels, 'labels'> => ({ labels: [] })); // named when its turn comes
    for (const { value } of labels.labels) values.add(value);
    report({ phase: 'Looking for labels', fraction: (index + 1) / paths.length });
  }
  return [...values].sort((a, b) => a - b);
}

/** Mask files of a folder by name without extension. */
async function masksIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw new StudioError('not-found', `The folder ${folder} cannot be read.`, { cause: error });
  });
  const masks = entries.filter((entry) => /\.(nii\.gz|nii|nrrd|mha)$/i.test(entry) && !/\.uncertainty\./.test(entry) && !entry.startsWith('.'));
  return new Map(masks.sort().map((entry) => [imageName(entry), join(folder, entry)]));
}
