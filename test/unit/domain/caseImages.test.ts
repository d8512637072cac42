import { describe, expect, it } from 'vitest';
import { asStored, onLeadingGrid, onSameGrid, sameChannelName } from '#shared/domain/caseImages.ts';
import type { Affine, Grid, Volume } from '#shared/geometry/grid.ts';

const leading: Grid = { size: [4, 3, 2], affine: [1, 0, 0, 10, 0, 1, 0, 20, 0, 0, 2, 30] };
const values = (count: number): Int16Array => Int16Array.from({ length: count }, (_, n) => n - 3);

describe('another image on the grid of the leading one', () => {
  it('is the very array where it lies voxel by voxel, also where headers were rounded differently', () => {
    const rounded: Grid = { size: [4, 3, 2], affine: [1.0001, 0, 0, 10.0002, 0, 1, 0, 20, 0, 0, 2, 30] };
    const volume: Volume = { grid: rounded, data: values(24) };
    const placed = onLeadingGrid(volume, { placement: onSameGrid, scale: asStored }, leading);
    expect(placed.data).toBe(volume.data);
    expect(placed.grid).toBe(leading);
  });

  it('is sampled where it lies in the world, and is its smallest value outside', () => {
    // Twice as coarse along i, beginning one voxel further on.
    const volume: Volume = { grid: { size: [2, 3, 2], affine: [2, 0, 0, 11, 0, 1, 0, 20, 0, 0, 2, 30] }, data: values(12) };
    const { data } = onLeadingGrid(volume, { placement: { by: 'frame', toLeading: null }, scale: asStored }, leading);
    expect(Array.from(data.subarray(0, 4))).toEqual([-3, -3, -2.5, -2]);
    const far: Affine = [1, 0, 0, 100, 0, 1, 0, 0, 0, 0, 1, 0];
    const away = onLeadingGrid(volume, { placement: { by: 'hand', toLeading: far }, scale: asStored }, leading);
    expect(new Set(away.data)).toEqual(new Set([-3]));
  });

  it('follows a shift by hand, and is given in its unit', () => {
    const shifted: Grid = { size: leading.size, affine: [1, 0, 0, 3, 0, 1, 0, 20, 0, 0, 2, 30] };
    const toLeading: Affine = [1, 0, 0, 7, 0, 1, 0, 0, 0, 0, 1, 0];
    const scale = { factor: 0.5, unit: 'SUVbw' };
    const { data } = onLeadingGrid({ grid: shifted, data: values(24) }, { placement: { by: 'hand', toLeading }, scale }, leading);
    expect(Array.from(data)).toEqual(Array.from(values(24), (value) => value / 2));
  });
});

it('names of channels are the same whatever their case and signs', () => {
  expect([
    sameChannelName('T1-Gd', 't1gd'),
    sameChannelName('FLAIR', ' flair '),
    sameChannelName('T1', 'T2'),
    sameChannelName('', ''),
  ]).toEqual([true, true, false, true]);
});
