import { isUsableAffine } from '#shared/geometry/affine.ts';
import type { Affine, Grid, Triple, Volume, VoxelArray } from '#shared/geometry/grid.ts';
import { clearNonFinite, countNonFinite, elementBytes, type ElementType } from './elements.ts';
import { invalidFile } from './failure.ts';

const maxAxis = 1 << 20;

/** A file's size and affine as a grid. Throws `invalid-file` on sizes that are no positive integers and on degenerate affines. */
export function checkedGrid(path: string, size: readonly number[], affine: Affine): Grid {
  if (size.length !== 3 || !size.every((n) => Number.isInteger(n) && n >= 1 && n <= maxAxis)) {
    throw invalidFile(path, `claims a size of ${size.join(' × ')} voxels, which cannot be.`);
  }
  if (!isUsableAffine(affine)) throw invalidFile(path, 'does not say where its voxels lie: an axis has no length or two axes coincide.');
  return { size: size as unknown as Triple, affine };
}

/** Bytes that the voxels of a grid take in a file. Throws `invalid-file` where the number is no longer exact. */
export function voxelBytes(path: string, size: readonly number[], type: ElementType): number {
  const bytes = size.reduce((product, n) => product * n, elementBytes[type]);
  if (!Number.isSafeInteger(bytes)) throw invalidFile(path, `claims a size of ${size.join(' × ')} voxels, which cannot be.`);
  return bytes;
}

/**
 * The finished volume. NaN and infinite voxels become 0 with a warning; a volume in which over half of the voxels are, is refused.
 */
export function checkedVolume(path: string, grid: Grid, data: VoxelArray, warnings: string[]): Volume {
  const broken = countNonFinite(data);
  if (broken * 2 > data.length) throw invalidFile(path, 'holds no image: most of its voxels are not numbers (NaN).');
  if (broken > 0) {
    clearNonFinite(data);
    warnings.push(`${broken} of ${data.length} voxels were not numbers (NaN or infinite) and are read as 0.`);
  }
  return { grid, data };
}
