import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { Random } from '#shared/base/random.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { readDataset } from '#main/imageio/dataset.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import type { Weights } from '#main/model/weights.ts';
import { train } from '#main/training/train.ts';
import type { TrainingPlan } from '#main/training/trainingPlan.ts';
import { validate } from '#main/training/validate.ts';
import type { TaskContext } from '../task.ts';
import { prepareScans, type PreparedScan } from './clusterScans.ts';
import { defaultMemoryBudget } from './memoryBudget.ts';
import { openExecutor } from './openExecutor.ts';
import { fileStore, mirrorAxesFor, prepare, readPreparation, trainTask } from './train.ts';
import { labelSetFrom } from './trainingInput.ts';

export interface LabConfig {
  /** dataset.json; its cases without a mask are the unlabelled ones. */
  readonly dataset: string;
  readonly variant: string;
  readonly device: string;
  readonly threads?: number | undefined;
  /** Labelled cases that measure; the same for every trial. */
  readonly testCases: number;
}

/** One training and its measure on the test cases. */
export interface Outcome {
  readonly meanDice: number;
  readonly dice: Readonly<Record<string, number | null>>;
  readonly steps: number;
  readonly seconds: number;
}

/** Everything that the trials of an experiment share: one plan, one split, one device. */
export interface Lab {
  readonly executor: Executor;
  readonly plan: TrainingPlan;
  readonly architecture: ArchitectureConfig;
  readonly labelSet: LabelSet;
  readonly classToLabel: readonly number[];
  /** Labelled cases that may train. */
  readonly pool: readonly PreparedScan[];
  readonly test: readonly PreparedScan[];
  readonly unlabelled: readonly PreparedScan[];
  readonly trainAndTest: (trial: Trial) => Promise<Outcome & { readonly weights: Weights }>;
  readonly close: () => void;
}

export interface Trial {
  readonly architecture: ArchitectureConfig;
  readonly cases: readonly PreparedScan[];
  readonly budget: TrainConfig['budget'];
  readonly seed: number;
  readonly start?: Weights;
  /** For the progress line; unlike that of any other trial. */
  readonly title: string;
  readonly report: ReportProgress;
}

/** The split into pool and test depends on this alone, so that experiments on one data set compare. */
const SPLIT_SEED = 20240825;
const SCANS_LEFT_UNLABELLED = 2;

/** Sets test cases aside; the same ones in every study of a data set. */
export function splitCases<Case extends { readonly id: string }>(cases: readonly Case[], testCases: number): { readonly test: Case[]; readonly pool: Case[] } {
  const order = new Random(SPLIT_SEED).shuffle([...cases].sort((a, b) => (a.id < b.id ? -1 : 1)));
  return { test: order.slice(0, testCases), pool: order.slice(testCases) };
}

/** The cases of a pool that a seed's trials begin with. */
export function drawCases<Case>(pool: readonly Case[], count: number, seed: number): Case[] {
  return new Random(1000 + seed).shuffle([...pool]).slice(0, count);
}

/** Reads and prepares the data set (once for a checkpoint folder). Throws `invalid-argument` where it is too small. */
export async function openLab(config: LabConfig, context: TaskContext<unknown>): Promise<Lab> {
  const described = await readDataset(config.dataset);
  const labelled = described.cases.flatMap(({ name, image, label }) => (label === undefined ? [] : [{ name, image, labels: label }]));
  const bare = described.cases.flatMap(({ name, image, label }) => (label === undefined ? [{ id: name, name, image }] : []));
  if (labelled.length < config.testCases + SCANS_LEFT_UNLABELLED) {
    throw new StudioError('invalid-argument', `${labelled.length} labelled cases are too few for ${config.testCases} test cases; ask for fewer with --test.`);
  }
  const folder = join(context.checkpointFolder, 'data');
  await mkdir(folder, { recursive: true });
  const executor = await openExecutor(config.device, { threads: config.threads });
  const preparation = (await readPreparation(folder)) ?? await prepare({
    config: trainTask.parse({
      cases: labelled, labelSet: described.labels.length === 0 ? undefined : labelSetFrom(described.labels), modality: described.modality,
      validationFraction: 0, budget: { steps: 1 }, variant: config.variant, device: config.device, threads: config.threads,
    }),
    checkpointFolder: folder, alarm: context.alarm, cancellation: context.cancellation, report: context.report,
  }, executor, undefined);
  const { plan, architecture, labelSet, classToLabel } = preparation;
  const { prepared: unlabelled } = await prepareScans(bare, join(folder, 'unlabelled'), plan, context);
  const { test, pool } = splitCases(preparation.training.map(({ name, file }) => ({ id: name, file })), config.testCases);
  const names = classToLabel.slice(1).map((value) => labelSet.labels.find((label) => label.value === value)?.name ?? `Label ${value}`);

  const trainAndTest = async (trial: Trial): Promise<Outcome & { weights: Weights }> => {
    const quiet = {
      ...context, point: () => undefined, alarm: () => undefined,
      report: ({ phase, fraction, detail }: Parameters<ReportProgress>[0]) => {
        trial.report({ phase: `${trial.title}: ${phase.toLowerCase()}`, fraction: phase === 'Training' ? 0.95 * fraction : 0.95 + 0.05 * fraction, ...(detail !== undefined && { detail }) });
      },
    };
    const trialFolder = join(context.checkpointFolder, 'trial', createHash('sha256').update(trial.title).digest('hex').slice(0, 16));
    await mkdir(trialFolder, { recursive: true });
    const outcome = await train({
      executor, architecture: trial.architecture, plan, recipe: recipes.standard, budget: trial.budget, validateEvery: 1_000_000_000, seed: trial.seed,
      trainingCases: trial.cases.map(({ file }) => file), validationCases: [], keep: 'last',
      classes: names.map((name) => ({ name, trainingCases: trial.cases.length })), mirrorAxes: mirrorAxesFor(labelSet), store: fileStore(trialFolder), memoryBudgetBytes: defaultMemoryBudget(executor),
      ...(trial.start && { start: trial.start }),
    }, quiet);
    const predictor = await NetworkPredictor.create(executor, trial.architecture, plan.patch, outcome.weights);
    try {
      const { summary, score } = await validate(predictor, test.map(({ file }) => file), {
        cancellation: context.cancellation, turn: context.turn, onProgress: (fraction) => { quiet.report({ phase: 'Measuring', fraction }); },
      });
      await rm(trialFolder, { recursive: true, force: true });
      return { weights: outcome.weights, meanDice: score, dice: Object.fromEntries(summary.map(({ dice }, index) => [names[index] ?? '', dice])), steps: outcome.steps, seconds: outcome.seconds };
    } finally {
      predictor.dispose();
    }
  };
  return { executor, plan, architecture, labelSet, classToLabel, pool, test, unlabelled, trainAndTest, close: () => { executor.dispose(); } };
}
