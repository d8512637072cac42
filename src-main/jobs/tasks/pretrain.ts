import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { chooseEnsemble, subsetSize } from '#main/clustering/ensemble.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { variant } from '#main/model/variants.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { Task, TaskContext } from '../task.ts';
import { clusterScans, prepareScans, type PreparedScan } from './clusterScans.ts';
import { writePseudoLabelTable } from './learned.ts';
import { openExecutor } from './openExecutor.ts';
import { pretrainScans } from './pretrainScans.ts';
import { chooseScanRule, type ScanRule } from './scanRule.ts';

const scans = v.array(v.object({ id: v.string(), name: v.string(), image: v.union([v.string(), v.array(v.string())]), contentHash: v.optional(v.string()) }));
const spacing = v.tuple([v.number(), v.number(), v.number()]);
const intensity = v.variant('kind', [
  v.object({ kind: v.literal('window'), low: v.number(), high: v.number() }),
  v.object({ kind: v.literal('zscore'), lowPercentile: v.number(), highPercentile: v.number() }),
]);
const common = { scans, learnedFolder: v.string(), device: v.optional(v.string(), 'cpu'), threads: v.optional(v.number()), seed: v.optional(v.number(), 0) };

const clusterSchema = v.object({
  ...common,
  /** As a model has them; chosen from the scans themselves unless given. */
  spacing: v.optional(spacing),
  intensity: v.optional(intensity),
  clusterers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255)), 16),
  largestK: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2)), 500),
});
const pretrainSchema = v.object({
  ...common, spacing, intensity,
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

type Common = Pick<v.InferOutput<typeof clusterSchema>, 'scans' | 'learnedFolder' | 'device' | 'threads'>;

/** Opens the device and prepares the scans by a rule, works with them, and closes the device again. */
async function withScans<Config extends Common, Result>(
  context: TaskContext<Config>, rule: ScanRule, work: (executor: Executor, prepared: readonly PreparedScan[]) => Promise<Result>,
): Promise<Result> {
  const { config } = context;
  const executor = await openExecutor(config.device, { threads: config.threads });
  try {
    const { prepared } = await prepareScans(config.scans, config.learnedFolder, rule, context);
    return await work(executor, prepared);
  } finally {
    executor.dispose();
  }
}

export interface ClusterResult {
  readonly scans: number;
  readonly slices: number;
  readonly clusterers: number;
  readonly clusters: number;
  readonly inertia: readonly number[];
  /** N and K, and what they follow from. */
  readonly sentence: string;
  /** CSV: every slice's cluster by each clusterer. */
  readonly table: string;
}

/** Clusters the slices of scans; the pseudo-labels stay in the learned folder. */
export const clusterTask: Task<v.InferOutput<typeof clusterSchema>, ClusterResult> = {
  kind: 'cluster',
  parse: parser(clusterSchema, 'clustering'),
  async run(context) {
    const { config } = context;
    if (config.scans.length === 0) throw new StudioError('invalid-argument', 'There is no scan to cluster; import some first.');
    return withScans(context, await ruleFor(context), async (executor, prepared) => {
      const { clusterers, clusters, inertia } = await clusterScans(executor, prepared, config.learnedFolder, config, context);
      const { path, slices } = await writePseudoLabelTable(config.learnedFolder);
      const { smallestK, largestK, fraction, iterations } = chooseEnsemble(slices, clusterers, config.seed, config.largestK);
      const sentence = `${slices} slices of ${prepared.length} scans: ${clusterers} clusterers of ${smallestK} to ${largestK} clusters (about eight of a subset's slices to a cluster, 500 at most), each made from ${subsetSize(slices, fraction)} slices in ${iterations} batches.`;
      return { scans: prepared.length, slices, clusterers, clusters, inertia, sentence, table: path };
    });
  },
};

/** The given rule, or the one that an earlier attempt chose, or one chosen now. */
async function ruleFor(context: TaskContext<v.InferOutput<typeof clusterSchema>>): Promise<ScanRule> {
  const { config } = context;
  if (config.spacing !== undefined && config.intensity !== undefined) return { spacing: config.spacing, intensity: config.intensity };
  const file = join(context.checkpointFolder, 'rule.json');
  const ids = config.scans.map(({ id }) => id);
  const kept = await readFile(file, 'utf8').then((text) => JSON.parse(text) as ScanRule & { readonly ids: readonly string[] }, () => undefined);
  if (kept !== undefined && JSON.stringify(kept.ids) === JSON.stringify(ids)) return { spacing: kept.spacing, intensity: kept.intensity };
  const rule = await chooseScanRule(config.scans, context);
  await writeFileAtomically(file, JSON.stringify({ ...rule, ids }));
  return rule;
}

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
  run: (context) => withScans(context, context.config, async (executor, prepared) => {
    const { config } = context;
    const { labelSet, patch } = config;
    const classToLabel = [0, ...labelSet.labels.map(({ value }) => value).sort((a, b) => a - b)];
    const result = await pretrainScans({
      executor, batch: config.batch, scans: prepared, learnedFolder: config.learnedFolder, budget: config.budget, seed: config.seed,
      card: {
        format: 1, variant: config.variant, architecture: variant(config.variant, classToLabel.length), labelSet, classToLabel,
        spacing: config.spacing, intensity: config.intensity, patch,
      },
      clusterers: config.clusterers, masking: config.masking ? undefined : null,
    }, context);
    return { scans: prepared.length, steps: result.steps, backbone: result.folder, sentence: result.fit.sentence, clusterers: config.clusterers ?? result.fit.clusterers, clusters: result.fit.clusters, loss: result.loss };
  }),
};
