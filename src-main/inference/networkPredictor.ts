import { StudioError } from '#shared/base/errors.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor, Session } from '#main/engine/executors/executor.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { buildModel, type Model } from '#main/model/build.ts';
import { loadWeights, type Weights } from '#main/model/weights.ts';
import type { PatchPredictor } from './slidingWindow.ts';

/** A segmentation network on a device, ready to predict patches. Weights can be replaced while it lives. */
export class NetworkPredictor implements PatchPredictor {
  readonly classes: number;
  readonly channels: number;
  readonly patch: Triple;
  readonly #model: Model;
  readonly #session: Session;
  readonly #probability: Value;

  private constructor(model: Model, session: Session, probability: Value) {
    this.classes = model.architecture.classes;
    this.channels = model.architecture.inChannels;
    this.patch = model.options.size;
    this.#model = model;
    this.#session = session;
    this.#probability = probability;
  }

  /** `patch` in voxels along D, H, W. Throws `out-of-memory` or `device`. */
  static async create(executor: Executor, architecture: ArchitectureConfig, patch: Triple, weights?: Weights): Promise<NetworkPredictor> {
    const model = buildModel(architecture, { batch: 1, size: patch, mode: 'predict' });
    const probability = model.builder.apply('softmax', {}, [model.logits], 'head');
    model.builder.output('probability', probability);
    const graph = model.builder.build();
    const obstacle = executor.unsupported(graph);
    if (obstacle !== undefined) throw new StudioError('device', obstacle);
    const predictor = new NetworkPredictor(model, await executor.prepare(makePlan(graph, executor)), probability);
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
    return (await this.#session.read(this.#probability)) as Float32Array;
  }

  dispose(): void {
    this.#session.dispose();
  }
}
