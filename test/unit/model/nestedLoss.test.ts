import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import { insideOf } from '#shared/domain/regions.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { buildModel } from '#main/model/build.ts';
import type { Weights } from '#main/model/weights.ts';
import { trainingNetworkOptions } from '#main/training/train.ts';
import { chooseLoss, type TrainingPlan } from '#main/training/trainingPlan.ts';
import { recipes, type LossName } from '#shared/domain/trainConfig.ts';
import { allOf, bothExecutors, furthest, lossStep } from '../../support/training/lossStep.ts';
import { smallest } from '../../support/training/runs.ts';

/** Whole tumour ⊃ core ⊃ enhancing, the outer ones after the inner one; and a ventricle. */
const labels = labelSetFrom([
  { value: 1, name: 'enhancing', inside: 2 },
  { value: 2, name: 'core', inside: 4 },
  { value: 4, name: 'whole tumour' },
  { value: 7, name: 'ventricle' },
]);
const classToLabel = [0, 1, 2, 4, 7];
const inside = insideOf(labels, classToLabel);
const regions = [[0], [1], [2, 1], [3, 2, 1], [4]];
const [batch, classes] = [2, 5];
const size = [8, 8, 8] as const;
const voxels = 8 ** 3;
const random = new Random(9);
const x = Float32Array.from({ length: batch * voxels }, () => random.normal());
const truth = Int32Array.from({ length: batch * voxels }, () => random.integer(classes));
const architecture = { ...smallest, classes };

const executors = bothExecutors();

const planWith = (name: LossName): Pick<TrainingPlan, 'loss' | 'patch' | 'batch'> => ({
  patch: size,
  batch,
  loss: chooseLoss(name, [0.7, 0.02, 0.08, 0.15, 0.05], {}, inside),
});

async function step(executor: Executor, plan: ReturnType<typeof planWith>, change?: (weights: Weights) => void) {
  const model = buildModel(architecture, { batch, size, mode: 'train' });
  const { loss } = trainingNetworkOptions({ plan: plan as TrainingPlan, recipe: recipes.standard });
  return lossStep(executor, model, loss, x, { label: truth }, change);
}

/** By the formulas: Dice of summed probabilities, each region over the samples together or for each; cross entropy by class. */
function expected(logits: Float32Array, weights: readonly number[] | undefined): { readonly loss: number; readonly dice: number } {
  const [overlap, extent] = [new Map<number, number>(), new Map<number, number>()];
  const add = (sums: Map<number, number>, row: number, value: number) => sums.set(row, (sums.get(row) ?? 0) + value);
  let [entropy, counted] = [0, 0];
  for (let b = 0; b < batch; b++)
    for (let at = 0; at < voxels; at++) {
      const own = Array.from({ length: classes }, (_, c) => Math.exp(logits[(b * classes + c) * voxels + at] ?? NaN));
      const total = own.reduce((sum, each) => sum + each, 0);
      const label = truth[b * voxels + at] ?? 0;
      const weight = weights?.[label] ?? 1;
      entropy -= weight * Math.log((own[label] ?? 0) / total);
      counted += weight;
      for (const [region, members] of regions.entries()) {
        const row = (weights === undefined ? b : 0) * classes + region;
        const p = members.reduce((sum, c) => sum + (own[c] ?? 0) / total, 0);
        const t = members.includes(label) ? 1 : 0;
        add(overlap, row, 2 * p * t);
        add(extent, row, p + t);
      }
    }
  const rows = [...overlap].map(([row, both]) => (both + 1e-5) / ((extent.get(row) ?? 0) + 1e-5));
  const dice = 1 - rows.reduce((sum, each) => sum + each, 0) / rows.length;
  return { dice, loss: dice + entropy / counted };
}

it('knows of each class which one it lies inside of', () => {
  expect(inside).toEqual([0, 2, 3, 0, 0]);
  expect(insideOf(labelSetFrom([{ value: 1, name: 'Liver' }]), [0, 1])).toBeUndefined();
});

for (const name of ['weighted', 'paper'] as const)
  it(`takes Dice by region with the ${name} loss, on every executor`, async () => {
    const plan = planWith(name);
    const weights = plan.loss?.name === 'weighted' ? plan.loss.classWeights : undefined;
    for (const executor of executors) {
      const found = await step(executor, plan);
      const wanted = expected(found.logits, weights);
      expect(found.scalars['dice']).toBeCloseTo(wanted.dice, 5);
      expect(found.scalars['loss']).toBeCloseTo(wanted.loss, 5);
    }
  });

it('has the gradients that finite differences find', async () => {
  const [reference, cpu] = executors;
  const plan = planWith('weighted');
  const { gradients } = await step(reference, plan);
  let probed = 0;
  for (const [name, gradient] of gradients) {
    if (!/weight$/.test(name)) continue;
    const by = async (delta: number): Promise<number> =>
      (await step(reference, plan, (weights) => void ((weights.get(name)?.data as Float32Array)[0]! += delta))).scalars['loss'] ?? NaN;
    expect(gradient[0]).toBeCloseTo(((await by(2 ** -9)) - (await by(-(2 ** -9)))) * 2 ** 8, 2);
    probed++;
  }
  expect(probed).toBeGreaterThan(3);
  const onCpu = await step(cpu, plan);
  expect(furthest(allOf(gradients), allOf(onCpu.gradients))).toBeLessThan(2e-5);
});
