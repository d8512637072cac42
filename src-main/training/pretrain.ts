import { basename } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { HeadConfig } from '#main/model/build.ts';
import type { NamedTensor } from '#main/model/safetensors.ts';
import { initialWeights, transplant, type Weights } from '#main/model/weights.ts';
import { BudgetClock } from './budgetClock.ts';
import { decodeCheckpoint, encodeCheckpoint, type CheckpointStore, type RunState } from './checkpoint.ts';
import { PretrainBatchMaker, type PretrainCase } from './pretrainBatches.ts';
import { paperMasking, type MaskingSettings } from './masking.ts';
import { learningRate } from './schedule.ts';
import type { TrainingHooks } from './train.ts';
import { TrainingNetwork } from './trainingNetwork.ts';

export interface PretrainSetup {
  readonly executor: Executor;
  readonly architecture: ArchitectureConfig;
  /** Voxels along D, H, W. */
  readonly patch: Triple;
  readonly batch: number;
  /** N, and the largest K of the clusterers. */
  readonly clusterers: number;
  readonly clusters: number;
  readonly cases: readonly PretrainCase[];
  /** null: without masking, the loss over all slices. */
  readonly masking?: MaskingSettings | null;
  readonly budget: TrainConfig['budget'];
  readonly seed: number;
  readonly peakRate: number;
  /** Part of the budget (the paper: 10 of 100 epochs). */
  readonly warmUp?: number;
  readonly store: CheckpointStore;
  readonly start?: Weights;
  readonly memoryBudgetBytes?: number;
}

export interface PretrainOutcome {
  /** Backbone weights and BatchNorm statistics (names 'features.…'); the head is left behind. */
  readonly backbone: Weights;
  readonly steps: number;
  readonly seconds: number;
  readonly curve: readonly CurvePoint[];
  readonly arenaBytes: number;
}

/** τ of Eq. 4. */
const TEMPERATURE = 0.1;
const MAXIMUM_NORM = 1;
const MOST_RECOVERIES = 5;
/** Forward passes over unmasked crops after which a running statistic (momentum 0.1) has nearly forgotten the masked ones: 0.9^30 = 4%. */
const STATISTICS_STEPS = 30;

export function pretrainNetworkOptions(setup: Pick<PretrainSetup, 'batch' | 'patch' | 'clusterers' | 'clusters' | 'memoryBudgetBytes'>) {
  const head: HeadConfig = { kind: 'pretrain', clusterers: setup.clusterers, clusters: setup.clusters };
  return {
    batch: setup.batch, patch: setup.patch, head, memoryBudgetBytes: setup.memoryBudgetBytes,
    loss: { kind: 'pseudoLabel', temperature: TEMPERATURE } as const,
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5 },
  };
}

/**
 * Masked pre-training (section 3.3, Eq. 4–5, Alg. 1) within a budget. Goes on from the store's checkpoint where there is one; with a
 * budget in steps the result then equals that of an uninterrupted run. At the end BatchNorm's running statistics are taken anew from
 * unmasked crops, because that is what fine-tuning and prediction will see. On cancellation a checkpoint is saved and `cancelled` passes.
 */
export async function pretrain(setup: PretrainSetup, hooks: TrainingHooks): Promise<PretrainOutcome> {
  const network = await TrainingNetwork.create(setup.executor, setup.architecture, pretrainNetworkOptions(setup));
  const { cases, batch, patch, clusterers, seed } = setup;
  const masking = setup.masking === undefined ? paperMasking : (setup.masking ?? undefined);
  const batches = new PretrainBatchMaker({ cases, batch, patch, clusterers, seed, ...(masking && { masking }) });
  try {
    return await run(setup, hooks, network, batches);
  } finally {
    batches.dispose();
    network.dispose();
  }
}

async function run(setup: PretrainSetup, hooks: TrainingHooks, network: TrainingNetwork, batches: PretrainBatchMaker): Promise<PretrainOutcome> {
  const { budget, seed, store, peakRate, warmUp = 0.1 } = setup;
  const signature = JSON.stringify({
    kind: 'pretrain', architecture: setup.architecture, patch: setup.patch, batch: setup.batch, clusterers: setup.clusterers, clusters: setup.clusters,
    files: setup.cases.map(({ file }) => basename(file)), masking: setup.masking, budget, seed, peakRate,
  });
  let state: RunState = { step: 0, seconds: 0, rateScale: 1, averageUpdates: 0, best: null, curve: [], alarms: [], signature };
  const restore = async (): Promise<boolean> => {
    const bytes = await store.load('checkpoint');
    if (bytes === undefined) return false;
    const checkpoint = decodeCheckpoint(bytes);
    if (checkpoint.state.signature !== signature) throw new StudioError('conflict', 'The checkpoint belongs to another pre-training; choose an empty folder.');
    await network.load(checkpoint.weights);
    await network.loadMoments(checkpoint.moments);
    state = checkpoint.state;
    return true;
  };
  if (!(await restore())) {
    const fresh = initialWeights(network.model, new Random(seed));
    await network.load(setup.start === undefined ? fresh : transplant(backboneOf(setup.start), fresh).weights);
    await network.loadMoments(new Map());
  }
  let clock = new BudgetClock(budget, state.seconds);
  const save = async (): Promise<void> => {
    state = { ...state, seconds: clock.seconds };
    await store.save('checkpoint', encodeCheckpoint({ state, weights: await network.weights(), moments: await network.moments(), average: undefined }));
  };
  await save();
  let lastSave = clock.seconds;
  let lastPoint = clock.seconds;
  let losses: number[] = [];
  let recoveries = 0;
  const point = (rate: number): void => {
    const loss = losses.length === 0 ? null : losses.reduce((sum, value) => sum + value, 0) / losses.length;
    const each: CurvePoint = { step: state.step, seconds: clock.seconds, loss, learningRate: rate, dice: null };
    [losses, lastPoint] = [[], clock.seconds];
    state = { ...state, curve: [...state.curve, each] };
    hooks.point(each);
  };
  try {
    for (;;) {
      const fraction = clock.fraction(state.step);
      if (fraction >= 1) break;
      throwIfCancelled(hooks.cancellation);
      await hooks.turn();
      const batch = batches.make(state.step);
      const rate = learningRate(peakRate, warmUp, fraction) * state.rateScale;
      const { loss, norm } = await network.step(batch, { learningRate: rate, maximumNorm: MAXIMUM_NORM, count: state.step + 1 });
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
        const { rateScale } = state;
        const { seconds } = clock;
        if (++recoveries > MOST_RECOVERIES || !(await restore())) throw new StudioError('internal', 'The pre-training became unstable again and again; look for damaged scans among the newest.');
        state = { ...state, rateScale: rateScale / 2 };
        clock = new BudgetClock(budget, seconds);
        hooks.alarm('warning', `The loss stopped being a number; pre-training goes on from step ${state.step} at ${state.rateScale} times the learning rate.`);
        continue;
      }
      state = { ...state, step: state.step + 1 };
      clock.stepped();
      // Per masked slice and clusterer: comparable between steps and with ln K, the loss of a guess.
      losses.push(loss / Math.max(1, batch.masked.reduce((sum, value) => sum + value, 0) * setup.clusterers));
      if (clock.seconds - lastPoint > 2) point(rate);
      if (clock.seconds - lastSave > 30) {
        await save();
        lastSave = clock.seconds;
      }
      hooks.report({ phase: 'Pre-training', fraction, remainingSeconds: clock.remaining(state.step), detail: `step ${state.step}` });
    }
    if (losses.length > 0) point(0);
    await save();
  } catch (error) {
    if (error instanceof StudioError && error.code === 'cancelled') await save();
    throw error;
  }
  await refreshStatistics(network, batches, state.step, hooks);
  return { backbone: backboneOf(await network.weights()), steps: state.step, seconds: clock.seconds, curve: state.curve, arenaBytes: network.arenaBytes };
}

/** Steps at rate 0 change nothing but BatchNorm's running statistics. */
async function refreshStatistics(network: TrainingNetwork, batches: PretrainBatchMaker, step: number, hooks: TrainingHooks): Promise<void> {
  const steps = Math.min(STATISTICS_STEPS, step);
  for (let each = 0; each < steps; each++) {
    throwIfCancelled(hooks.cancellation);
    await hooks.turn();
    await network.step(batches.make(step + each, true), { learningRate: 0, maximumNorm: 0, count: step + each + 1 });
    hooks.report({ phase: 'Taking statistics of whole scans', fraction: (each + 1) / steps });
  }
}

/** What carries over to another head. */
export function backboneOf(weights: Weights): Map<string, NamedTensor> {
  return new Map([...weights].filter(([name]) => name.startsWith('features.')));
}
