import { expect, it } from 'vitest';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { barredBy } from '#shared/prompts/accept.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { placed, proposalOfLabel, type PromptProposal } from '#shared/prompts/proposal.ts';
import { proposeNow } from '#shared/prompts/propose.ts';
import { caseAnswerer, clicksTo, pointOut, predictedAnswerer } from '#shared/prompts/reader.ts';
import { reliedOn } from '#shared/prompts/relied.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { gridOf, phantom, type Ball } from './phantom.ts';

const grid = gridOf([48, 44, 36], [1, 1, 1]);
const at = (point: LpsPoint, positive = true): Prompt => ({ kind: 'click', point, positive });
const scribble = (...points: readonly LpsPoint[]): Prompt => ({ kind: 'scribble', points, positive: true });
const organ: Ball = { centre: [18, 20, 18], radii: [9, 8, 7], value: 190 };
const island: Ball = { centre: [40, 20, 18], radii: [4, 4, 4], value: 100 };
const { image, truth } = phantom(grid, [organ]);
const [own, other] = [truth(organ), truth(island)];
const both = own.map((value, n) => value | (other[n] as number));
const predicted = proposalOfLabel({ grid, data: both }, 1) as PromptProposal;
const partsOf = (...prompts: readonly Prompt[]): Uint8Array | null => {
  const relied = reliedOn(predicted, prompts, grid);
  return relied && placed(relied.parts, grid);
};
const propose = (before: PromptProposal | null, ...prompts: readonly Prompt[]): PromptProposal | null =>
  proposeNow({ image, mask: { grid, data: new Uint8Array(both.length) } }, { prompts, before, barred: barredBy(freePolicy, 1), predicted });

it('of a prediction the parts count that are pointed at; none where the first prompt is elsewhere, takes away or outlines', () => {
  expect(partsOf(at([18, 20, 18]))).toEqual(own);
  expect(partsOf(scribble([15, 20, 18], [20, 20, 18]))).toEqual(own);
  expect(partsOf(at([40, 20, 18]))).toEqual(other);
  expect(partsOf(at([18, 20, 18]), at([30, 20, 18]), at([40, 20, 18]))).toEqual(both);
  for (const first of [at([30, 20, 18]), at([-4, 20, 18]), at([18, 20, 18], false), scribble([18, 20, 18], [30, 20, 18])])
    expect(partsOf(first, at([18, 20, 18]))).toBeNull();
  const points = [14, 18, 20].map((i): LpsPoint => [i, i, 18]);
  for (const kind of ['box', 'lasso'] as const) expect(partsOf({ kind, points, positive: true, normal: [0, 0, 1] })).toBeNull();
});

it('prompts are the more against it the deeper they lie in what is predicted wrongly', () => {
  const wrong = (...prompts: readonly Prompt[]): number | undefined => reliedOn(predicted, [at([18, 20, 18]), ...prompts], grid)?.wrong;
  expect(wrong(at([16, 18, 17]))).toBe(0);
  expect(wrong(at([28, 20, 18]))).toBeLessThan(0.1);
  expect(wrong(at([20, 20, 18], false))).toBeGreaterThan(0.7);
  expect(wrong(at([34, 20, 18]))).toBeGreaterThan(0.7);
});

it('begins with the part that is pointed at, and takes a further one that is pointed at as a whole', () => {
  const first = propose(null, at([18, 20, 18]));
  expect(first && placed(first, grid)).toEqual(own);
  const second = propose(first, at([18, 20, 18]), at([40, 20, 18]));
  expect(second && placed(second, grid)).toEqual(both);
});

it('a wrong prediction costs a click, not more: what contradicts it deeply is begun anew from', async () => {
  const elsewhere: Ball = { centre: [28, 24, 18], radii: [17, 13, 11], value: 100 };
  const wrong = { grid, data: truth(elsewhere).map((value, n) => (n % 48 < 17 ? 0 : value)) };
  const structure = { grid, data: own };
  const alone = await pointOut(caseAnswerer(image), structure);
  const predictedFirst = await pointOut(predictedAnswerer(image, wrong), structure);
  expect(predictedFirst[0]).toBeLessThan(0.5); // it begins with what is predicted
  expect(clicksTo(0.85, predictedFirst)).toBeLessThanOrEqual(clicksTo(0.85, alone) + 1);
});

it('a nearly right prediction of what cannot be told from its surroundings is kept, and mended', async () => {
  const hidden: Ball = { ...organ, value: 100 };
  const plain = phantom(grid, [hidden]);
  const structure = { grid, data: plain.truth(hidden) };
  const nearly = { grid, data: plain.truth({ ...hidden, centre: [19.5, 20, 18] }) };
  const dice = await pointOut(predictedAnswerer(plain.image, nearly), structure);
  expect(dice[0]).toBeGreaterThan(0.85);
  expect(Math.min(...dice)).toBe(dice[0]);
  expect(dice.at(-1)).toBeGreaterThan(dice[0] as number);
});
