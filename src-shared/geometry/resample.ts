import { StudioError } from '../base/errors.ts';
import { composeAffine, invertAffine } from './affine.ts';
import { sameGrid } from './orientation.ts';
import { spacing as spacingOf, voxelCount, type Affine, type Grid, type Triple, type Volume, type VoxelArray } from './grid.ts';
import { linearOblique, linearSeparable, nearestOblique, nearestSeparable, voteOblique, type Sampling } from './samplers.ts';

export interface ResampleOptions {
  /** Value of voxels that lie outside the source volume. */
  readonly background?: number;
}

/**
 * A grid of the same orientation and centre with another spacing in millimetres along i, j, k; its extent is the same to half a voxel.
 * Throws `invalid-argument` on a spacing that is not positive.
 */
export function gridWithSpacing(grid: Grid, spacing: Triple): Grid {
  if (!spacing.every((mm) => mm > 0 && Number.isFinite(mm)))
    throw new StudioError('invalid-argument', 'A voxel spacing must be a positive number of millimetres.');
  const old = spacingOf(grid);
  const size = grid.size.map((n, axis) =>
    Math.max(1, Math.round((n * old[axis as 0 | 1 | 2]) / spacing[axis as 0 | 1 | 2])),
  ) as unknown as Triple;
  const scale = spacing.map((mm, axis) => mm / old[axis as 0 | 1 | 2]) as unknown as Triple;
  const shift = size.map((n, axis) => (grid.size[axis as 0 | 1 | 2] - 1 - (n - 1) * scale[axis as 0 | 1 | 2]) / 2) as unknown as Triple;
  return { size, affine: composeAffine(grid.affine, [scale[0], 0, 0, shift[0], 0, scale[1], 0, shift[1], 0, 0, scale[2], shift[2]]) };
}

/** For a map from target to source voxels that only permutes, flips and scales: the source axis of every target axis. Otherwise null. */
function separableAxes(map: Affine, target: Grid): Triple | null {
  const axes = [0, 1, 2].map((column) => {
    const weights = [0, 4, 8].map((row) => Math.abs(map[row + column] as number));
    const source = weights.indexOf(Math.max(...weights));
    // What an off-axis term may move a sample by over the whole grid, in source voxels.
    const drift = weights.reduce((sum, weight, row) => (row === source ? sum : sum + weight * target.size[column as 0 | 1 | 2]), 0);
    return drift < 1e-3 ? source : -1;
  });
  return axes.includes(-1) || new Set(axes).size !== 3 ? null : (axes as unknown as Triple);
}

function prepare(source: Grid, target: Grid, background: number): { sampling: Sampling; axes: Triple | null } {
  const map = composeAffine(invertAffine(source.affine), target.affine);
  return { sampling: { source: source.size, target: target.size, map, background }, axes: separableAxes(map, target) };
}

/**
 * Samples a volume at the voxel centres of another grid, wherever the two lie in the world. A sample within half a voxel outside the
 * source takes the border's value; further out it is `background` (0). 'linear' is trilinear and gives float32; 'nearest' keeps the array type.
 * There is no smoothing before going to coarser voxels. Throws `invalid-argument` on a degenerate grid.
 */
export function resampleVolume(volume: Volume, target: Grid, mode: 'linear', options?: ResampleOptions): Volume<Float32Array>;
export function resampleVolume<A extends VoxelArray>(
  volume: Volume<A>,
  target: Grid,
  mode: 'nearest',
  options?: ResampleOptions,
): Volume<A>;
export function resampleVolume(volume: Volume, target: Grid, mode: 'linear' | 'nearest', options?: ResampleOptions): Volume;
export function resampleVolume(volume: Volume, target: Grid, mode: 'linear' | 'nearest', { background = 0 }: ResampleOptions = {}): Volume {
  if (sameGrid(volume.grid, target, 1e-6)) {
    return {
      grid: target,
      data: mode === 'linear' && !(volume.data instanceof Float32Array) ? Float32Array.from(volume.data) : volume.data,
    };
  }
  const { sampling, axes } = prepare(volume.grid, target, background);
  if (mode === 'linear') {
    const data = new Float32Array(voxelCount(target));
    if (axes) linearSeparable(volume.data, data, sampling, axes);
    else linearOblique(volume.data, data, sampling);
    return { grid: target, data };
  }
  const data = emptyLike(volume.data, voxelCount(target));
  if (axes) nearestSeparable(volume.data, data, sampling, axes);
  else nearestOblique(volume.data, data, sampling);
  return { grid: target, data };
}

/**
 * Samples a label volume at the voxel centres of another grid: each of the eight neighbours votes with its trilinear weight, so that
 * borders stay smooth and no value appears that is not there. Outside the source it is 0. Keeps the array type.
 */
export function resampleLabels<A extends Uint8Array | Uint16Array>(volume: Volume<A>, target: Grid): Volume<A> {
  if (sameGrid(volume.grid, target, 1e-6)) return { grid: target, data: volume.data };
  const { sampling } = prepare(volume.grid, target, 0);
  const data = emptyLike(volume.data, voxelCount(target));
  voteOblique(volume.data, data, sampling);
  return { grid: target, data };
}

function emptyLike<A extends VoxelArray>(data: A, length: number): A {
  return new ((data as VoxelArray).constructor as new (length: number) => A)(length);
}
