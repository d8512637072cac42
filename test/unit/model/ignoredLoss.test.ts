import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '#shared/base/assert.ts';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { buildModel } from '#main/model/build.ts';
import { trainingStep, type SegmentationLoss } from '#main/model/trainingStep.ts';
import { initialWeights, loadWeights } from '#main/model/weights.ts';
import { Settled, withoutIgnored } from '#main/training/ignored.ts';
import { IGNORED_CLASS } from '#main/training/patches/caseFile.ts';
import { smallest } from '../../support/training/runs.ts';

const size = [8, 8, 8] as const;
const voxels = 8 ** 3;
const [classes, batch] = [2, 2];
const entropy: SegmentationLoss = { kind: 'diceCrossEntropy', diceWeight: 0, crossEntropyWeight: 1, classWeights: [1, 1] };
let executors: Executor[];
beforeAll(() => {
  executors = [createReferenceExecutor(), createCpuExecutor({ threads: 1 })];
});
afterAll(() => {
  for (const executor of executors) executor.dispose();
});

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
  const graph = trainingStep(model, { loss: { ...loss, ignoring: isMarked !== undefined }, exposeGradients: true });
  const session = await executor.prepare(makePlan(graph.graph, executor));
  const marked = truth.map((value, at) => (isMarked === undefined || isMarked(at) ? value : IGNORED_CLASS));
  const { label, ignored } = withoutIgnored(marked, new Settled(batch, classes, voxels));
  try {
    await loadWeights(session, model, initialWeights(model, new Random(5)));
    await session.write(graph.x, x);
    await session.write(must(graph.targets.label, 'label'), label);
    if (graph.targets.ignored !== undefined) await session.write(graph.targets.ignored, ignored);
    await session.run();
    const gradients: number[] = [];
    for (const gradient of graph.gradients.values()) gradients.push(...(await session.read(gradient)));
    return { loss: (await session.read(must(graph.scalars.get('loss'), 'loss')))[0] ?? NaN, gradients };
  } finally {
    session.dispose();
  }
}

const furthest = (a: Result, gradients: readonly number[]): number =>
  a.gradients.reduce((most, value, at) => Math.max(most, Math.abs(value - (gradients[at] ?? NaN))), 0);

it('is the loss without ignored voxels where all are marked, bit for bit', async () => {
  for (const executor of executors) {
    const [all, plain] = [await step(executor, entropy, () => true), await step(executor, entropy)];
    expect(all.loss).toBe(plain.loss);
    expect(furthest(all, plain.gradients)).toBe(0);
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
        plain,
        first.gradients.map((value, at) => value + (second.gradients[at] ?? NaN)),
      ),
    ).toBeLessThan(1e-5);
    expect(furthest(first, plain.gradients)).toBeGreaterThan(1e-3);
    const none = await step(executor, { ...entropy, diceWeight: 1 }, () => false);
    expect(Math.max(...none.gradients.map(Math.abs))).toBeLessThan(1e-6);
  }
});
