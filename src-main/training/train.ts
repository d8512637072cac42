import type { Recipe } from '#shared/domain/trainConfig.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import type { NetworkConfig } from '#main/model/networkConfig.ts';
import type { SegmentationLoss } from '#main/model/trainingStep.ts';
import type { Weights } from '#main/model/weights.ts';
import { Consistency } from './consistency.ts';
import type { ClassFacts } from './guards.ts';
import { runLoop, type LoopOutcome, type LoopSettings } from './loop.ts';
import type { TrainingHooks } from './strategy.ts';
import { Supervised } from './supervised.ts';
import { TrainingNetwork, type TrainingNetworkOptions } from './trainingNetwork.ts';
import type { TrainingPlan } from './trainingPlan.ts';
import type { Validation } from './validate.ts';

export interface TrainingSetup extends LoopSettings {
  readonly executor: Executor;
  readonly architecture: NetworkConfig;
  readonly plan: TrainingPlan;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Case files (caseFile.ts), named after what they hold. Without validation cases the last weights are kept, and some training cases are watched instead. */
  readonly trainingCases: readonly string[];
  readonly validationCases: readonly string[];
  /** Case files without masks; where there are any, the network learns from them too (consistency.ts). */
  readonly unlabelledCases?: readonly string[];
  /** Those of the case files that the network takes, in the order of its input. The first alone unless given. */
  readonly channels?: readonly number[] | undefined;
  /** Classes 1..C−1, in order. */
  readonly classes: readonly ClassFacts[];
  /** What is measured of a class that others lie inside of: all of these classes together. */
  readonly regions?: ReadonlyMap<number, readonly number[]> | undefined;
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
  /** Weights to start from, carried over wherever name and shape agree. */
  readonly start?: Weights;
  /** 'best' (unless given): the weights that validated best. 'last': the final ones; validation then only watches, and stays honest. */
  readonly keep?: 'best' | 'last';
  readonly memoryBudgetBytes?: number;
}

export interface TrainingOutcome extends LoopOutcome {
  readonly weights: Weights;
  /** After which the weights that are kept were taken. */
  readonly keptStep: number;
  /** The kept weights on the validation cases, with HD95; undefined without validation cases. */
  readonly validation: Validation | undefined;
  /** Bytes of the training plan. */
  readonly arenaBytes: number;
}

/** The network that a training steps with. With scans that have no masks as many patches again are in a step. */
export function trainingNetworkOptions({
  plan,
  recipe,
  unlabelledCases = [],
  memoryBudgetBytes,
}: Pick<TrainingSetup, 'plan' | 'recipe' | 'unlabelledCases' | 'memoryBudgetBytes'>): TrainingNetworkOptions {
  const segmentation: SegmentationLoss = {
    kind: 'diceCrossEntropy',
    diceWeight: recipe.diceWeight,
    crossEntropyWeight: recipe.crossEntropyWeight * overMarked(plan),
    ...(plan.loss?.name === 'weighted' && { classWeights: plan.loss.classWeights }),
    ...(plan.loss?.inside && { inside: plan.loss.inside }),
    ...(plan.markedShare !== undefined && { ignoring: true }),
  };
  const consistent = unlabelledCases.length > 0;
  return {
    batch: plan.batch,
    ...(consistent && { scans: plan.batch }),
    patch: plan.patch,
    memoryBudgetBytes,
    loss: consistent ? { kind: 'consistency', segmentation } : segmentation,
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: recipe.weightDecay },
  };
}

/** The cross entropy is a mean over all voxels, of which ignored ones count as background with 0: this makes it one over the others. */
function overMarked({ markedShare = 1, loss }: TrainingPlan): number {
  const background = loss?.name === 'weighted' ? (loss.classWeights[0] ?? 1) : 1;
  return (markedShare + (1 - markedShare) * background) / markedShare;
}

/** Trains a segmentation network on labelled cases, and on scans without masks where there are any, as `runLoop` trains. */
export async function train(setup: TrainingSetup, hooks: TrainingHooks): Promise<TrainingOutcome> {
  const { executor, architecture, plan, unlabelledCases = [] } = setup;
  const network = await TrainingNetwork.create(executor, architecture, trainingNetworkOptions(setup));
  try {
    const predictor = await NetworkPredictor.create(executor, architecture, plan.patch);
    const strategy = new (unlabelledCases.length > 0 ? Consistency : Supervised)(setup, hooks, network, predictor);
    try {
      return { ...(await runLoop(strategy, setup, hooks)), arenaBytes: network.arenaBytes };
    } finally {
      strategy.dispose();
      predictor.dispose();
    }
  } finally {
    network.dispose();
  }
}
