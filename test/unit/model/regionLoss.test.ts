import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { buildNetwork, type ImportedNetwork } from '#main/model/networkConfig.ts';
import type { Weights } from '#main/model/weights.ts';
import { RegionTargets } from '#main/training/regionTargets.ts';
import { IGNORED_CLASS } from '#main/training/patches/caseFile.ts';
import { tinyPlans } from '../../support/nnunetFolder.ts';
import { allOf, bothExecutors, furthest, lossStep } from '../../support/training/lossStep.ts';

const size = [4, 8, 8] as const;
const [batch, voxels] = [2, 4 * 8 * 8];
/** Two regions, one inside the other: classes 1 and 2, and class 2 alone. */
const network: ImportedNetwork = { ...tinyPlans({ kind: 'regions' }).network, regions: [[1, 2], [2]] };
const loss = { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1, classWeights: [1, 1, 1], regions: true } as const;
const executors = bothExecutors();

const random = new Random(9);
const x = Float32Array.from({ length: batch * network.inChannels * voxels }, () => random.normal());
const truth = Int32Array.from({ length: batch * voxels }, () => random.integer(3));

async function step(executor: Executor, classes: Int32Array, change?: (weights: Weights) => void) {
  const model = buildNetwork(network, { batch, size, mode: 'train' });
  const targets = new RegionTargets(network.regions ?? [], classes.length).of(classes);
  return lossStep(executor, model, loss, x, targets, change);
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
    const { scalars, logits } = await step(executor, truth);
    expect(scalars['loss']).toBeCloseTo(expected(logits), 4);
  }
});

it('has the gradients that finite differences find', async () => {
  const [reference, cpu] = executors;
  const { gradients } = await step(reference, truth);
  for (const name of ['decoder.seg_layers.1.1.weight', 'decoder.transpconvs.0.weight', 'encoder.stages.0.0.convs.0.norm.weight']) {
    const by = async (delta: number): Promise<number> =>
      (await step(reference, truth, (weights) => void ((weights.get(name)?.data as Float32Array)[1]! += delta))).scalars['loss'] ?? NaN;
    expect(gradients.get(name)?.[1]).toBeCloseTo(((await by(1e-3)) - (await by(-1e-3))) / 2e-3, 3);
  }
  const onCpu = await step(cpu, truth);
  expect(furthest(allOf(gradients), allOf(onCpu.gradients))).toBeLessThan(1e-5);
});

it('takes no gradient from voxels that nobody marked', async () => {
  for (const executor of executors) {
    const { gradients } = await step(
      executor,
      truth.map(() => IGNORED_CLASS),
    );
    expect(Math.max(...allOf(gradients).map(Math.abs))).toBeLessThan(1e-6);
  }
});
