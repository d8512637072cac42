import type { Triple } from '#shared/geometry/grid.ts';

/**
 * The plane that all slices are compared on. Slices are those of constant i: a network input is (D,H,W) = (k,j,i) and Alg. 1 has its
 * slices along the last axis. `factor` voxels a side are averaged into one value.
 */
export interface SlicePlane {
  /** Values along k and j. */
  readonly rows: number;
  readonly columns: number;
  readonly factor: number;
  /** A slice is the vector of all its voxels, Channel·X·Y (section 4.1). Absent: 1. */
  readonly channels?: number | undefined;
}

/** Values of a slice. */
export function sliceLength({ rows, columns, channels = 1 }: SlicePlane): number {
  return channels * rows * columns;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 1;

/** A plane that covers the median case, with at most `largestSide` values a side. `sizes` are in voxels along i, j, k, at one spacing. */
export function choosePlane(sizes: readonly Triple[], channels = 1, largestSide = 64): SlicePlane {
  const height = median(sizes.map((size) => size[2]));
  const width = median(sizes.map((size) => size[1]));
  const factor = Math.max(1, Math.ceil(Math.max(height, width) / largestSide));
  return { rows: Math.ceil(height / factor), columns: Math.ceil(width / factor), factor, ...(channels > 1 && { channels }) };
}

/**
 * Every slice of a scan as a vector on the plane: laid centre on centre, what lies outside a channel's volume is its background. Returns
 * ni vectors of channels·rows·columns values (k slowest), in order of i.
 */
export function sliceVectors(
  volumes: readonly { readonly data: ArrayLike<number>; readonly background: number }[],
  size: Triple,
  plane: SlicePlane,
): Float32Array {
  const out = new Float32Array(size[0] * sliceLength(plane));
  for (const [channel, { data, background }] of volumes.entries()) addChannel(data, size, plane, background, channel, out);
  return out;
}

function addChannel(
  data: ArrayLike<number>,
  [ni, nj, nk]: Triple,
  plane: SlicePlane,
  background: number,
  channel: number,
  out: Float32Array,
): void {
  const { rows, columns, factor } = plane;
  const dimension = sliceLength(plane);
  const firstK = Math.floor((nk - rows * factor) / 2);
  const firstJ = Math.floor((nj - columns * factor) / 2);
  const share = 1 / (factor * factor);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const to = (channel * rows + row) * columns + column;
      for (let dk = 0; dk < factor; dk++)
        for (let dj = 0; dj < factor; dj++) {
          const k = firstK + row * factor + dk;
          const j = firstJ + column * factor + dj;
          const inside = k >= 0 && k < nk && j >= 0 && j < nj;
          const from = (k * nj + j) * ni;
          for (let i = 0; i < ni; i++) {
            const at = i * dimension + to;
            out[at] = (out[at] as number) + share * (inside ? (data[from + i] as number) : background);
          }
        }
    }
}
