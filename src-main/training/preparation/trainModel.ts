import type { ModelCard } from '#shared/domain/modelCard.ts';
import { labelName } from '#shared/domain/labelSet.ts';
import { recipes, type TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Work } from '#shared/domain/work.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import type { StoredModel } from '#main/model/modelFolder.ts';
import { forLabels } from '#main/model/weights.ts';
import type { CheckpointStore } from '../checkpoint.ts';
import { choiceText, chooseWeights } from './chooseWeights.ts';
import { budgetAfterCrashes, defaultMemoryBudget, stepBytes } from '../memoryBudget.ts';
import type { Preparation, PreparationSettings } from './prepare.ts';
import { train, type TrainingOutcome } from '../train.ts';
import { adjustRecipe, type RecipeAdjustment } from '../trainingRecipe.ts';

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
  readonly card: ModelCard;
}

/**
 * Trains a model on prepared cases, starting from the weights of `from` where it is given, and resumes from the store's checkpoint where
 * there is one. `begun` (performance.now()): since when its budget runs. Throws what `train` throws.
 */
export async function trainModel(
  executor: Executor,
  preparation: Preparation,
  from: StoredModel | undefined,
  settings: TrainModelSettings,
  store: CheckpointStore,
  begun: number,
  work: Work,
): Promise<TrainedModel> {
  const { plan, architecture, classToLabel, labelSet, unlabelled = [] } = preparation;
  const start = from && forLabels(from.weights, from.card.classToLabel, classToLabel);
  const between = settings.interpolate === true ? start : undefined;
  const recipe = adjustRecipe(recipes[settings.recipe], settings.adjust);
  const trained = await train(
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
      mirrorAxes: mirrorAxesFor(labelSet),
      ...(start && { start }),
      store,
      memoryBudgetBytes: budgetAfterCrashes(
        settings.memoryBudgetBytes ?? defaultMemoryBudget(executor),
        stepBytes(executor, architecture, plan, unlabelled.length > 0),
        work,
      ),
      secondsBefore: (performance.now() - begun) / 1000,
    },
    work,
  );
  if (between === undefined) return { preparation, outcome: trained, card: makeCard(preparation, trained, settings, from?.card) };
  const apart = (preparation.apart ?? []).map(({ file }) => file);
  const chosen = await chooseWeights(executor, architecture, plan, { before: between, after: trained.weights }, apart, work);
  work.alarm('info', choiceText(chosen));
  const outcome = { ...trained, weights: chosen.weights };
  return { preparation, outcome, card: makeCard(preparation, outcome, settings, from?.card, `, new weights count ${chosen.part}`) };
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

function makeCard(
  preparation: Preparation,
  outcome: TrainingOutcome,
  settings: TrainModelSettings,
  from: ModelCard | undefined,
  remark = '',
): ModelCard {
  const { labelSet, classToLabel, plan, architecture, datasetHash, training, unlabelled = [], startedAt } = preparation;
  const dice = Object.entries(byName({ preparation, outcome }, 'dice') ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  );
  return {
    format: 1,
    variant: preparation.variant,
    architecture,
    labelSet,
    classToLabel,
    spacing: plan.spacing,
    intensity: plan.intensity,
    ...(plan.channels && { channels: plan.channels }),
    patch: plan.patch,
    ...(plan.loss && { loss: plan.loss }),
    ...(preparation.scans && { scans: preparation.scans }),
    datasetHash,
    history: [
      ...(from?.history ?? []),
      {
        startedAt,
        minutes: outcome.seconds / 60,
        steps: outcome.steps,
        seed: settings.seed,
        cases: training.length,
        validationDice: Object.fromEntries(dice),
        note: `recipe ${settings.recipe}${unlabelled.length > 0 ? `, with ${unlabelled.length} scans without masks` : ''}${remark}`,
      },
    ],
  };
}
