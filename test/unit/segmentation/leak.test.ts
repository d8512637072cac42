import { describe, expect, it } from 'vitest';
import type { LabelVolume, Triple } from '#shared/geometry/grid.ts';
import { floodFill, freePolicy, leakOf } from '#shared/segmentation/index.ts';
import { forEach, gridOf } from './support.ts';

const size: Triple = [20, 16, 6];

/** A box of label 1 around nothing, open at one side if asked, on background. */
function ring(half: number, open: boolean): LabelVolume {
  const volume = { grid: gridOf(size), data: new Uint8Array(20 * 16 * 6) };
  forEach(size, (i, j, k, at) => {
    const wall = Math.max(Math.abs(i - 10), Math.abs(j - 8)) === half;
    if (k > 0 && k < 5 && wall && !(open && i === 10 && j < 8)) volume.data[at] = 1;
  });
  return volume;
}
const fill = (volume: LabelVolume, plane?: 0 | 1 | 2): string | null =>
  leakOf(floodFill({ volume, policy: freePolicy }, [10, 8, 3], 2, plane), volume.grid, plane);

describe('a fill', () => {
  it('stays where it is closed, and leaks where it is open', () => {
    expect([fill(ring(3, false), 2), fill(ring(3, true), 2)]).toEqual([null, 'reaches the edge of the picture']);
  });

  it('may reach the first and the last slice of what is cut off there, but not leave it', () => {
    const tube = ring(3, false);
    forEach(size, (i, j, k, at) => {
      if ((k === 0 || k === 5) && Math.max(Math.abs(i - 10), Math.abs(j - 8)) === 3) tube.data[at] = 1;
    });
    expect(fill(tube)).toBeNull();
    expect(fill(ring(3, false))).toBe('reaches the edge of the picture');
  });

  it('is asked about where it takes much of the slice', () => {
    expect(fill(ring(7, false), 2)).toBe('takes 53% of the slice');
  });

  it('of nothing does not leak', () => {
    const volume = ring(3, false);
    expect(leakOf(floodFill({ volume, policy: freePolicy }, [10, 8, 3], 0, 2), volume.grid, 2)).toBeNull();
  });
});
