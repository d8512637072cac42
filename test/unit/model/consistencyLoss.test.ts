import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { buildModel } from '#main/model/build.ts';
import { SETTLED, type LossConfig, type SegmentationLoss } from '#main/model/trainingStep.ts';
import { allOf, bothExecutors, furthest, lossStep } from '../../support/training/lossStep.ts';
import { smallest } from '../../support/training/runs.ts';

const size = [8, 8, 8] as const;
const voxels = 8 ** 3;
const [classes, batch, scans] = [2, 2, 3];
const segmentation: SegmentationLoss = { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 };
const executors = bothExecutors();

interface Result {
  readonly scalars: Readonly<Record<string, number>>;
  readonly gradients: readonly number[];
}

/** One step's loss and gradients, by a loss and its targets. */
async function step(executor: Executor, loss: LossConfig, input: Float32Array, targets: Parameters<typeof lossStep>[4]): Promise<Result> {
  const second = loss.kind === 'consistency' ? { scans } : {};
  const model = buildModel(smallest, { batch: input.length / voxels, size, mode: 'train', ...second });
  const { scalars, gradients } = await lossStep(executor, model, loss, input, targets);
  return { scalars, gradients: allOf(gradients) };
}

const random = new Random(9);
const normals = (count: number): Float32Array => Float32Array.from({ length: count * voxels }, () => random.normal());
const draws = (count: number): Int32Array => Int32Array.from({ length: count * voxels }, () => random.integer(classes));
const [x, label, seen, truth] = [normals(batch), draws(batch), normals(scans), draws(scans)];
const isSure = (at: number): boolean => at % 3 === 0;

function consistency(executor: Executor, taughtWeight: number, sure = isSure): Promise<Result> {
  const unsure = Float32Array.from({ length: scans * classes * voxels }, (_, at) => {
    const [sample, channel, voxel] = [Math.floor(at / (classes * voxels)), Math.floor(at / voxels) % classes, at % voxels];
    return channel === 0 && !sure(sample * voxels + voxel) ? SETTLED : 0;
  });
  const taught = truth.map((value, at) => (sure(at) ? value : 0));
  const weight = Float32Array.of(taughtWeight);
  return step(executor, { kind: 'consistency', segmentation }, x, { label, scans: seen, taught, unsure, taughtWeight: weight });
}

const apart = (a: Result, b: Result): number => furthest(a.gradients, b.gradients);

it('learns from the masks exactly as without scans, where the teacher does not count', async () => {
  for (const executor of executors) {
    const [plain, without] = [await step(executor, segmentation, x, { label }), await consistency(executor, 0)];
    expect(without.scalars['loss']).toBe(plain.scalars['loss']);
    expect(apart(without, plain)).toBe(0);
  }
});

it('adds the cross entropy of the scans by its factor, alike on each executor', async () => {
  const results: Result[] = [];
  for (const executor of executors) {
    const taught = await step(executor, { ...segmentation, diceWeight: 0 }, seen, { label: truth });
    const [plain, both] = [await consistency(executor, 0, () => true), await consistency(executor, 0.5, () => true)];
    expect(both.scalars['taught']).toBeCloseTo((taught.scalars['loss'] ?? NaN) / 2, 5);
    expect(both.scalars['loss']).toBeCloseTo((plain.scalars['loss'] ?? NaN) + (taught.scalars['loss'] ?? NaN) / 2, 5);
    const sum = { ...both, gradients: plain.gradients.map((value, at) => value + (taught.gradients[at] ?? NaN) / 2) };
    expect(apart(both, sum)).toBeLessThan(1e-5);
    expect(apart(both, plain)).toBeGreaterThan(1e-3);
    results.push(both);
  }
  expect(apart(results[0] as Result, results[1] as Result)).toBeLessThan(1e-4);
});

it('learns nothing from voxels of which the teacher is not sure', async () => {
  for (const executor of executors) {
    const [none, off] = [await consistency(executor, 1, () => false), await consistency(executor, 0)];
    expect(none.scalars['taught']).toBeCloseTo(0, 5);
    expect(apart(none, off)).toBeLessThan(1e-7);
    expect(apart(await consistency(executor, 1), await consistency(executor, 1, (at) => at % 6 === 0))).toBeGreaterThan(1e-4);
  }
});
