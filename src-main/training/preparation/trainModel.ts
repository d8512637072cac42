import { defined } from '#shared/base/defined.ts';
import { must } from '#shared/base/assert.ts';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import type { ModelCard, TrainingHistoryEntry } from '#shared/domain/modelCard.ts';
import { labelName } from '#shared/domain/labelSet.ts';
import { classRegionsOf } from '#shared/domain/regions.ts';
import { recipes, type TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Work } from '#shared/domain/work.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import { isImported, type StoredImport, type StoredModel } from '#main/model/modelFolder.ts';
import { isImportedNetwork } from '#main/model/networkConfig.ts';
import { forLabels, type Weights } from '#main/model/weights.ts';
import type { CheckpointStore } from '../checkpoint.ts';
import { choiceText, chooseWeights, optimismOf } from './chooseWeights.ts';
import { budgetAfterCrashes, defaultMemoryBudget, stepBytes } from '../memoryBudget.ts';
import { asFold, goingOn, importedMirrorAxes, startingWeights } from './importedModel.ts';
import type { Preparation } from './prepare.ts';
import type { PreparationSettings } from './preparationSettings.ts';
import { validate, type Validation } from '../validate.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import type { TrainingOutcome } from '../train.ts';
import { cardOf } from '../trainingPlan.ts';
import { adjustRecipe, type RecipeAdjustment } from '../trainingRecipe.ts';
import { together, trainInTurns } from './trainInTurns.ts';

export interface TrainModelSettings extends PreparationSettings {
  readonly budget: TrainConfig['budget'];
  readonly validateEvery?: number | undefined;
  readonly checkpointSeconds?: number | undefined;
  /** What becomes of another run's checkpoint; 'refuse' unless given. */
  readonly otherRun?: 'refuse' | 'beginAgain' | undefined;
  /** Which weights to keep: those that validated best, or the final ones. */
  readonly keep: 'best' | 'last';
  /** Numbers of the recipe to replace. */
  readonly adjust: RecipeAdjustment;
}

export interface TrainedModel {
  readonly preparation: Preparation;
  readonly outcome: TrainingOutcome;
  readonly card: ModelCard | ImportedModelCard;
  /** As the model's folder holds them. */
  readonly weights: Weights;
}

/**
 * Trains a model on prepared cases, starting from the weights of `from` where it is given, and resumes from the store's checkpoint where
 * there is one. `begun` (performance.now()): since when its budget runs. Throws what `train` throws.
 */
export async function trainModel(
  executor: Executor,
  preparation: Preparation,
  from: StoredModel | StoredImport | undefined,
  settings: TrainModelSettings,
  store: CheckpointStore,
  begun: number,
  work: Work,
): Promise<TrainedModel> {
  const { plan, architecture, classToLabel, labelSet, unlabelled = [] } = preparation;
  const start = from && startOf(from, preparation);
  const between = settings.interpolate === true ? start : undefined;
  const regions = classRegionsOf(labelSet, classToLabel);
  const recipe = adjustRecipe(recipes[settings.recipe], { ...plan.augmentation, ...defined(settings.adjust) });
  const turns = await trainInTurns(
    {
      executor,
      architecture,
      plan,
      recipe: between === undefined ? recipe : { ...recipe, learningRate: recipe.learningRate * rateShare(preparation.training.length) },
      budget: settings.budget,
      validateEvery: settings.validateEvery,
      checkpointSeconds: settings.checkpointSeconds,
      keep: settings.keep,
      ...(settings.otherRun && { otherRun: settings.otherRun }),
      seed: settings.seed,
      trainingCases: preparation.training.map(({ file }) => file),
      validationCases: preparation.validation.map(({ file }) => file),
      unlabelledCases: unlabelled.map(({ file }) => file),
      ...(plan.channels && { channels: plan.channels.map((_channel, n) => n) }),
      classes: classToLabel.slice(1).map((value, index) => ({
        name: labelName(labelSet, value),
        trainingCases: preparation.training.filter(({ classes }) => classes.includes(index + 1)).length,
      })),
      regions,
      mirrorAxes: plan.pipeline === undefined ? mirrorAxesFor(labelSet, plan) : importedMirrorAxes(plan.pipeline, labelSet),
      ...(start && { start }),
      store,
      memoryBudgetBytes: budgetAfterCrashes(
        settings.memoryBudgetBytes ?? defaultMemoryBudget(executor),
        stepBytes(executor, architecture, plan, unlabelled.length > 0),
        work,
      ),
      secondsBefore: (performance.now() - begun) / 1000,
    },
    preparation.turns ?? [{ training: preparation.training, apart: preparation.apart ?? [] }],
    work,
  );
  const trained = together(turns);
  if (between === undefined) return finished(preparation, trained, settings, from);
  const results = turns.map(({ outcome: { weights }, apart }) => ({ after: weights, apart }));
  // Two turns leave slices out; one leaves out whole cases, which promise nothing that others do not keep.
  const optimism = turns.length === 2 ? optimismOf(preparation.training.length) : 0;
  const chosen = await chooseWeights(executor, architecture, { ...plan, regions }, between, results, work, optimism);
  work.alarm('info', choiceText(chosen));
  const outcome = {
    ...trained,
    weights: chosen.weights,
    validation: trained.validation && (await validateKept(executor, preparation, chosen.weights, work)),
  };
  return finished(preparation, outcome, settings, from, `, new weights count ${chosen.part}`);
}

function startOf(from: StoredModel | StoredImport, { plan, classToLabel }: Preparation): Weights {
  return isImported(from)
    ? startingWeights(from, must(plan.pipeline, 'the pipeline of an imported model'))
    : forLabels(from.weights, from.card.classToLabel, classToLabel);
}

/** The weights that are kept lie between those that the training measured. */
async function validateKept(
  executor: Executor,
  { architecture, plan, validation, labelSet, classToLabel }: Preparation,
  weights: Weights,
  work: Work,
): Promise<Validation> {
  const predictor = await NetworkPredictor.create(executor, architecture, plan.patch);
  try {
    await predictor.load(weights);
    const files = validation.map(({ file }) => file);
    const channels = plan.channels?.map((_channel, n) => n);
    return await validate(predictor, files, { ...work, channels, regions: classRegionsOf(labelSet, classToLabel), distances: true });
  } finally {
    predictor.dispose();
  }
}

/** With few cases a model in use is changed more slowly: an eighth of the recipe's rate with one, all of it from eight on. */
function rateShare(cases: number): number {
  return Math.min(1, cases / 8);
}

/** Of the validation cases, by label name; null without them. */
export function byName(
  { preparation, outcome }: Pick<TrainedModel, 'preparation' | 'outcome'>,
  pick: 'dice' | 'hd95',
): Record<string, number | null> | null {
  if (outcome.validation === undefined) return null;
  return Object.fromEntries(
    outcome.validation.summary.map((row) => [labelName(preparation.labelSet, preparation.classToLabel[row.label] ?? 0), row[pick]]),
  );
}

function finished(
  preparation: Preparation,
  outcome: TrainingOutcome,
  settings: TrainModelSettings,
  from: StoredModel | StoredImport | undefined,
  remark = '',
): TrainedModel {
  const entry = historyEntry(preparation, outcome, settings, remark);
  if (from === undefined || !isImported(from))
    return { preparation, outcome, card: makeCard(preparation, entry, from?.card), weights: outcome.weights };
  const card = continuedCard(preparation, entry, from);
  return { preparation, outcome, card, weights: asFold(card, outcome.weights) };
}

function historyEntry(
  preparation: Preparation,
  outcome: TrainingOutcome,
  settings: TrainModelSettings,
  remark: string,
): TrainingHistoryEntry {
  const { training, unlabelled = [], startedAt } = preparation;
  const dice = Object.entries(byName({ preparation, outcome }, 'dice') ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  );
  return {
    startedAt,
    minutes: outcome.seconds / 60,
    steps: outcome.steps,
    seed: settings.seed,
    cases: training.length,
    validationDice: Object.fromEntries(dice),
    note: `recipe ${settings.recipe}${unlabelled.length > 0 ? `, with ${unlabelled.length} scans without masks` : ''}${remark}`,
  };
}

/** The model that went on: of the same kind, with its pipeline, source and licence. */
function continuedCard(
  { labelSet, plan, architecture, datasetHash }: Preparation,
  entry: TrainingHistoryEntry,
  { card, weightsHash }: StoredImport,
): ImportedModelCard {
  if (!isImportedNetwork(architecture)) throw new Error('the network of an imported model');
  const { regions: _regions, ...network } = architecture;
  return {
    ...card,
    network,
    pipeline: must(plan.pipeline, 'the pipeline of an imported model'),
    folds: [goingOn(card)],
    labelSet,
    history: [...(card.history ?? []), entry],
    parent: weightsHash,
    datasetHash,
  };
}

function makeCard(
  { labelSet, classToLabel, plan, architecture, datasetHash, variant, scans }: Preparation,
  entry: TrainingHistoryEntry,
  from: ModelCard | undefined,
): ModelCard {
  if (isImportedNetwork(architecture)) throw new Error('a network of this program');
  return {
    ...cardOf({ variant, architecture, labelSet, classToLabel }, plan),
    ...(plan.loss && { loss: plan.loss }),
    ...(scans && { scans }),
    datasetHash,
    history: [...(from?.history ?? []), entry],
  };
}
