import { basename } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { Random } from '#shared/base/random.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { HeadConfig } from '#main/model/build.ts';
import type { NamedTensor } from '#main/model/safetensors.ts';
import { initialWeights, transplant, type Weights } from '#main/model/weights.ts';
import type { Checkpoint } from './checkpoint.ts';
import { runLoop, type LoopOutcome, type LoopSettings } from './loop.ts';
import { PretrainBatchMaker, type PretrainCase } from './patches/pretrainBatches.ts';
import { paperMasking, type MaskingSettings } from './patches/masking.ts';
import { learningRate } from './schedule.ts';
import type { Pace, Snapshot, TrainingHooks, TrainingStrategy } from './strategy.ts';
import { finiteLoss, TrainingNetwork } from './trainingNetwork.ts';

export interface PretrainSetup extends Omit<LoopSettings, 'validateEvery'> {
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
  readonly seed: number;
  readonly peakRate: number;
  /** Part of the budget (the paper: 10 of 100 epochs). */
  readonly warmUp?: number;
  readonly start?: Weights;
  readonly memoryBudgetBytes?: number;
}

export interface PretrainOutcome extends LoopOutcome {
  /** Backbone weights and BatchNorm statistics (names 'features.…'); the head is left behind. */
  readonly backbone: Weights;
  readonly arenaBytes: number;
}

/** τ of Eq. 4. */
const TEMPERATURE = 0.1;
const MAXIMUM_NORM = 1;
/** Forward passes over unmasked crops after which a running statistic (momentum 0.1) has nearly forgotten the masked ones: 0.9^30 = 4%. */
const STATISTICS_STEPS = 30;

export function pretrainNetworkOptions(setup: Pick<PretrainSetup, 'batch' | 'patch' | 'clusterers' | 'clusters' | 'memoryBudgetBytes'>) {
  const head: HeadConfig = { kind: 'pretrain', clusterers: setup.clusterers, clusters: setup.clusters };
  return {
    batch: setup.batch,
    patch: setup.patch,
    head,
    memoryBudgetBytes: setup.memoryBudgetBytes,
    loss: { kind: 'pseudoLabel', temperature: TEMPERATURE } as const,
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5 },
  };
}

/**
 * Masked pre-training (section 3.3, Eq. 4–5, Alg. 1), as `runLoop` trains. At the end BatchNorm's running statistics are taken again from
 * unmasked crops, because that is what fine-tuning and prediction will see.
 */
export async function pretrain(setup: PretrainSetup, hooks: TrainingHooks): Promise<PretrainOutcome> {
  const network = await TrainingNetwork.create(setup.executor, setup.architecture, pretrainNetworkOptions(setup));
  const { cases, batch, patch, clusterers, seed } = setup;
  const masking = setup.masking === undefined ? paperMasking : (setup.masking ?? undefined);
  const batches = new PretrainBatchMaker({
    cases,
    batch,
    patch,
    channels: setup.architecture.inChannels,
    clusterers,
    seed,
    ...(masking && { masking }),
  });
  try {
    const outcome = await runLoop(new MaskedPretraining(setup, hooks, network, batches), setup, hooks);
    return { ...outcome, arenaBytes: network.arenaBytes };
  } finally {
    batches.dispose();
    network.dispose();
  }
}

class MaskedPretraining implements TrainingStrategy<Pick<PretrainOutcome, 'backbone'>> {
  readonly name = 'Pre-training';
  readonly advice = 'look for damaged scans among the newest.';
  readonly signature: string;
  readonly #setup: PretrainSetup;
  readonly #hooks: TrainingHooks;
  readonly #network: TrainingNetwork;
  readonly #batches: PretrainBatchMaker;

  constructor(setup: PretrainSetup, hooks: TrainingHooks, network: TrainingNetwork, batches: PretrainBatchMaker) {
    this.#setup = setup;
    this.#hooks = hooks;
    this.#network = network;
    this.#batches = batches;
    this.signature = JSON.stringify({
      kind: 'pretrain',
      architecture: setup.architecture,
      patch: setup.patch,
      batch: setup.batch,
      clusterers: setup.clusterers,
      clusters: setup.clusters,
      files: setup.cases.map(({ file }) => basename(file)),
      masking: setup.masking,
      budget: setup.budget,
      seed: setup.seed,
      peakRate: setup.peakRate,
    });
  }

  isSameRun(found: string): boolean {
    return found === this.signature;
  }

  async begin(): Promise<void> {
    const { start, seed } = this.#setup;
    const fresh = initialWeights(this.#network.model, new Random(seed));
    await this.#network.load(start === undefined ? fresh : transplant(backboneOf(start), fresh).weights);
    await this.#network.loadMoments(new Map());
  }

  async restore({ weights, moments }: Checkpoint): Promise<void> {
    await this.#network.load(weights);
    await this.#network.loadMoments(moments);
  }

  async snapshot(): Promise<Snapshot> {
    return {
      weights: await this.#network.weights(),
      moments: await this.#network.moments(),
      average: undefined,
      averageUpdates: 0,
      best: null,
    };
  }

  learningRate(fraction: number): number {
    const { peakRate, warmUp = 0.1 } = this.#setup;
    return learningRate(peakRate, warmUp, fraction);
  }

  /** Its loss is per masked slice and clusterer: comparable between steps and with ln K, the loss of a guess. */
  async step(step: number, { learningRate }: Pace): Promise<number> {
    const batch = this.#batches.make(step);
    const scalars = await this.#network.step(batch, { learningRate, maximumNorm: MAXIMUM_NORM, count: step + 1 });
    const masked = batch.masked.reduce((sum, value) => sum + value, 0);
    return finiteLoss(scalars) / Math.max(1, masked * this.#setup.clusterers);
  }

  standing(): string {
    return '';
  }

  /** Steps at rate 0 change nothing but BatchNorm's running statistics. */
  async finish(step: number): Promise<Pick<PretrainOutcome, 'backbone'>> {
    const steps = Math.min(STATISTICS_STEPS, step);
    for (let each = 0; each < steps; each++) {
      throwIfCancelled(this.#hooks.cancellation);
      await this.#hooks.turn();
      const plain = this.#batches.make(step + each, true);
      await this.#network.step(plain, { learningRate: 0, maximumNorm: 0, count: step + each + 1 });
      this.#hooks.report({ phase: 'Taking statistics of whole scans', fraction: (each + 1) / steps });
    }
    return { backbone: backboneOf(await this.#network.weights()) };
  }
}

/** What carries over to another head. */
export function backboneOf(weights: Weights): Map<string, NamedTensor> {
  return new Map([...weights].filter(([name]) => name.startsWith('features.')));
}
