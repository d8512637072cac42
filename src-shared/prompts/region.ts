import { applyAffine, composeAffine, lpsToIjk } from '../geometry/affine.ts';
import { spacing, type Grid, type LpsPoint, type Triple, type VoxelArray, type Volume } from '../geometry/grid.ts';
import { boxSize, expandBox, type Box } from '../segmentation/box.ts';

/** Most voxels of a region along each axis, once it is made coarser. */
export const regionVoxels = 64;

/** A box of the image and the coarser grid that stands for it: `factor` voxels along i, j, k become one. */
export interface Region {
  readonly box: Box;
  readonly factor: Triple;
  readonly grid: Grid;
  readonly spacing: Triple;
}

/** The box that reaches `margin` mm beyond all points, inside the image; null where no point lies in it. */
export function boxAround(grid: Grid, points: readonly LpsPoint[], margin: number): Box | null {
  const step = spacing(grid);
  const lower: [number, number, number] = [Infinity, Infinity, Infinity];
  const upper: [number, number, number] = [0, 0, 0];
  for (const point of points) {
    const index = lpsToIjk(grid, point).map(Math.round) as unknown as Triple;
    if (index.some((n, axis) => n < 0 || n >= (grid.size[axis] as number))) continue;
    for (const axis of [0, 1, 2] as const) {
      lower[axis] = Math.min(lower[axis], index[axis]);
      upper[axis] = Math.max(upper[axis], index[axis] + 1);
    }
  }
  if (upper[0] === 0) return null;
  return expandBox({ lower, upper }, step.map((mm) => Math.ceil(margin / mm)) as unknown as Triple, grid.size);
}

export function regionOf(grid: Grid, box: Box): Region {
  const extent = boxSize(box);
  const factor = extent.map((n) => Math.max(1, Math.ceil(n / regionVoxels))) as unknown as Triple;
  const size = extent.map((n, axis) => Math.ceil(n / (factor[axis] as number))) as unknown as Triple;
  const middle = applyAffine(
    [factor[0], 0, 0, box.lower[0], 0, factor[1], 0, box.lower[1], 0, 0, factor[2], box.lower[2]],
    factor.map((f) => (f - 1) / 2 / f) as unknown as Triple,
  );
  const coarse: Grid = {
    size,
    affine: composeAffine(grid.affine, [factor[0], 0, 0, middle[0], 0, factor[1], 0, middle[1], 0, 0, factor[2], middle[2]]),
  };
  return { box, factor, grid: coarse, spacing: spacing(coarse) };
}

/** Means of the image's voxels; what is not a number counts as 0. */
export function sample(image: Volume, region: Region): Float32Array {
  return meansOf(image.data, image.grid.size, region, null);
}

/** Share of each coarse voxel that carries one of the labels. */
export function shareOf(data: VoxelArray, size: Triple, region: Region, member: Uint8Array): Float32Array {
  return meansOf(data, size, region, member);
}

/** Of a coarse voxel, at most this many along each axis are looked at: a quarter of a large structure's voxels says as much as all. */
const mostAlong = 3;

function meansOf(data: VoxelArray, size: Triple, { box, factor, grid }: Region, member: Uint8Array | null): Float32Array {
  const [ni, nj, nk] = grid.size;
  const out = new Float32Array(ni * nj * nk);
  if (member?.includes(1) === false) return out;
  const [x, y, z] = ([0, 1, 2] as const).map((axis) =>
    Array.from({ length: grid.size[axis] }, (_, n) => looked(box.lower[axis] + n * factor[axis], box.upper[axis], factor[axis])),
  ) as [number[][], number[][], number[][]];
  // Row by row, as memory has them: someone waits.
  const columns = Int32Array.from(x.flat());
  const ends = new Int32Array(ni);
  x.forEach((own, i) => (ends[i] = (ends[i - 1] ?? 0) + own.length));
  const sums = new Float64Array(ni);
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++, at += ni) {
      sums.fill(0);
      let rows = 0;
      for (const slice of z[k] as number[])
        for (const row of y[j] as number[]) {
          rows++;
          const from = size[0] * (row + size[1] * slice);
          if (member === null) addRow(sums, data, from, columns, ends);
          else addMembers(sums, data, from, columns, ends, member);
        }
      for (let i = 0, n = 0; i < ni; i++) {
        const end = ends[i] as number;
        out[at + i] = (sums[i] as number) / (rows * (end - n));
        n = end;
      }
    }
  return out;
}

function addRow(sums: Float64Array, data: VoxelArray, from: number, columns: Int32Array, ends: Int32Array): void {
  for (let i = 0, n = 0; i < ends.length; i++) {
    const end = ends[i] as number;
    let sum = sums[i] as number;
    for (; n < end; n++) {
      const value = data[from + (columns[n] as number)] as number;
      // Of what is not finite, nothing is left by its difference to itself.
      if (value - value === 0) sum += value;
    }
    sums[i] = sum;
  }
}

function addMembers(sums: Float64Array, data: VoxelArray, from: number, columns: Int32Array, ends: Int32Array, member: Uint8Array): void {
  for (let i = 0, n = 0; i < ends.length; i++) {
    const end = ends[i] as number;
    let sum = sums[i] as number;
    for (; n < end; n++) sum += member[data[from + (columns[n] as number)] as number] as number;
    sums[i] = sum;
  }
}

/** Evenly spread indices from `first` on, at most `mostAlong` of the next `count`, below `end`. */
function looked(first: number, end: number, count: number): number[] {
  const present = Math.min(count, end - first);
  const taken = Math.min(present, mostAlong);
  return Array.from({ length: taken }, (_, n) => first + Math.floor(((n + 0.5) * present) / taken));
}

/** What prompts lie on: the middle of their intensities, and how far others may be from it and still be alike. */
export interface Reference {
  readonly middle: number;
  readonly deviation: number;
}

/** Intensities about a reference: told apart well near it and less and less far from it, so that neither air nor metal hides soft tissue. */
export function about(values: Float32Array, { middle, deviation }: Reference): Float32Array {
  return values.map((value) => Math.asinh((value - middle) / (2 * deviation)) / 3);
}

/** How far `about` brings what is one deviation from the reference. */
export const alike = Math.asinh(0.5) / 3;

/** The reference of some voxels: their middle, and the noise about them. `values` smoothed; `chosen` indices. */
export function referenceOf(values: Float32Array, [ni, nj]: Triple, chosen: ArrayLike<number>): Reference {
  const median = (of: Float32Array | Float64Array): number => of.sort()[of.length >> 1] ?? 0;
  const middle = median(Float32Array.from(chosen, (at) => values[at] as number));
  const stray: number[] = [];
  const stride = Math.max(1, Math.floor(chosen.length / 50));
  for (let n = 0; n < chosen.length; n += stride)
    for (let k = -1; k <= 1; k++)
      for (let j = -2; j <= 2; j++)
        for (let i = -2; i <= 2; i++) {
          const value = values[(chosen[n] as number) + i + ni * (j + nj * k)];
          if (value !== undefined) stray.push(Math.abs(value - middle));
        }
  return { middle, deviation: Math.max(leastDeviation, 4 * median(Float64Array.from(stray))) };
}

const leastDeviation = 0.12;

/** Linear between the 1st and 99th percentile, which become −1 and 1; a little beyond is kept. */
export function normalised(values: Float32Array): Float32Array {
  const stride = Math.max(1, Math.floor(values.length / 20_000));
  const some = Float32Array.from({ length: Math.ceil(values.length / stride) }, (_, n) => values[n * stride] as number).sort();
  const low = some[Math.floor(some.length * 0.01)] ?? 0;
  const high = some[Math.min(some.length - 1, Math.floor(some.length * 0.99))] ?? 1;
  const scale = 2 / Math.max(1e-6, high - low);
  return values.map((value) => Math.min(1.5, Math.max(-1.5, (value - low) * scale - 1)));
}
