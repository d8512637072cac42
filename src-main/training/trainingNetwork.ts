import { must } from '#shared/base/assert.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor, Session } from '#main/engine/executors/executor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { HeadConfig, Model } from '#main/model/build.ts';
import { buildNetwork, regionsOf, type NetworkConfig } from '#main/model/networkConfig.ts';
import type { NamedTensor } from '#main/model/safetensors.ts';
import { trainingStep, type LossConfig, type OptimiserConfig, type TrainingGraph } from '#main/model/trainingStep.ts';
import { loadWeights, readWeights, type Weights } from '#main/model/weights.ts';
import { LossScale } from './lossScale.ts';

export interface TrainingNetworkOptions {
  readonly batch: number;
  /** Voxels along D, H, W. */
  readonly patch: Triple;
  readonly loss: LossConfig;
  readonly optimiser: OptimiserConfig;
  readonly head?: HeadConfig;
  /** Patches of the second input, with the loss 'consistency'. */
  readonly scans?: number;
  readonly memoryBudgetBytes?: number;
}

/** What goes into one step: `x` (batch, C, D, H, W) and the loss's targets (see TrainingGraph). */
export interface StepInputs {
  readonly x: Float32Array;
  readonly label?: Int32Array;
  readonly ignored?: Float32Array;
  readonly regions?: readonly Int32Array[];
  readonly outside?: Float32Array;
  readonly pseudo?: Int32Array;
  readonly masked?: Int32Array;
  readonly scans?: Float32Array;
  readonly taught?: Int32Array;
  readonly unsure?: Float32Array;
  readonly taughtWeight?: Float32Array;
}

export interface StepRate {
  readonly learningRate: number;
  /** Largest gradient norm; 0: not clipped. */
  readonly maximumNorm: number;
  /** Steps done including this one, from 1: the optimiser's bias correction. */
  readonly count: number;
}

export interface StepScalars {
  readonly loss: number;
  /** Gradient norm before clipping. */
  readonly norm: number;
}

/** The loss of a step, or NaN where it or the gradient is not finite. */
export function finiteLoss({ loss, norm }: StepScalars): number {
  return Number.isFinite(loss) && Number.isFinite(norm) ? loss : NaN;
}

/** A network on a device with everything that one optimiser step needs; weights, statistics and moments live there. */
export class TrainingNetwork implements Disposable {
  readonly model: Model;
  /** Bytes of the plan's arena. */
  readonly arenaBytes: number;
  readonly #graph: TrainingGraph;
  readonly #session: Session;
  readonly #optimiser: OptimiserConfig;
  readonly #lossScale = new LossScale();

  private constructor(model: Model, graph: TrainingGraph, session: Session, arenaBytes: number, optimiser: OptimiserConfig) {
    this.model = model;
    this.#graph = graph;
    this.#session = session;
    this.arenaBytes = arenaBytes;
    this.#optimiser = optimiser;
  }

  /** Throws `out-of-memory` where the step does not fit the budget, `device` where the executor cannot run it. */
  static async create(executor: Executor, network: NetworkConfig, options: TrainingNetworkOptions): Promise<TrainingNetwork> {
    const { model, graph } = trainingGraph(executor, network, options);
    const obstacle = executor.unsupported(graph.graph);
    if (obstacle !== undefined) throw new StudioError('device', obstacle);
    const plan = makePlan(graph.graph, executor, { memoryBudgetBytes: options.memoryBudgetBytes });
    return new TrainingNetwork(model, graph, await executor.prepare(plan), plan.arenaBytes, options.optimiser);
  }

  /**
   * One optimiser step. Where gradients are stored as float16 and overflow, it is run again with a smaller loss scale: weights and moments are as
   * they were, and running statistics, whose forward pass was sound, count the batch twice. A loss that is NaN is the caller's to deal with.
   */
  async step(inputs: StepInputs, { learningRate, maximumNorm, count }: StepRate): Promise<StepScalars> {
    const { x, targets, hyper, lossScale, scalars } = this.#graph;
    await this.#session.write(x, inputs.x);
    const { regions = [], ...single } = targets;
    for (const [name, value] of Object.entries(single)) {
      if (value !== undefined) await this.#session.write(value, must(inputs[name as keyof typeof single], name));
    }
    for (const [index, value] of regions.entries()) await this.#session.write(value, must(inputs.regions?.[index], 'region'));
    const { beta1, beta2 } = this.#optimiser;
    await this.#session.write(must(hyper, 'hyper'), Float32Array.of(learningRate, 1 - beta1 ** count, 1 - beta2 ** count, maximumNorm));
    const scalar = async (name: string): Promise<number> => (await this.#session.read(must(scalars.get(name), name)))[0] ?? NaN;
    for (;;) {
      const { factor } = this.#lossScale;
      if (lossScale !== undefined) await this.#session.write(lossScale, Float32Array.of(factor));
      await this.#session.run();
      const [loss, norm] = [await scalar('loss'), await scalar('norm')];
      if (lossScale === undefined) return { loss, norm };
      if (!Number.isFinite(loss) || this.#lossScale.stands(Number.isFinite(norm))) return { loss, norm: norm / factor };
    }
  }

  load(weights: Weights): Promise<void> {
    return loadWeights(this.#session, this.model, weights);
  }

  /** A copy of weights and running statistics. */
  weights(): Promise<Map<string, NamedTensor>> {
    return readWeights(this.#session, this.model);
  }

  /** A copy of the optimiser's moments, as 'm/<parameter>' and 'v/<parameter>', and 'lossScale' where there is one. */
  async moments(): Promise<Map<string, NamedTensor>> {
    const moments = new Map<string, NamedTensor>();
    for (const { m, v } of this.#graph.moments.values()) {
      for (const value of [m, v]) moments.set(value.name, { shape: value.type.shape, data: (await this.#session.read(value)).slice() });
    }
    if (this.#graph.lossScale !== undefined) moments.set('lossScale', this.#lossScale.state);
    return moments;
  }

  /** Restores what `moments` gave; zeros where `source` has none (a fresh optimiser). */
  async loadMoments(source: ReadonlyMap<string, NamedTensor>): Promise<void> {
    for (const { m, v } of this.#graph.moments.values()) {
      for (const value of [m, v]) {
        const length = value.type.shape.reduce((product, extent) => product * extent, 1);
        await this.#session.write(value, source.get(value.name)?.data ?? new Float32Array(length));
      }
    }
    this.#lossScale.restore(source.get('lossScale'));
  }

  dispose(): void {
    this.#session.dispose();
  }
}

function trainingGraph(
  { narrow }: Executor,
  network: NetworkConfig,
  { batch, patch, loss, optimiser, head, scans }: TrainingNetworkOptions,
): { model: Model; graph: TrainingGraph } {
  const model = buildNetwork(network, {
    batch,
    size: patch,
    mode: 'train',
    ...(head && { head }),
    ...(scans !== undefined && { scans }),
  });
  const segmentation = loss.kind === 'diceCrossEntropy' && regionsOf(network) !== undefined ? { ...loss, regions: true } : loss;
  return { model, graph: trainingStep(model, { loss: segmentation, optimiser, scaled: narrow !== undefined }) };
}

/** Bytes that a training step would take on an executor, recomputing as the budget asks; undefined where it does not fit. */
export function trainingBytes(executor: Executor, network: NetworkConfig, options: TrainingNetworkOptions): number | undefined {
  try {
    return makePlan(trainingGraph(executor, network, options).graph.graph, executor, { memoryBudgetBytes: options.memoryBudgetBytes })
      .arenaBytes;
  } catch (error) {
    if (error instanceof StudioError && error.code === 'out-of-memory') return undefined;
    throw error;
  }
}
