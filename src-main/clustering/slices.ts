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
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 1;

/** A plane that covers the median case, with at most `largestSide` values a side. `sizes` are in voxels along i, j, k, at one spacing. */
export function choosePlane(sizes: readonly Triple[], largestSide = 64): SlicePlane {
  const height = median(sizes.map((size) => size[2]));
  const width = median(sizes.map((size) => size[1]));
  const factor = Math.max(1, Math.ceil(Math.max(height, width) / largestSide));
  return { rows: Math.ceil(height / factor), columns: Math.ceil(width / factor), factor };
}

/**
 * Every slice of a volume as a vector on the plane: laid centre on centre, what lies outside the volume is `background`. Returns
 * ni vectors of rows·columns values (k slowest), in order of i.
 */
export function sliceVectors(data: ArrayLike<number>, size: Triple, plane: SlicePlane, background: number): Float32Array {
  const [ni, nj, nk] = size;
  const { rows, columns, factor } = plane;
  const dimension = rows * columns;
  const out = new Float32Array(ni * dimension);
  const firstK = Math.floor((nk - rows * factor) / 2);
  const firstJ = Math.floor((nj - columns * factor) / 2);
  const share = 1 / (factor * factor);
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const to = row * columns + column;
    for (let dk = 0; dk < factor; dk++) for (let dj = 0; dj < factor; dj++) {
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
  return out;
}
