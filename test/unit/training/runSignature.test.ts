import { expect, it } from 'vitest';
import { recipes } from '#shared/domain/trainConfig.ts';
import { variant } from '#main/model/variants.ts';
import { isSameRun, runSignature } from '#main/training/runSignature.ts';

const run = (folder: string, more: object = {}) => ({
  architecture: variant('tiny', 3),
  recipe: recipes.standard,
  seed: 1,
  budget: { steps: 8 },
  plan: { spacing: [1, 1, 1], intensity: { kind: 'window', low: -1000, high: 1000 }, patch: [16, 16, 16], batch: 2 } as const,
  trainingCases: [`${folder}a.case`, `${folder}b.case`],
  validationCases: [`${folder}c.case`],
  ...more,
});

it('a run is the same wherever its cases lie', () => {
  expect(isSameRun(runSignature(run('/here/')), runSignature(run('D:\\there\\')))).toBe(true);
});

it('so it is for a checkpoint that was signed with whole paths', () => {
  for (const folder of ['/here/', 'C:\\here\\']) expect(isSameRun(JSON.stringify(run(folder)), runSignature(run('/there/')))).toBe(true);
});

it('another case, order, seed or budget is another run, and so is what cannot be read', () => {
  const signature = runSignature(run('/'));
  const others = [
    { seed: 2 },
    { budget: { steps: 9 } },
    { trainingCases: ['/b.case', '/a.case'] },
    { validationCases: [] },
    { trainingCases: ['/a.case', '/d.case'] },
  ];
  for (const more of others)
    for (const found of [runSignature(run('/', more)), JSON.stringify(run('/', more))]) expect(isSameRun(found, signature)).toBe(false);
  for (const found of ['', 'nonsense', '{}', 'null']) expect(isSameRun(found, signature)).toBe(false);
});
