import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { buildModel } from '#main/model/build.ts';
import type { SegmentationLoss } from '#main/model/trainingStep.ts';
import { Settled, withoutIgnored } from '#main/training/ignored.ts';
import { IGNORED_CLASS } from '#main/training/patches/caseFile.ts';
import { allOf, bothExecutors, furthest, lossStep } from '../../support/training/lossStep.ts';
import { smallest } from '../../support/training/runs.ts';

const size = [8, 8, 8] as const;
const voxels = 8 ** 3;
const [classes, batch] = [2, 2];
const entropy: SegmentationLoss = { kind: 'diceCrossEntropy', diceWeight: 0, crossEntropyWeight: 1, classWeights: [1, 1] };
const executors = bothExecutors();

const random = new Random(9);
const x = Float32Array.from({ length: batch * voxels }, () => random.normal());
const truth = Int32Array.from({ length: batch * voxels }, () => random.integer(classes));

interface Result {
  readonly loss: number;
  readonly gradients: readonly number[];
}

/** Loss and gradients where only some voxels are marked; without `isMarked` by the loss that ignores none. */
async function step(executor: Executor, loss: SegmentationLoss, isMarked?: (at: number) => boolean): Promise<Result> {
  const model = buildModel(smallest, { batch, size, mode: 'train' });
  const marked = truth.map((value, at) => (isMarked === undefined || isMarked(at) ? value : IGNORED_CLASS));
  const targets = withoutIgnored(marked, new Settled(batch, classes, voxels));
  const { scalars, gradients } = await lossStep(executor, model, { ...loss, ignoring: isMarked !== undefined }, x, targets);
  return { loss: scalars['loss'] ?? NaN, gradients: allOf(gradients) };
}

it('is the loss without ignored voxels where all are marked, bit for bit', async () => {
  for (const executor of executors) {
    const [all, plain] = [await step(executor, entropy, () => true), await step(executor, entropy)];
    expect(all.loss).toBe(plain.loss);
    expect(furthest(all.gradients, plain.gradients)).toBe(0);
  }
});

it('takes no gradient from a voxel that nobody marked: two halves of the voxels add up to all of them', async () => {
  for (const executor of executors) {
    const isFirst = (at: number): boolean => at % 3 === 0;
    const first = await step(executor, entropy, isFirst);
    const second = await step(executor, entropy, (at) => !isFirst(at));
    const plain = await step(executor, entropy);
    expect(first.loss + second.loss).toBeCloseTo(plain.loss, 4);
    expect(
      furthest(
        plain.gradients,
        first.gradients.map((value, at) => value + (second.gradients[at] ?? NaN)),
      ),
    ).toBeLessThan(1e-5);
    expect(furthest(first.gradients, plain.gradients)).toBeGreaterThan(1e-3);
    const none = await step(executor, { ...entropy, diceWeight: 1 }, () => false);
    expect(Math.max(...none.gradients.map(Math.abs))).toBeLessThan(1e-6);
  }
});
