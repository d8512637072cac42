import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { readDataset } from '#main/imageio/dataset.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import type { Weights } from '#main/model/weights.ts';
import type { CheckpointStore } from '#main/training/checkpoint.ts';
import { train } from '#main/training/train.ts';
import type { TrainingPlan } from '#main/training/trainingPlan.ts';
import { validate } from '#main/training/validate.ts';
import type { TaskContext } from '../task.ts';
import { prepareScans, type PreparedScan } from './clusterScans.ts';
import { openExecutor } from './openExecutor.ts';
import { mirrorAxesFor, prepare, readPreparation, trainTask } from './train.ts';
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
  /** For the progress line. */
  readonly title: string;
}

/** The split into pool and test depends on this alone, so that experiments on one data set compare. */
const SPLIT_SEED = 20240825;
const SCANS_LEFT_UNLABELLED = 2;

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
  const { prepared: unlabelled } = await prepareScans(bare, folder, plan, context);
  const order = new Random(SPLIT_SEED).shuffle(preparation.training.map(({ name, file }) => ({ id: name, file })).sort((a, b) => (a.id < b.id ? -1 : 1)));
  const test = order.slice(0, config.testCases);
  const names = classToLabel.slice(1).map((value) => labelSet.labels.find((label) => label.value === value)?.name ?? `Label ${value}`);

  const trainAndTest = async (trial: Trial): Promise<Outcome & { weights: Weights }> => {
    const quiet = { ...context, point: () => undefined, alarm: () => undefined, report: (progress: Parameters<typeof context.report>[0]) => { context.report({ ...progress, phase: `${trial.title}: ${progress.phase.toLowerCase()}` }); } };
    const outcome = await train({
      executor, architecture: trial.architecture, plan, recipe: recipes.standard, budget: trial.budget, validateEvery: 1_000_000_000, seed: trial.seed,
      trainingCases: trial.cases.map(({ file }) => file), validationCases: [], keep: 'last',
      classes: names.map((name) => ({ name, trainingCases: trial.cases.length })), mirrorAxes: mirrorAxesFor(labelSet), store: memoryStore(),
      ...(trial.start && { start: trial.start }),
    }, quiet);
    const predictor = await NetworkPredictor.create(executor, trial.architecture, plan.patch, outcome.weights);
    try {
      const { summary, score } = await validate(predictor, test.map(({ file }) => file), {
        cancellation: context.cancellation, turn: context.turn, onProgress: (fraction) => { quiet.report({ phase: 'Measuring', fraction }); },
      });
      return { weights: outcome.weights, meanDice: score, dice: Object.fromEntries(summary.map(({ dice }, index) => [names[index] ?? '', dice])), steps: outcome.steps, seconds: outcome.seconds };
    } finally {
      predictor.dispose();
    }
  };
  return { executor, plan, architecture, labelSet, classToLabel, pool: order.slice(config.testCases), test, unlabelled, trainAndTest, close: () => { executor.dispose(); } };
}

/** A trial is short: an interrupted one begins anew. */
function memoryStore(): CheckpointStore {
  const kept = new Map<string, Uint8Array>();
  return {
    load: (name) => Promise.resolve(kept.get(name)),
    save: (name, bytes) => {
      kept.set(name, bytes);
      return Promise.resolve();
    },
  };
}
