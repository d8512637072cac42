import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { Executor, Session } from '#main/engine/executors/executor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount } from '#main/engine/tensor/tensorType.ts';
import { NORM_MOMENTUM, type ParameterSpec } from '#main/model/modelBuilder.ts';
import { buildNetwork, type NetworkConfig } from '#main/model/networkConfig.ts';
import type { NamedTensor } from '#main/model/safetensors.ts';
import { isStatistic, loadWeights, readWeights, type Weights } from '#main/model/weights.ts';
import { BatchSource } from './patches/batchSource.ts';
import type { BatchSpecification } from './patches/batches.ts';
import type { TrainingHooks } from './strategy.ts';

/**
 * The weights with the means and variances that each BatchNorm's input has in some batches, each normalised by its own as in training, averaged over
 * the batches (arXiv 2105.07576). Running statistics of a training are those of changed patches, and of weights that moved on. A network without such
 * norms stays as it is. Repeatable bit for bit. Throws `out-of-memory` or `device`.
 */
export async function withStatisticsOf(
  executor: Executor,
  network: NetworkConfig,
  weights: Weights,
  batches: BatchSpecification,
  count: number,
  hooks: Pick<TrainingHooks, 'cancellation' | 'report' | 'turn'>,
): Promise<Weights> {
  if (![...weights.keys()].some(isStatistic)) return weights;
  const [width, height, depth] = batches.rule.size;
  const model = buildNetwork(network, { batch: batches.batch, size: [depth, height, width], mode: 'train' });
  model.builder.output('logits', model.logits);
  const session = await executor.prepare(makePlan(model.builder.build(), executor));
  const source = new BatchSource(batches, 0);
  try {
    await loadWeights(session, model, weights);
    const means = new Map<string, NamedTensor>();
    for (let step = 0; step < count; step++) {
      throwIfCancelled(hooks.cancellation);
      await hooks.turn();
      await clear(session, model.states);
      await source.take(step, async ({ image }) => {
        await session.write(model.x, image);
        await session.run();
      });
      for (const [name, { shape, data }] of await readWeights(session, { parameters: [], states: model.states })) {
        const sum = means.get(name)?.data;
        // What was cleared becomes the batch's own times the momentum.
        means.set(name, { shape, data: Float32Array.from(data, (value, at) => value / (NORM_MOMENTUM * count) + (sum?.[at] ?? 0)) });
      }
      hooks.report({ phase: 'Taking statistics of unchanged patches', fraction: (step + 1) / count });
    }
    return new Map([...weights, ...means]);
  } finally {
    source.dispose();
    session.dispose();
  }
}

async function clear(session: Session, states: readonly ParameterSpec[]): Promise<void> {
  for (const { value } of states) await session.write(value, new Float32Array(elementCount(value.type.shape)));
}
