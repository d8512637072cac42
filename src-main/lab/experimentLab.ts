import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { Severity } from '#shared/domain/job.ts';
import { sameChannelName } from '#shared/domain/caseImages.ts';
import { labelName, labelSetFrom, type LabelSet } from '#shared/domain/labelSet.ts';
import { classRegionsOf, insideOf } from '#shared/domain/regions.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { recipeLoss, recipes } from '#shared/domain/trainConfig.ts';
import type { ContrastRule, LossName, Recipe, SliceRule, TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { isImportedNetwork } from '#main/model/networkConfig.ts';
import type { Weights } from '#main/model/weights.ts';
import { train } from '#main/training/train.ts';
import { chooseLoss, sliceRuleOf, type TrainingPlan } from '#main/training/trainingPlan.ts';
import { validate } from '#main/training/validate.ts';
import type { TaskContext } from '#main/jobs/task.ts';
import { fileStore } from '#main/training/preparation/checkpointFolder.ts';
import { prepare, readPreparation } from '#main/training/preparation/prepare.ts';
import { prepareScans, type PreparedScan } from '#main/training/preparation/scans.ts';
import { defaultMemoryBudget } from '#main/training/memoryBudget.ts';
import { openExecutor } from '#main/engine/devices/openExecutor.ts';
import { adjustRecipe } from '#main/training/trainingRecipe.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import { CasePreparation } from '#main/training/preparation/labelledCases.ts';
import { drawCases, readBed, splitCases, withMasks, type BedSource } from './bed.ts';

export interface LabConfig extends BedSource {
  readonly variant: string;
  readonly device: string;
  readonly threads?: number | undefined;
  /** Patients among the labelled cases that only measure, the same for every trial; without meaning where the set has test cases of its own. */
  readonly testCases: number;
  /** Patients that train. */
  readonly labelled: number;
  /** Folder of the set that has the masks that train, instead of labelsTr. */
  readonly masks?: string | undefined;
  /** Label value of voxels that nobody marked. */
  readonly ignore?: number | undefined;
  /** Voxels along D, H, W, and patches in a step; the plan's unless given. */
  readonly patch?: readonly [number, number, number] | undefined;
  readonly batch?: number | undefined;
  readonly slices?: SliceRule | undefined;
  readonly contrast?: ContrastRule | undefined;
  /** mm along i, j, k; the plan's unless given. */
  readonly spacing?: readonly [number, number, number] | undefined;
}

/** One training and its measure on the test cases. */
export interface Outcome {
  readonly meanDice: number;
  readonly dice: Readonly<Record<string, number | null>>;
  /** Of each test case, by label. */
  readonly cases: readonly { readonly name: string; readonly dice: Readonly<Record<string, number | null>> }[];
  readonly steps: number;
  readonly seconds: number;
}

/** Everything that the trials of an experiment share: one plan, one split, one device. */
export interface Lab {
  readonly executor: Executor;
  readonly plan: TrainingPlan;
  /** The standard one, as the plan has it. */
  readonly recipe: Recipe;
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
  /** Scans that train without their masks. */
  readonly unlabelled?: readonly PreparedScan[];
  readonly budget: TrainConfig['budget'];
  readonly seed: number;
  readonly start?: Weights;
  /** Names of the images that the network takes of each case; all unless given. */
  readonly channels?: readonly string[];
  /** The lab's recipe and the weighted loss unless given. */
  readonly recipe?: Recipe;
  readonly loss?: LossName;
  /** For the progress line; unlike that of any other trial. */
  readonly title: string;
  readonly report: ReportProgress;
}

const FEWEST_TRAINING = 2;
const nameOf = ({ name }: { readonly name: string }): string => name;

/** Reads and prepares the data set (once for a checkpoint folder). Throws `invalid-argument` where it is too small. */
export async function openLab(config: LabConfig, context: TaskContext<unknown>): Promise<Lab> {
  const bed = await readBed(config);
  const { test: measured, pool: training } =
    bed.test === undefined ? splitCases(bed.labelled, config.testCases, nameOf) : { test: bed.test, pool: bed.labelled };
  if (training.length < FEWEST_TRAINING) {
    throw new StudioError(
      'invalid-argument',
      `${bed.labelled.length} labelled cases are too few for ${config.testCases} test cases; ask for fewer with --test.`,
    );
  }
  const folder = join(context.checkpointFolder, 'data');
  await mkdir(folder, { recursive: true });
  const executor = await openExecutor(config.device, { threads: config.threads, alarm: context.alarm });
  const kept = await readPreparation(folder);
  // The grid is that of as many cases as train, its numbers are of all that may.
  const atOnce = drawCases(training, config.labelled, 0, nameOf).length;
  // One of an earlier version does not say how much of the voxels each class has.
  const preparation =
    kept?.plan.classShares !== undefined
      ? kept
      : await prepare(
          executor,
          {
            cases: config.masks === undefined ? training : withMasks(training, resolve(config.dataset, config.masks)),
            labelSet: bed.labels.length === 0 ? undefined : labelSetFrom(bed.labels),
            ignore: config.ignore,
            modality: bed.modality,
            channels: bed.channels,
            validationFraction: 0,
            recipe: 'standard',
            variant: config.variant,
            seed: 0,
            patch: config.patch,
            batch: config.batch,
            slices: config.slices ?? (config.spacing === undefined ? sliceRuleOf('standard', { cases: atOnce }) : undefined),
            contrast: config.contrast,
            spacing: config.spacing,
          },
          folder,
          undefined,
          context,
        );
  const { plan, architecture, labelSet, classToLabel } = preparation;
  const standard = adjustRecipe(recipes.standard, plan.augmentation ?? {});
  if (isImportedNetwork(architecture)) throw new StudioError('unsupported', 'Experiments train networks of this program.');
  // Test cases are written by the plan that the others led to.
  const work = new CasePreparation();
  const wanted = bed.channels && { names: bed.channels, optional: [] };
  const looks = await work.look(measured, classToLabel.slice(1), bed.modality, context, undefined, wanted);
  for (const { reason } of work.skipped) context.alarm('warning', `Left out: ${reason}`);
  const files = await work.write(looks, join(folder, 'test'), plan, classToLabel, context, undefined, wanted);
  const test = looks.map(({ case: { name } }, index) => ({ id: name, file: files[index] ?? '' }));
  const bare = bed.unlabelled.map(({ name, image, channels }) => ({ id: name, name, image, channels }));
  const { prepared: unlabelled } = await prepareScans(bare, join(folder, 'unlabelled'), plan, context);
  const pool = preparation.training.map(({ name, file }) => ({ id: name, file }));
  const names = classToLabel.slice(1).map((value) => labelName(labelSet, value));
  const byName = (rows: readonly { readonly dice: number | null }[]): Record<string, number | null> =>
    Object.fromEntries(rows.map(({ dice }, index) => [names[index] ?? '', dice]));

  const trainAndTest = async (trial: Trial): Promise<Outcome & { weights: Weights }> => {
    const quiet = {
      ...context,
      point: () => undefined,
      alarm: (severity: Severity, message: string) => {
        context.alarm(severity, `${trial.title}: ${message}`);
      },
      report: ({ phase, fraction, detail }: Parameters<ReportProgress>[0]) => {
        trial.report({
          phase: `${trial.title}: ${phase.toLowerCase()}`,
          fraction: phase === 'Training' ? 0.95 * fraction : 0.95 + 0.05 * fraction,
          ...(detail !== undefined && { detail }),
        });
      },
    };
    const trialFolder = join(context.checkpointFolder, 'trial', createHash('sha256').update(trial.title).digest('hex').slice(0, 16));
    await mkdir(trialFolder, { recursive: true });
    const recipe = trial.recipe ?? standard;
    const taken = channelsFor(plan, trial.channels);
    const architecture = { ...trial.architecture, inChannels: taken?.numbers.length ?? 1 };
    const outcome = await train(
      {
        executor,
        architecture,
        plan: {
          ...plan,
          ...(taken && { channels: taken.channels }),
          loss: chooseLoss(trial.loss ?? recipeLoss.standard, plan.classShares ?? [], recipe, insideOf(labelSet, classToLabel)),
        },
        recipe,
        budget: trial.budget,
        validateEvery: 1_000_000_000,
        seed: trial.seed,
        trainingCases: trial.cases.map(({ file }) => file),
        ...(trial.unlabelled && { unlabelledCases: trial.unlabelled.map(({ file }) => file) }),
        validationCases: [],
        keep: 'last',
        ...(taken && { channels: taken.numbers }),
        classes: names.map((name) => ({ name, trainingCases: trial.cases.length })),
        mirrorAxes: mirrorAxesFor(labelSet, plan),
        store: fileStore(trialFolder),
        memoryBudgetBytes: defaultMemoryBudget(executor),
        ...(trial.start && { start: trial.start }),
      },
      quiet,
    );
    const predictor = await NetworkPredictor.create(executor, architecture, plan.patch, outcome.weights);
    try {
      const { summary, score, cases } = await validate(
        predictor,
        test.map(({ file }) => file),
        {
          channels: taken?.numbers,
          regions: classRegionsOf(labelSet, classToLabel),
          cancellation: context.cancellation,
          turn: context.turn,
          onProgress: (fraction) => {
            quiet.report({ phase: 'Measuring', fraction });
          },
        },
      );
      await rm(trialFolder, { recursive: true, force: true });
      return {
        weights: outcome.weights,
        meanDice: score,
        dice: byName(summary),
        cases: cases.map(({ name, metrics }) => ({ name, dice: byName(metrics) })),
        steps: outcome.steps,
        seconds: outcome.seconds,
      };
    } finally {
      predictor.dispose();
    }
  };
  return {
    executor,
    plan,
    recipe: standard,
    architecture,
    labelSet,
    classToLabel,
    pool,
    test,
    unlabelled,
    trainAndTest,
    close: () => {
      executor.dispose();
    },
  };
}

/** Which of the plan's images a trial takes. Throws `invalid-argument` for one that the set does not have. */
function channelsFor({ channels }: TrainingPlan, names: readonly string[] | undefined) {
  if (channels === undefined && names === undefined) return undefined;
  const all = channels ?? [];
  const numbers = (names ?? all.map(({ name }) => name)).map((name) => {
    const found = all.findIndex((channel) => sameChannelName(channel.name, name));
    if (found >= 0) return found;
    throw new StudioError(
      'invalid-argument',
      `This data set has no image “${name}” of a case; it has ${all.length === 0 ? 'one each' : all.map((each) => each.name).join(', ')}.`,
    );
  });
  return { numbers, channels: numbers.flatMap((n) => all[n] ?? []) };
}
