import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { fileName } from '#shared/base/fileName.ts';
import { Random } from '#shared/base/random.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { ArchitectureConfig, ModelCard } from '#shared/domain/modelCard.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { sideMultiple, variant } from '#main/model/variants.ts';
import { forLabels } from '#main/model/weights.ts';
import { paperOptimiser } from '#main/model/trainingStep.ts';
import { fingerprintDataset } from '#main/training/fingerprint.ts';
import { train, type TrainingOutcome } from '#main/training/train.ts';
import { trainingBytes } from '#main/training/trainingNetwork.ts';
import { makeTrainingPlan, type TrainingPlan } from '#main/training/trainingPlan.ts';
import type { CheckpointStore } from '#main/training/checkpoint.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { Task, TaskContext } from '../task.ts';
import { budgetAfterCrashes, defaultMemoryBudget } from './memoryBudget.ts';
import { loadModel, saveModel } from './modelFolder.ts';
import { openExecutor } from './openExecutor.ts';
import { labelSetFrom } from './trainingInput.ts';
import { CasePreparation, type CaseLook, type LeftOutCase } from './prepareCases.ts';

const path = v.union([v.string(), v.array(v.string())]);
const configSchema = v.object({
  cases: v.array(v.object({ name: v.string(), image: path, labels: path })),
  /** What masks may hold; undefined: whatever they hold. */
  labelSet: v.optional(v.object({ labels: v.array(v.object({ value: v.number(), name: v.string(), color: v.string(), locked: v.boolean() })) })),
  /** Of the images, where the files do not say it. */
  modality: v.optional(v.picklist(['CT', 'MR', 'unknown']), 'unknown'),
  /** Names of the cases that validate; undefined: a seeded draw of `validationFraction`. */
  validation: v.optional(v.array(v.string())),
  validationFraction: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(0.5)), 0.2),
  budget: v.union([v.object({ minutes: v.pipe(v.number(), v.gtValue(0)) }), v.object({ steps: v.pipe(v.number(), v.integer(), v.minValue(1)) })]),
  recipe: v.optional(v.picklist(['standard', 'paper']), 'standard'),
  variant: v.optional(v.string()),
  seed: v.optional(v.number(), 0),
  /** Model folder to start from: its architecture, spacing, intensities and patch are kept. */
  from: v.optional(v.string()),
  device: v.optional(v.string(), 'cpu'),
  threads: v.optional(v.number()),
  memoryBudgetBytes: v.optional(v.number()),
  validateEvery: v.optional(v.number()),
  checkpointSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** Which weights to keep: those that validated best, or the final ones. */
  keep: v.optional(v.picklist(['best', 'last']), 'best'),
  /** Voxels along D, H, W, instead of the plan's choice. */
  patch: v.optional(v.tuple([v.number(), v.number(), v.number()])),
  batch: v.optional(v.number()),
  /** Numbers of the recipe to replace, for experiments. */
  adjust: v.optional(v.object({
    learningRate: v.optional(v.number()), warmUp: v.optional(v.number()), weightDecay: v.optional(v.number()), maximumNorm: v.optional(v.number()),
    foregroundShare: v.optional(v.number()), averageSteps: v.optional(v.number()), mirror: v.optional(v.boolean()),
    rotation: v.optional(v.number()), scale: v.optional(v.number()), elastic: v.optional(v.number()), spatialShare: v.optional(v.number()),
    diceWeight: v.optional(v.number()), crossEntropyWeight: v.optional(v.number()),
  }), {}),
});

export type TrainTaskInput = v.InferInput<typeof configSchema>;
export type TrainTaskConfig = v.InferOutput<typeof configSchema>;

export interface TrainTaskResult {
  readonly variant: string;
  readonly device: string;
  readonly steps: number;
  readonly keptStep: number;
  readonly seconds: number;
  readonly trainingCases: number;
  readonly validationCases: readonly string[];
  readonly leftOut: readonly LeftOutCase[];
  readonly plan: TrainingPlan;
  readonly memoryBytes: number;
  /** On the validation cases, by label name; null without them. */
  readonly dice: Readonly<Record<string, number | null>> | null;
  readonly hd95: Readonly<Record<string, number | null>> | null;
  readonly meanDice: number | null;
  readonly parameters: number;
  /** Each label of each validation case. */
  readonly metrics: readonly { readonly caseId: string; readonly label: string; readonly dice: number | null; readonly hd95: number | null; readonly volumeError: number | null }[];
  /** Validations over time. */
  readonly curve: readonly CurvePoint[];
}

/** What a first attempt decided and later ones keep. */
export interface Preparation {
  readonly variant: string;
  readonly architecture: ArchitectureConfig;
  readonly labelSet: LabelSet;
  readonly classToLabel: readonly number[];
  readonly plan: TrainingPlan;
  readonly training: readonly { readonly name: string; readonly file: string; readonly classes: readonly number[] }[];
  readonly validation: readonly { readonly name: string; readonly file: string }[];
  readonly leftOut: readonly LeftOutCase[];
  readonly datasetHash: string;
  readonly startedAt: string;
}

/** Trains a model on labelled cases: `outFolder` gets `model.json` and `weights.safetensors`. */
export const trainTask: Task<TrainTaskConfig, TrainTaskResult> = {
  kind: 'train',
  parse(config) {
    const parsed = v.safeParse(configSchema, config);
    if (!parsed.success) throw new StudioError('invalid-argument', 'The settings of this training are not valid.', { detail: v.summarize(parsed.issues) });
    return parsed.output;
  },
  run: runTraining,
};

async function runTraining(context: TaskContext<TrainTaskConfig>): Promise<TrainTaskResult> {
  const { config, checkpointFolder, outFolder } = context;
  const begun = performance.now();
  const executor = await openExecutor(config.device, { threads: config.threads });
  try {
    const from = config.from === undefined ? undefined : await loadModel(config.from);
    const preparation = (await readPreparation(checkpointFolder)) ?? (await prepare(context, executor, from?.card));
    const { plan, architecture, classToLabel, labelSet } = preparation;
    const base = recipes[config.recipe];
    const { mirror, rotation, scale, elastic, spatialShare, ...numbers } = config.adjust;
    const augmentation = { ...base.augmentation, ...defined({ mirror, rotation, scale, elastic, spatialShare }) };
    const outcome = await train({
      executor, architecture, plan, recipe: { ...base, ...defined(numbers), augmentation },
      budget: config.budget, validateEvery: config.validateEvery, checkpointSeconds: config.checkpointSeconds, keep: config.keep, seed: config.seed,
      trainingCases: preparation.training.map(({ file }) => file), validationCases: preparation.validation.map(({ file }) => file),
      classes: classToLabel.slice(1).map((value, index) => ({
        name: nameOf(labelSet, value), trainingCases: preparation.training.filter(({ classes }) => classes.includes(index + 1)).length,
      })),
      mirrorAxes: mirrorAxesFor(labelSet),
      ...(from && { start: forLabels(from.weights, from.card.classToLabel, classToLabel) }),
      store: fileStore(checkpointFolder),
      memoryBudgetBytes: budgetAfterCrashes(config.memoryBudgetBytes ?? defaultMemoryBudget(executor), stepBytes(executor, architecture, plan), context),
      secondsBefore: (performance.now() - begun) / 1000,
    }, context);
    const card = makeCard(preparation, outcome, config, from?.card);
    await saveModel(outFolder, card, outcome.weights);
    return makeResult(preparation, outcome, executor);
  } finally {
    executor.dispose();
  }
}

/** Bytes of a training step by its budget; undefined where it does not fit. */
function stepBytes(executor: Executor, architecture: ArchitectureConfig, { batch, patch }: Pick<TrainingPlan, 'batch' | 'patch'>) {
  return (memoryBudgetBytes: number | undefined): number | undefined => trainingBytes(executor, architecture, {
    batch, patch, memoryBudgetBytes, optimiser: paperOptimiser, loss: { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 },
  });
}

/** Only the entries that are given. */
function defined<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}

/** What an earlier attempt decided; its case files lie in the folder's `cases`, wherever the folder is by now. */
export async function readPreparation(folder: string): Promise<Preparation | undefined> {
  const text = await readFile(join(folder, 'preparation.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // Earlier versions wrote whole paths, of which only the name counts.
  return withFiles(JSON.parse(text) as Preparation, (file) => join(folder, 'cases', fileName(file)));
}

function withFiles(preparation: Preparation, place: (file: string) => string): Preparation {
  const placed = <Row extends { readonly file: string }>(rows: readonly Row[]): Row[] => rows.map((row) => ({ ...row, file: place(row.file) }));
  return { ...preparation, training: placed(preparation.training), validation: placed(preparation.validation) };
}

/** Reads and writes the cases and decides the plan; kept in the checkpoint folder, where the training finds it. */
export async function prepare(context: Pick<TaskContext<TrainTaskConfig>, 'config' | 'checkpointFolder' | 'alarm' | 'cancellation' | 'report'>, executor: Executor, from: ModelCard | undefined): Promise<Preparation> {
  const { config, checkpointFolder, alarm } = context;
  const work = new CasePreparation();
  const looks = await work.look(config.cases, config.labelSet?.labels.map(({ value }) => value), config.modality, context);
  for (const { reason } of work.leftOut) alarm('warning', `Left out: ${reason}`);
  if (looks.length === 0) throw new StudioError('invalid-file', `None of the ${config.cases.length} cases can be used${work.leftOut[0] ? `; the first: ${work.leftOut[0].reason}` : '.'}`);
  const labelSet = config.labelSet ?? labelSetOf(looks);
  if (labelSet.labels.length === 0) throw new StudioError('invalid-file', 'The masks hold no label at all: there is nothing to learn.');
  const classToLabel = [0, ...labelSet.labels.map(({ value }) => value).sort((a, b) => a - b)];
  const name = from?.variant ?? config.variant ?? defaultVariant(config, executor);
  const architecture = from === undefined ? variant(name, classToLabel.length) : { ...from.architecture, classes: classToLabel.length };
  const plan = from === undefined ? choosePlan(config, executor, architecture, looks) : { spacing: from.spacing, intensity: from.intensity, patch: from.patch, batch: config.batch ?? 2 };
  const files = await work.write(looks, join(checkpointFolder, 'cases'), plan, classToLabel, context);
  const validating = new Set(config.validation ?? drawValidation(looks, config.validationFraction, config.seed));
  const rows = looks.map((look, index) => ({ name: look.case.name, file: files[index] ?? '', classes: classesOf(look, classToLabel) }));
  const training = rows.filter((row) => !validating.has(row.name));
  if (training.length === 0) throw new StudioError('invalid-argument', 'All cases are set aside for validation: there is none left to train on.');
  const preparation: Preparation = {
    variant: name, architecture, labelSet, classToLabel, plan, training, leftOut: work.leftOut,
    validation: rows.filter((row) => validating.has(row.name)),
    datasetHash: createHash('sha256').update(looks.map(({ hash }) => hash).sort().join()).digest('hex'),
    startedAt: new Date().toISOString(),
  };
  await writeFileAtomically(join(checkpointFolder, 'preparation.json'), JSON.stringify(withFiles(preparation, (file) => basename(file))));
  return preparation;
}

function classesOf(look: CaseLook, classToLabel: readonly number[]): number[] {
  return Object.keys(look.fingerprint.labelVoxels).map((value) => classToLabel.indexOf(Number(value)));
}

/** The three-stage preset for processors and small budgets; the paper's Normal for graphics devices and the paper's recipe. */
function defaultVariant(config: TrainTaskConfig, executor: Executor): string {
  return config.recipe === 'paper' || executor.name === 'webgpu' || executor.name === 'tensorflow' ? 'normal' : 'small';
}

function choosePlan(config: TrainTaskConfig, executor: Executor, architecture: ArchitectureConfig, looks: readonly CaseLook[]): TrainingPlan {
  const budget = config.memoryBudgetBytes ?? defaultMemoryBudget(executor);
  const recipe = recipes[config.recipe];
  const fits = (patch: Triple, batch: number): boolean => stepBytes(executor, architecture, { patch, batch })(budget) !== undefined;
  const plan = makeTrainingPlan(fingerprintDataset(looks.map(({ fingerprint }) => fingerprint)), {
    recipe: config.recipe, multiple: sideMultiple(architecture), batch: config.batch ?? recipe.batch ?? 2, fits,
    largestPatch: executor.name === 'cpu' && config.recipe !== 'paper' ? 64 * 64 * 80 : 96 ** 3,
  });
  return config.patch === undefined ? plan : { ...plan, patch: config.patch };
}

/**
 * A seeded part of the cases, at least one of them (where there are two and any are wanted). They are neighbours by name, because
 * neighbours are often of one patient (left and right, follow-ups), who should not both train and validate.
 */
function drawValidation(looks: readonly CaseLook[], fraction: number, seed: number): string[] {
  const names = looks.map((look) => look.case.name).sort();
  const count = fraction === 0 || names.length < 2 ? 0 : Math.min(names.length - 1, Math.max(1, Math.round(fraction * names.length)));
  const first = new Random(seed ^ 0x5eed).integer(names.length);
  return Array.from({ length: count }, (_, index) => names[(first + index) % names.length] ?? '');
}

function labelSetOf(looks: readonly CaseLook[]): LabelSet {
  const values = [...new Set(looks.flatMap(({ fingerprint }) => Object.keys(fingerprint.labelVoxels).map(Number)))].sort((a, b) => a - b);
  return labelSetFrom(values.map((value) => ({ value, name: `Label ${value}` })));
}

function nameOf(labelSet: LabelSet, value: number): string {
  return labelSet.labels.find((label) => label.value === value)?.name ?? `Label ${value}`;
}

/** Left and right may be mirrored unless a label tells them apart. */
export function mirrorAxesFor(labelSet: LabelSet): readonly (0 | 1 | 2)[] {
  return labelSet.labels.some(({ name }) => /left|right|(^|[^a-z])(l|r)([^a-z]|$)/i.test(name)) ? [] : [0];
}

/** Checkpoints as files of a folder. */
export function fileStore(folder: string): CheckpointStore {
  const file = (name: string): string => join(folder, `${name}.safetensors`);
  return {
    load: (name) => readFile(file(name)).catch(() => undefined),
    save: (name, bytes) => writeFileAtomically(file(name), bytes),
  };
}

function byName(preparation: Preparation, outcome: TrainingOutcome, pick: 'dice' | 'hd95'): Record<string, number | null> | null {
  if (outcome.validation === undefined) return null;
  return Object.fromEntries(outcome.validation.summary.map((row) => [nameOf(preparation.labelSet, preparation.classToLabel[row.label] ?? 0), row[pick]]));
}

function makeCard(preparation: Preparation, outcome: TrainingOutcome, config: TrainTaskConfig, from: ModelCard | undefined): ModelCard {
  const { labelSet, classToLabel, plan, architecture, datasetHash, training, startedAt } = preparation;
  const dice = Object.entries(byName(preparation, outcome, 'dice') ?? {}).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  return {
    format: 1, variant: preparation.variant, architecture, labelSet, classToLabel, spacing: plan.spacing, intensity: plan.intensity, patch: plan.patch, datasetHash,
    history: [...(from?.history ?? []), {
      startedAt, minutes: outcome.seconds / 60, steps: outcome.steps, seed: config.seed, cases: training.length,
      validationDice: Object.fromEntries(dice), note: `recipe ${config.recipe}`,
    }],
  };
}

/** Trained numbers; running statistics are none. */
function parameterCount(weights: TrainingOutcome['weights']): number {
  return [...weights].reduce((sum, [name, { data }]) => (/running_(mean|var)$/.test(name) ? sum : sum + data.length), 0);
}

function makeResult(preparation: Preparation, outcome: TrainingOutcome, executor: Executor): TrainTaskResult {
  return {
    variant: preparation.variant, device: executor.description, steps: outcome.steps, keptStep: outcome.keptStep, seconds: outcome.seconds,
    trainingCases: preparation.training.length, validationCases: preparation.validation.map(({ name }) => name), leftOut: preparation.leftOut,
    plan: preparation.plan, memoryBytes: outcome.arenaBytes, dice: byName(preparation, outcome, 'dice'), hd95: byName(preparation, outcome, 'hd95'),
    meanDice: outcome.validation?.score ?? null, parameters: parameterCount(outcome.weights),
    metrics: (outcome.validation?.cases ?? []).flatMap(({ name, metrics }) => metrics.map(({ label, dice, hd95, volumeError }) => ({
      caseId: name, label: nameOf(preparation.labelSet, preparation.classToLabel[label] ?? 0), dice, hd95, volumeError,
    }))),
    curve: outcome.curve.filter((point) => point.dice !== null),
  };
}
