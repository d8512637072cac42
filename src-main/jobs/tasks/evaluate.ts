import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { isFileFault, StudioError } from '#shared/base/errors.ts';
import { bootstrapMean } from '#shared/domain/comparison.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { regionsOf } from '#shared/domain/regions.ts';
import { compareLabels, meanDice, meanHd95, meanOf, summarise, type LabelMetrics } from '#shared/domain/metrics.ts';
import type { SkippedCase } from '#shared/domain/trainingCase.ts';
import { spacing as spacingOf, type LabelVolume } from '#shared/geometry/grid.ts';
import { imageStem, isVolumeName } from '#main/imageio/endings.ts';
import { fitMask } from '#main/imageio/fitMask.ts';
import { readLabels, type ReadLabels } from '#main/imageio/readImage.ts';
import { evaluateRequest, type EvaluateTaskConfig, type EvaluateTaskResult } from '../requests/evaluate.ts';
import type { Task, TaskContext } from '../task.ts';

/**
 * Compares masks with the truth of the same name. A truth without a prediction, or with one that cannot be compared, counts as it is asked for,
 * and is named; so are predictions without a truth and labels that no truth has. Throws `not-found` where there is nothing to compare,
 * `conflict` where two masks have one name.
 */
export const evaluateTask: Task<EvaluateTaskConfig, EvaluateTaskResult> = {
  kind: 'evaluate',
  parse: evaluateRequest.parse,
  run: runEvaluation,
};

interface Pair {
  readonly name: string;
  readonly truth: string;
  /** Null: there is none that can be compared. */
  readonly prediction: string | null;
}

async function runEvaluation(context: TaskContext<EvaluateTaskConfig>): Promise<EvaluateTaskResult> {
  const { config, report, cancellation } = context;
  const predictions = await masksIn(config.prediction);
  const truths = await masksIn(config.truth);
  const names = [...truths.keys()].sort();
  if (!names.some((name) => predictions.has(name)))
    throw new StudioError('not-found', `No mask in ${config.prediction} has the name of one in ${config.truth}.`);
  // Labels that occur in one case count in all, so the values are collected first and metrics follow.
  const { pairs, skipped, labels } = await lookAt(
    names.map((name) => ({ name, truth: truths.get(name) ?? '', prediction: predictions.get(name) ?? null })),
    context,
  );
  const missing = pairs.filter(({ prediction }) => prediction === null).map(({ name }) => name);
  const measured = pairs.filter(({ prediction }) => prediction !== null || config.missing === 'zero');
  const cases: { name: string; meanDice: number | null; labels: LabelMetrics[] }[] = [];
  for (const [index, pair] of measured.entries()) {
    throwIfCancelled(cancellation);
    const metrics = await compareOne(pair, labels.all, config.labels && regionsOf(labelSetFrom(config.labels)));
    cases.push({ name: pair.name, meanDice: meanOf(metrics.map(({ dice }) => dice)), labels: metrics });
    report({ phase: 'Comparing', fraction: 0.5 + (0.5 * (index + 1)) / measured.length, detail: pair.name });
  }
  const summary = summarise(cases.map((one) => one.labels));
  const nameOf = (value: number): string => config.labels?.find((label) => label.value === value)?.name ?? `Label ${value}`;
  return {
    cases,
    summary: summary.map((row) => ({ ...row, name: nameOf(row.label), interval: bootstrapMean(diceOf(cases, row.label)) })),
    meanDice: meanDice(summary),
    meanHd95: meanHd95(summary),
    missing: { rule: config.missing, cases: missing },
    extra: [...predictions.keys()].filter((name) => !truths.has(name)).sort(),
    extraLabels: labels.extra,
    skipped,
  };
}

function diceOf(cases: readonly { readonly labels: readonly LabelMetrics[] }[], value: number): number[] {
  return cases.flatMap(({ labels }) => labels.find(({ label }) => label === value)?.dice ?? []);
}

/** Reads every mask once: which can be compared, and which labels there are. */
async function lookAt(
  wanted: readonly Pair[],
  { config, cancellation, report, alarm }: TaskContext<EvaluateTaskConfig>,
): Promise<{
  pairs: Pair[];
  skipped: SkippedCase[];
  labels: { all: readonly number[]; extra: EvaluateTaskResult['extraLabels'] };
}> {
  const skipped: SkippedCase[] = [];
  const pairs: Pair[] = [];
  const known = new Set(config.labels?.map(({ value }) => value));
  const further = new Map<number, string[]>();
  for (const [index, pair] of wanted.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Looking for labels', fraction: (0.5 * (index + 1)) / wanted.length, detail: pair.name });
    const refuse = (path: string, error: unknown): null => {
      if (!isFileFault(error)) throw error;
      skipped.push({ path, reason: error.message });
      alarm('warning', `${pair.name}: ${error.message}`);
      return null;
    };
    const truth = await readLabels(pair.truth).catch((error: unknown) => refuse(pair.truth, error));
    if (truth === null) continue;
    for (const { value } of truth.labels) known.add(value);
    const prediction = pair.prediction;
    const found = prediction === null ? null : await readOn(prediction, truth).catch((error: unknown) => refuse(prediction, error));
    for (const { value } of found?.labels ?? []) further.set(value, [...(further.get(value) ?? []), pair.name]);
    pairs.push(found === null ? { ...pair, prediction: null } : pair);
  }
  if (pairs.every(({ prediction }) => prediction === null))
    throw new StudioError('invalid-file', `None of the ${wanted.length} pairs can be compared; the first: ${skipped[0]?.reason ?? ''}`);
  const extra = [...further].filter(([value]) => !known.has(value)).map(([label, cases]) => ({ label, cases }));
  return {
    pairs,
    skipped,
    labels: { all: [...known, ...extra.map(({ label }) => label)].sort((a, b) => a - b), extra: extra.sort((a, b) => a.label - b.label) },
  };
}

/** A prediction on its truth's voxels. Throws `invalid-file` where it lies elsewhere. */
async function readOn(path: string, truth: ReadLabels): Promise<{ volume: LabelVolume; labels: ReadLabels['labels'] }> {
  const { volume, format, labels } = await readLabels(path);
  return { volume: fitMask(volume, format, truth.volume.grid).volume, labels };
}

async function compareOne(
  pair: Pair,
  values: readonly number[],
  regions: ReadonlyMap<number, readonly number[]> | undefined,
): Promise<LabelMetrics[]> {
  const truth = await readLabels(pair.truth);
  const { grid, data } = truth.volume;
  const prediction = pair.prediction === null ? new Uint8Array(data.length) : (await readOn(pair.prediction, truth)).volume.data;
  return compareLabels(data, prediction, grid.size, spacingOf(grid), values, { regions });
}

/** Mask files of a folder by name without extension. Throws `conflict` where two have one name. */
async function masksIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw new StudioError('not-found', `The folder ${folder} cannot be read.`, { cause: error });
  });
  const masks = new Map<string, string>();
  for (const entry of entries.sort()) {
    if (!isVolumeName(entry) || /\.uncertainty\./.test(entry) || entry.startsWith('.')) continue;
    const name = imageStem(entry);
    const before = masks.get(name);
    if (before !== undefined)
      throw new StudioError(
        'conflict',
        `${before} and ${entry} in ${folder} have one name; say which counts by moving the other one away.`,
      );
    masks.set(name, entry);
  }
  return new Map([...masks].map(([name, entry]) => [name, join(folder, entry)]));
}
