import { expect, it } from 'vitest';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { beginsPredicted, type Prompt } from '#shared/prompts/prompt.ts';
import { placed } from '#shared/prompts/proposal.ts';
import { gridOf } from './phantom.ts';

const grid = gridOf([8, 6, 4], [1, 1, 2]);
/** 2 in the half of the lower i, 3 in one voxel of it. */
const prediction = { grid, data: Uint8Array.from({ length: 8 * 6 * 4 }, (_, at) => (at === 9 ? 3 : at % 8 < 4 ? 2 : 0)) };
const at = (point: LpsPoint, positive = true): Prompt => ({ kind: 'click', point, positive });
const scribble = (...points: readonly LpsPoint[]): Prompt => ({ kind: 'scribble', points, positive: true });
const begins = (prompts: readonly Prompt[], label = 2) => beginsPredicted({ prompts, before: null }, prediction, label);

it('pointing begins with all that is predicted of a label where the first prompt points at it', () => {
  const found = begins([at([2, 2, 2])]);
  expect(found && placed(found, grid)).toEqual(prediction.data.map((value) => (value === 2 ? 1 : 0)));
  // Whatever follows the first prompt says nothing of where it begins.
  expect(begins([at([2, 2, 2]), at([6, 2, 2])])).toEqual(found);
  expect(begins([scribble([0, 3, 0], [3, 3, 6])])).toEqual(found);
});

it('it begins with nothing where that is elsewhere, taken away or outlined, and once something was proposed', () => {
  expect(begins([])).toBeNull();
  expect(begins([at([6, 2, 2])])).toBeNull();
  expect(begins([at([1, 1, 0])])).toBeNull(); // another label
  expect(begins([at([-4, 2, 2])])).toBeNull(); // outside the image
  expect(begins([at([2, 2, 2], false)])).toBeNull();
  expect(begins([scribble([2, 2, 2], [6, 2, 2])])).toBeNull();
  const points = [0, 2, 3].map((i): LpsPoint => [i, i, 2]);
  for (const kind of ['box', 'lasso'] as const) expect(begins([{ kind, points, positive: true, normal: [0, 0, 1] }])).toBeNull();
  const before = begins([at([2, 2, 2])]);
  expect(beginsPredicted({ prompts: [at([2, 2, 2])], before }, prediction, 2)).toBeNull();
});
