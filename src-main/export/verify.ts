import { StudioError } from '#shared/base/errors.ts';
import { basename } from 'node:path';
import { unfinishedName } from '#main/files/atomicFile.ts';
import { orientationCode, reorientVolume, sameGrid } from '#shared/geometry/orientation.ts';
import { resampleVolume } from '#shared/geometry/resample.ts';
import type { Volume } from '#shared/geometry/grid.ts';

/**
 * How many of `expected`'s voxels have another value at their place in the world in `found`. Grids that are flips and permutations of each
 * other are compared exactly; others by the nearest voxel, and what lies outside `found` counts as 0.
 */
export function differingVoxels(expected: Volume, found: Volume): number {
  const turned = reorientVolume(found, orientationCode(expected.grid.affine));
  const { data } = sameGrid(turned.grid, expected.grid) ? turned : resampleVolume(found, expected.grid, 'nearest');
  let count = 0;
  for (let n = 0; n < data.length; n++) if (!Object.is(data[n], expected.data[n]) && data[n] !== expected.data[n]) count++;
  return count;
}

/** Throws `io` when what was read back of an export differs from what was to be exported. */
export function assertSameVoxels(path: string, expected: Volume, found: Volume): void {
  const count = differingVoxels(expected, found);
  if (count > 0) throw exportFailed(path, `${count} voxels differ`);
}

/** The same for values that were rounded to steps of `step`. Non-finite values are not compared. */
export function assertCloseVoxels(path: string, expected: Volume, found: Volume, step: number): void {
  const { grid, data } = reorientVolume(found, orientationCode(expected.grid.affine));
  if (!sameGrid(grid, expected.grid)) throw exportFailed(path, 'the grid differs');
  let count = 0;
  for (let n = 0; n < data.length; n++) {
    const value = expected.data[n] as number;
    if (Number.isFinite(value) && !(Math.abs(value - (data[n] as number)) <= step)) count++;
  }
  if (count > 0) throw exportFailed(path, `${count} voxels differ`);
}

/** The error for an export that did not survive being read back; the file is not kept. */
export function exportFailed(path: string, detail: string): StudioError {
  const name = basename(path).replace(unfinishedName, '');
  return new StudioError(
    'io',
    `${name} was not exported: what was written does not read back the same. Try again, on another disk if it happens twice.`,
    { detail },
  );
}
