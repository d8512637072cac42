import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import type { ImportedNetwork } from '#main/model/networkConfig.ts';
import { initialWeights } from '#main/model/weights.ts';
import { RegionTargets } from '#main/training/regionTargets.ts';
import { TrainingNetwork } from '#main/training/trainingNetwork.ts';
import { tinyPlans } from '#test/support/nnunetFolder.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';

const kinds = ['plain', 'residual', 'regions'] as const;
const [batch, patch] = [2, [4, 8, 8] as const];
const voxels = batch * 4 * 8 * 8;

function networkOf(kind: (typeof kinds)[number]): ImportedNetwork {
  const { network } = tinyPlans({ kind });
  return kind === 'regions' ? { ...network, regions: [[1, 2], [2]] } : network;
}

/** Losses and weights of three whole steps: forward, loss, backward, AdamW. */
async function trained(executor: Executor, kind: (typeof kinds)[number], memoryBudgetBytes?: number) {
  const shape = networkOf(kind);
  const network = await TrainingNetwork.create(executor, shape, {
    batch,
    patch,
    ...(memoryBudgetBytes !== undefined && { memoryBudgetBytes }),
    loss: { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1, classWeights: [1, 1, 1] },
    optimiser: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  });
  try {
    await network.load(initialWeights(network.model, new Random(4)));
    await network.loadMoments(new Map());
    const random = new Random(6);
    const losses: number[] = [];
    for (let count = 1; count <= 3; count++) {
      const x = Float32Array.from({ length: voxels * shape.inChannels }, () => random.normal());
      const label = Int32Array.from({ length: voxels }, () => random.integer(3));
      const targets = shape.regions === undefined ? { label } : new RegionTargets(shape.regions, voxels).of(label);
      losses.push((await network.step({ x, ...targets }, { learningRate: 1e-3, maximumNorm: 1, count })).loss);
    }
    return { losses, weights: await network.weights(), bytes: network.arenaBytes };
  } finally {
    network.dispose();
  }
}

async function requireReference(executor: Executor, kind: (typeof kinds)[number]): Promise<void> {
  const [expected, found] = [await trained(createReferenceExecutor(), kind), await trained(executor, kind)];
  found.losses.forEach((loss, step) => expect(loss).toBeCloseTo(expected.losses[step] ?? NaN, 3));
  // AdamW's first steps are of the rate's size whatever the gradient: where that is about zero, as of every bias before a norm, its sign is chance.
  for (const [name, { data }] of expected.weights) {
    if (name.endsWith('.conv.bias')) continue;
    const other = found.weights.get(name)?.data;
    const far = [...data].filter((value, at) => !(Math.abs(value - (other?.[at] ?? NaN)) < 3e-4)).length;
    expect(far, name).toBeLessThanOrEqual(Math.max(1, 0.02 * data.length));
  }
}

describeOn(softwareDrivers, 'webgpu', (executor) => {
  for (const kind of kinds) it(`trains a tiny imported network (${kind}) as reference does`, () => requireReference(executor(), kind));
});

describe('training steps of an imported network', () => {
  for (const kind of kinds)
    it(`are on cpu those of reference (${kind}), and the same bytes when memory asks to compute some of it twice`, async () => {
      const executor = createCpuExecutor({ threads: 1 });
      await requireReference(executor, kind);
      const whole = await trained(executor, kind);
      const smaller = await trained(executor, kind, Math.floor(0.9 * whole.bytes));
      expect(smaller.bytes).toBeLessThan(whole.bytes);
      expect(smaller.losses).toEqual(whole.losses);
      executor.dispose();
    });
});
