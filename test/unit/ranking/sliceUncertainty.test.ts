import { expect, it } from 'vitest';
import { rankSlices } from '#shared/domain/sliceUncertainty.ts';
import { disagreement } from '#main/ranking/uncertainty.ts';

it('orders slices along any axis by the sum of their uncertainty', () => {
  const size = [2, 3, 4] as const;
  const uncertainty = new Uint8Array(24);
  const at = (i: number, j: number, k: number): number => i + 2 * (j + 3 * k);
  uncertainty[at(1, 2, 3)] = 255; // one voxel that is wholly unsure
  for (const j of [0, 1, 2]) uncertainty[at(0, j, 1)] = 102; // three that are less so, and more together
  expect(rankSlices(uncertainty, size, 2).map(({ index }) => index)).toEqual([1, 3, 0, 2]);
  expect(rankSlices(uncertainty, size, 2)[0]?.score).toBeCloseTo(1.2);
  expect(rankSlices(uncertainty, size, 1).map(({ index }) => index)).toEqual([2, 0, 1]);
  expect(rankSlices(uncertainty, size, 0).map(({ index, score }) => [index, Number(score.toFixed(1))])).toEqual([
    [0, 1.2],
    [1, 1],
  ]);
});

it('disagreement counts where at least one of two predictions finds something', () => {
  expect(disagreement([0, 1, 2, 0], [0, 1, 1, 2])).toBeCloseTo(2 / 3);
  expect(disagreement([0, 0], [0, 0])).toBe(0);
  expect(disagreement([1, 2], [1, 2])).toBe(0);
});
