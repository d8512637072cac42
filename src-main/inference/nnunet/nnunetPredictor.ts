import { StudioError } from '#shared/base/errors.ts';
import type { AxisNumbers, ImportedModelCard } from '#shared/domain/importedModel.ts';
import type { Executor, Session } from '#main/engine/executors/executor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { buildNnunet, type NnunetModel } from '#main/model/nnunet/network.ts';
import { loadWeights, type Weights } from '#main/model/weights.ts';
import type { LogitPredictor } from './logitWindows.ts';

/** An imported network on a device. Its folds take turns in one session, so that memory does not grow with their number. */
export class NnunetPredictor implements LogitPredictor {
  readonly heads: number;
  readonly channels: number;
  readonly patch: AxisNumbers;
  readonly folds: number;
  readonly #model: NnunetModel;
  readonly #session: Session;
  readonly #weights: readonly Weights[];
  #loaded = -1;

  private constructor({ network, pipeline }: ImportedModelCard, model: NnunetModel, session: Session, weights: readonly Weights[]) {
    this.heads = network.heads;
    this.channels = network.inChannels;
    this.patch = pipeline.patch;
    this.folds = weights.length;
    this.#model = model;
    this.#session = session;
    this.#weights = weights;
  }

  /** Throws `out-of-memory`, `device`, and `invalid-file` where the weights are another model's. */
  static async create(executor: Executor, card: ImportedModelCard, weights: Weights): Promise<NnunetPredictor> {
    const model = buildNnunet(card.network, { batch: 1, size: card.pipeline.patch });
    model.builder.output('logits', model.logits);
    const graph = model.builder.build();
    const obstacle = executor.unsupported(graph);
    if (obstacle !== undefined) throw new StudioError('device', obstacle);
    const folds = card.folds.map((fold) => foldOf(weights, fold));
    return new NnunetPredictor(card, model, await executor.prepare(makePlan(graph, executor)), folds);
  }

  async predict(patch: Float32Array, fold: number): Promise<Float32Array> {
    if (fold !== this.#loaded) {
      await loadWeights(this.#session, this.#model, this.#weights[fold] ?? new Map());
      this.#loaded = fold;
    }
    await this.#session.write(this.#model.x, patch);
    await this.#session.run();
    return (await this.#session.read(this.#model.logits)) as Float32Array;
  }

  dispose(): void {
    this.#session.dispose();
  }
}

function foldOf(weights: Weights, fold: string): Weights {
  const prefix = `${fold}/`;
  return new Map([...weights].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])));
}
