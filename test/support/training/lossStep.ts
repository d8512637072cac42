/** One step of a loss from fixed weights, on the reference and on the CPU engine: what the tests of losses have in common. */
import { afterAll } from 'vitest';
import { must } from '#shared/base/assert.ts';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { HostData } from '#main/engine/tensor/tensorType.ts';
import type { Model } from '#main/model/build.ts';
import { trainingStep, type LossConfig, type LossTargets } from '#main/model/trainingStep.ts';
import { initialWeights, loadWeights, type Weights } from '#main/model/weights.ts';

/** The reference and the CPU engine, until the tests of the file are over. */
export function bothExecutors(): readonly [reference: Executor, cpu: Executor] {
  const executors = [createReferenceExecutor(), createCpuExecutor({ threads: 1 })] as const;
  afterAll(() => {
    for (const executor of executors) executor.dispose();
  });
  return executors;
}

export interface LossStep {
  readonly scalars: Readonly<Record<string, number>>;
  readonly logits: Float32Array;
  /** Per parameter, by its name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** What comes of one step without optimiser; `change` is done to the weights before. */
export async function lossStep(
  executor: Executor,
  model: Model,
  loss: LossConfig,
  x: Float32Array,
  data: { readonly [Name in keyof LossTargets]: HostData | readonly HostData[] },
  change?: (weights: Weights) => void,
): Promise<LossStep> {
  const graph = trainingStep(model, { loss, exposeGradients: true });
  const session = await executor.prepare(makePlan(graph.graph, executor));
  try {
    const weights = initialWeights(model, new Random(5));
    change?.(weights);
    await loadWeights(session, model, weights);
    await session.write(graph.x, x);
    for (const [name, target] of Object.entries(graph.targets) as [keyof LossTargets, Value | readonly Value[]][])
      for (const [index, value] of [target].flat().entries())
        await session.write(value, must([data[name]].flat()[index], name) as HostData);
    await session.run();
    const floats = async (value: Value): Promise<Float32Array> => ((await session.read(value)) as Float32Array).slice();
    const scalars: Record<string, number> = {};
    for (const [name, value] of graph.scalars) scalars[name] = (await floats(value))[0] ?? NaN;
    const gradients = new Map<string, Float32Array>();
    for (const [value, gradient] of graph.gradients) gradients.set(value.name, await floats(gradient));
    return { scalars, logits: await floats(model.logits), gradients };
  } finally {
    session.dispose();
  }
}

/** All gradients, one after another. */
export const allOf = (gradients: LossStep['gradients']): number[] => [...gradients.values()].flatMap((each) => [...each]);

/** The largest difference between two lists of gradients. */
export const furthest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? NaN))), 0);
