import { mkdir } from 'node:fs/promises';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { variant } from '#main/model/variants.ts';
import type { Task } from '../task.ts';
import { clusterScans, prepareScans } from './clusterScans.ts';
import { openExecutor } from './openExecutor.ts';
import { pretrainScans } from './pretrainScans.ts';

const scans = v.array(v.object({ id: v.string(), name: v.string(), image: v.union([v.string(), v.array(v.string())]) }));
const rule = {
  spacing: v.tuple([v.number(), v.number(), v.number()]),
  intensity: v.variant('kind', [
    v.object({ kind: v.literal('window'), low: v.number(), high: v.number() }),
    v.object({ kind: v.literal('zscore'), lowPercentile: v.number(), highPercentile: v.number() }),
  ]),
};
const common = { scans, ...rule, learnedFolder: v.string(), device: v.optional(v.string(), 'cpu'), threads: v.optional(v.number()), seed: v.optional(v.number(), 0) };

const clusterSchema = v.object({ ...common, clusterers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255)), 8), largestK: v.optional(v.number(), 500) });
const pretrainSchema = v.object({
  ...common,
  variant: v.string(),
  labelSet: v.object({ labels: v.array(v.object({ value: v.number(), name: v.string(), color: v.string(), locked: v.boolean() })) }),
  patch: v.tuple([v.number(), v.number(), v.number()]),
  batch: v.optional(v.number(), 2),
  budget: v.union([v.object({ minutes: v.number() }), v.object({ steps: v.number() })]),
  clusterers: v.optional(v.number()),
  masking: v.optional(v.boolean(), true),
});

function parser<S extends v.GenericSchema>(schema: S, what: string): (config: unknown) => v.InferOutput<S> {
  return (config) => {
    const parsed = v.safeParse(schema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', `The settings of this ${what} are not valid.`, { detail: v.summarize(parsed.issues) });
    return parsed.output;
  };
}

export interface ClusterResult {
  readonly scans: number;
  readonly clusterers: number;
  readonly clusters: number;
  readonly inertia: readonly number[];
}

/** Clusters the slices of scans; the pseudo-labels stay in the learned folder. */
export const clusterTask: Task<v.InferOutput<typeof clusterSchema>, ClusterResult> = {
  kind: 'cluster',
  parse: parser(clusterSchema, 'clustering'),
  async run(context) {
    const { config } = context;
    await mkdir(config.learnedFolder, { recursive: true });
    const executor = await openExecutor(config.device, { threads: config.threads });
    try {
      const { prepared } = await prepareScans(config.scans, config.learnedFolder, config, context);
      const { clusterers, clusters, inertia } = await clusterScans(executor, prepared, config.learnedFolder, config, context);
      return { scans: prepared.length, clusterers, clusters, inertia };
    } finally {
      executor.dispose();
    }
  },
};

export interface PretrainResult {
  readonly scans: number;
  readonly steps: number;
  /** Model folder of the backbone. */
  readonly backbone: string;
  /** What was fitted to the device, and why. */
  readonly sentence: string;
  readonly clusterers: number;
  readonly clusters: number;
  readonly loss: number | null;
}

/** Clusters scans and pre-trains a backbone on them. */
export const pretrainTask: Task<v.InferOutput<typeof pretrainSchema>, PretrainResult> = {
  kind: 'pretrain',
  parse: parser(pretrainSchema, 'pre-training'),
  async run(context) {
    const { config } = context;
    await mkdir(config.learnedFolder, { recursive: true });
    const executor = await openExecutor(config.device, { threads: config.threads });
    try {
      const { prepared } = await prepareScans(config.scans, config.learnedFolder, config, context);
      const { spacing, intensity, patch, labelSet } = config;
      const classToLabel = [0, ...labelSet.labels.map(({ value }) => value).sort((a, b) => a - b)];
      const result = await pretrainScans({
        executor, batch: config.batch, scans: prepared, learnedFolder: config.learnedFolder, budget: config.budget, seed: config.seed,
        card: { format: 1, variant: config.variant, architecture: variant(config.variant, classToLabel.length), labelSet, classToLabel, spacing, intensity, patch },
        clusterers: config.clusterers, masking: config.masking ? undefined : null,
      }, context);
      return { scans: prepared.length, steps: result.steps, backbone: result.folder, sentence: result.fit.sentence, clusterers: config.clusterers ?? result.fit.clusterers, clusters: result.fit.clusters, loss: result.loss };
    } finally {
      executor.dispose();
    }
  },
};
