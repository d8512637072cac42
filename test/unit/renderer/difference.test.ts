import { describe, expect, it } from 'vitest';
import type { Grid } from '#shared/geometry/grid.ts';
import { updateDifference, wholeDifference } from '#renderer/scene/difference.ts';

const grid: Grid = { size: [4, 1, 2], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };
const volume = (values: readonly number[]) => ({ grid, data: Uint8Array.from(values) });

describe('the difference between correction and prediction', () => {
  it('tells same, added, removed and relabelled apart', () => {
    const target = volume(new Array(8).fill(9));
    updateDifference(target, volume([0, 1, 0, 2, 0, 0, 0, 0]), volume([0, 0, 1, 1, 0, 0, 0, 0]), { lower: [0, 0, 0], upper: [4, 1, 2] });
    expect([...target.data]).toEqual([0, 1, 2, 3, 0, 0, 0, 0]);
  });

  it('touches nothing outside its box', () => {
    const target = volume(new Array(8).fill(9));
    updateDifference(target, volume(new Array(8).fill(1)), volume(new Array(8).fill(0)), { lower: [1, 0, 1], upper: [3, 1, 2] });
    expect([...target.data]).toEqual([9, 9, 9, 9, 9, 1, 1, 9]);
  });

  it('is found everywhere, a few slices at a time, until it is given up', async () => {
    const [mask, prediction] = [volume([0, 1, 0, 2, 3, 3, 0, 1]), volume([0, 0, 1, 1, 3, 0, 0, 2])];
    const target = volume(new Array(8).fill(9));
    expect(await wholeDifference(target, mask, prediction, () => false)).toBe(true);
    expect([...target.data]).toEqual([0, 1, 2, 3, 0, 1, 0, 3]);
    expect(await wholeDifference(volume(new Array(8).fill(9)), mask, prediction, () => true)).toBe(false);
  });
});
