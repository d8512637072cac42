import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '#shared/base/assert.ts';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { buildNetwork, type ImportedNetwork } from '#main/model/networkConfig.ts';
import { trainingStep } from '#main/model/trainingStep.ts';
import { initialWeights, loadWeights, type Weights } from '#main/model/weights.ts';
import { RegionTargets } from '#main/training/regionTargets.ts';
import { IGNORED_CLASS } from '#main/training/patches/caseFile.ts';
import { tinyPlans } from '../../support/nnunetFolder.ts';

const size = [4, 8, 8] as const;
const [batch, voxels] = [2, 4 * 8 * 8];
/** Two regions, one inside the other: classes 1 and 2, and class 2 alone. */
const network: ImportedNetwork = { ...tinyPlans({ kind: 'regions' }).network, regions: [[1, 2], [2]] };
const loss = { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1, classWeights: [1, 1, 1], regions: true } as const;
let executors: Executor[];
beforeAll(() => {
  executors = [createReferenceExecutor(), createCpuExecutor({ threads: 1 })];
});
afterAll(() => {
  for (const executor of executors) executor.dispose();
});

const random = new Random(9);
const x = Float32Array.from({ length: batch * network.inChannels * voxels }, () => random.normal());
const truth = Int32Array.from({ length: batch * voxels }, () => random.integer(3));

interface Result {
  readonly loss: number;
  readonly logits: Float32Array;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

async function step(executor: Executor, classes: Int32Array, change?: (weights: Weights) => void): Promise<Result> {
  const model = buildNetwork(network, { batch, size, mode: 'train' });
  const graph = trainingStep(model, { loss, exposeGradients: true });
  const session = await executor.prepare(makePlan(graph.graph, executor));
  try {
    const weights = initialWeights(model, new Random(5));
    change?.(weights);
    await loadWeights(session, model, weights);
    const targets = new RegionTargets(network.regions ?? [], classes.length).of(classes);
    await session.write(graph.x, x);
    await session.write(must(graph.targets.outside, 'outside'), targets.outside);
    for (const [index, region] of (graph.targets.regions ?? []).entries())
      await session.write(region, must(targets.regions[index], 'region'));
    await session.run();
    const gradients = new Map<string, Float32Array>();
    for (const [value, gradient] of graph.gradients) gradients.set(value.name, ((await session.read(gradient)) as Float32Array).slice());
    return {
      loss: (await session.read(must(graph.scalars.get('loss'), 'loss')))[0] ?? NaN,
      logits: ((await session.read(model.logits)) as Float32Array).slice(),
      gradients,
    };
  } finally {
    session.dispose();
  }
}

/** By the formula: of each region binary cross entropy, and Dice of inside and outside over the batch. */
function expected(logits: Float32Array): number {
  let total = 0;
  for (const [region, members] of (network.regions ?? []).entries()) {
    let entropy = 0;
    const [overlap, predicted, marked] = [
      [0, 0],
      [0, 0],
      [0, 0],
    ] as [number[], number[], number[]];
    const add = (sums: number[], side: number, value: number): void => void (sums[side] = (sums[side] ?? 0) + value);
    for (let b = 0; b < batch; b++)
      for (let at = 0; at < voxels; at++) {
        const inside = members.includes(truth[b * voxels + at] ?? 0) ? 1 : 0;
        const p = 1 / (1 + Math.exp(-(logits[(b * 2 + region) * voxels + at] ?? NaN)));
        entropy -= Math.log(inside === 1 ? p : 1 - p);
        for (const side of [0, 1]) {
          const [probability, target] = side === 1 ? [p, inside] : [1 - p, 1 - inside];
          add(overlap, side, probability * target);
          add(predicted, side, probability);
          add(marked, side, target);
        }
      }
    const dice = [0, 1].map((side) => (2 * (overlap[side] ?? 0) + 1e-5) / ((predicted[side] ?? 0) + (marked[side] ?? 0) + 1e-5));
    total += entropy / (batch * voxels) + 1 - ((dice[0] ?? 0) + (dice[1] ?? 0)) / 2;
  }
  return total / 2;
}

it('is the mean over the regions of cross entropy and Dice of each against what is outside of it', async () => {
  for (const executor of executors) {
    const { loss: found, logits } = await step(executor, truth);
    expect(found).toBeCloseTo(expected(logits), 4);
  }
});

it('has the gradients that finite differences find', async () => {
  const [reference, cpu] = executors as [Executor, Executor];
  const { gradients } = await step(reference, truth);
  for (const name of ['decoder.seg_layers.1.1.weight', 'decoder.transpconvs.0.weight', 'encoder.stages.0.0.convs.0.norm.weight']) {
    const by = async (delta: number): Promise<number> =>
      (await step(reference, truth, (weights) => void ((weights.get(name)?.data as Float32Array)[1]! += delta))).loss;
    expect(gradients.get(name)?.[1]).toBeCloseTo(((await by(1e-3)) - (await by(-1e-3))) / 2e-3, 3);
  }
  const onCpu = await step(cpu, truth);
  for (const [name, gradient] of gradients)
    expect(Math.max(...gradient.map((value, at) => Math.abs(value - (onCpu.gradients.get(name)?.[at] ?? NaN))))).toBeLessThan(1e-5);
});

it('takes no gradient from voxels that nobody marked', async () => {
  for (const executor of executors) {
    const { gradients } = await step(
      executor,
      truth.map(() => IGNORED_CLASS),
    );
    expect(Math.max(...[...gradients.values()].flatMap((gradient) => [...gradient.map(Math.abs)]))).toBeLessThan(1e-6);
  }
});
