import { StudioError } from '#shared/base/errors.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor, Session } from '#main/engine/executors/executor.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { Model } from '#main/model/build.ts';
import { buildNetwork, classesOf, paddingOf, regionsOf, type NetworkConfig } from '#main/model/networkConfig.ts';
import { loadWeights, type Weights } from '#main/model/weights.ts';
import type { PatchPredictor } from './slidingWindow.ts';

/** A segmentation network on a device, ready to predict patches. Weights can be replaced while it lives. */
export class NetworkPredictor implements PatchPredictor {
  readonly classes: number;
  readonly channels: number;
  readonly patch: Triple;
  readonly #model: Model;
  readonly #session: Session;
  /** Probabilities of classes, or logits of regions. */
  readonly #output: Value;
  readonly #regions: ReturnType<typeof regionsOf>;
  readonly padding: number | undefined;

  private constructor(network: NetworkConfig, model: Model, session: Session, output: Value) {
    this.classes = classesOf(network);
    this.channels = network.inChannels;
    this.padding = paddingOf(network);
    this.#regions = regionsOf(network);
    this.patch = model.options.size;
    this.#model = model;
    this.#session = session;
    this.#output = output;
  }

  /** `patch` in voxels along D, H, W. Throws `out-of-memory` or `device`. */
  static async create(executor: Executor, network: NetworkConfig, patch: Triple, weights?: Weights): Promise<NetworkPredictor> {
    const model = buildNetwork(network, { batch: 1, size: patch, mode: 'predict' });
    const output = regionsOf(network) === undefined ? model.builder.apply('softmax', {}, [model.logits], 'head') : model.logits;
    model.builder.output('output', output);
    const graph = model.builder.build();
    const obstacle = executor.unsupported(graph);
    if (obstacle !== undefined) throw new StudioError('device', obstacle);
    const predictor = new NetworkPredictor(network, model, await executor.prepare(makePlan(graph, executor)), output);
    if (weights !== undefined) await predictor.load(weights);
    return predictor;
  }

  /** Throws `invalid-file` where the weights are another model's. */
  load(weights: Weights): Promise<void> {
    return loadWeights(this.#session, this.#model, weights);
  }

  async predict(image: Float32Array): Promise<Float32Array> {
    await this.#session.write(this.#model.x, image);
    await this.#session.run();
    const output = (await this.#session.read(this.#output)) as Float32Array;
    return this.#regions === undefined ? output : classProbabilities(output, this.#regions, this.classes);
  }

  dispose(): void {
    this.#session.dispose();
  }
}

/**
 * Probabilities of exclusive classes (classes, D, H, W) from logits of overlapping regions (regions, D, H, W): of a class that all regions which
 * hold it are there and the others are not, relative to what the classes together have.
 */
export function classProbabilities(logits: Float32Array, regions: readonly (readonly number[])[], classes: number): Float32Array {
  const voxels = logits.length / regions.length;
  const result = new Float32Array(classes * voxels);
  const holds = Array.from({ length: classes }, (_unused, c) => regions.map((members) => members.includes(c)));
  const inside = new Float64Array(regions.length);
  for (let voxel = 0; voxel < voxels; voxel++) {
    for (let region = 0; region < regions.length; region++)
      inside[region] = 1 / (1 + Math.exp(-(logits[region * voxels + voxel] as number)));
    let total = 0;
    for (let c = 0; c < classes; c++) {
      let probability = 1;
      holds[c]?.forEach((held, region) => (probability *= held ? (inside[region] as number) : 1 - (inside[region] as number)));
      result[c * voxels + voxel] = probability;
      total += probability;
    }
    // Where none of them fits it is background.
    if (total > 0) for (let c = 0; c < classes; c++) result[c * voxels + voxel] = (result[c * voxels + voxel] as number) / total;
    else result[voxel] = 1;
  }
  return result;
}
