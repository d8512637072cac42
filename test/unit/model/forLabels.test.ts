import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { buildModel } from '#main/model/build.ts';
import { variant } from '#main/model/variants.ts';
import { forLabels, initialWeights, transplant, type Weights } from '#main/model/weights.ts';

const fresh = (classes: number, seed: number): Weights =>
  initialWeights(buildModel(variant('tiny', classes), { mode: 'train', batch: 1, size: [16, 16, 16] }), new Random(seed));
const rows = (weights: Weights, name: string): number[][] => {
  const {
    shape: [count = 0],
    data,
  } = weights.get(name) ?? { shape: [], data: [] };
  return Array.from({ length: count }, (_, row) => Array.from(data.slice((row * data.length) / count, ((row + 1) * data.length) / count)));
};
const heads = ['head.cls.weight', 'head.cls.bias'];
const zeros = (like: readonly number[] = []): number[] => like.map(() => 0);

it("a label keeps its row of the head when others are removed or added, and none inherits another's", () => {
  const old = fresh(4, 1); // background and the labels 1, 2, 3
  for (const name of heads) {
    const [background, one, two, three] = rows(old, name);
    expect(rows(forLabels(old, [0, 1, 2, 3], [0, 1, 3]), name)).toEqual([background, one, three]);
    expect(rows(forLabels(old, [0, 1, 2, 3], [0, 1, 2, 4]), name)).toEqual([background, one, two, zeros(three)]);
    expect(rows(forLabels(old, [0, 1, 2, 3], [0, 1, 2, 3]), name)).toEqual(rows(old, name));
  }
  const { weights, carried } = transplant(forLabels(old, [0, 1, 2, 3], [0, 1, 3]), fresh(3, 2));
  expect([carried, rows(weights, 'head.cls.bias')[2]]).toEqual([weights.size, rows(old, 'head.cls.bias')[3]]);
});

it('a head whose classes are not known, and none at all, leave the rest as it is', () => {
  const old = fresh(4, 1);
  const rest = [...old].filter(([name]) => !heads.includes(name));
  expect([...forLabels(old, [0, 1], [0, 1, 2])]).toEqual(rest);
  expect([...forLabels(new Map(rest), [0, 1, 2, 3], [0, 1])]).toEqual(rest);
});
