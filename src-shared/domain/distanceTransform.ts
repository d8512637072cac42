import type { Triple } from '../geometry/grid.ts';

/**
 * Exact squared Euclidean distance in mm² from every voxel centre to the nearest voxel centre where `feature` is non-zero, by lower
 * envelopes of parabolas along each axis in turn (Felzenszwalb and Huttenlocher 2012). `size` and `spacing` along i, j, k (i fastest);
 * Infinity everywhere where there is no feature.
 */
export function squaredDistanceTransform(feature: ArrayLike<number>, size: Triple, spacing: Triple): Float64Array {
  const [ni, nj, nk] = size;
  const distance = new Float64Array(ni * nj * nk);
  for (let at = 0; at < distance.length; at++) distance[at] = feature[at] === 0 ? Infinity : 0;
  const line = new Line(Math.max(ni, nj, nk));
  for (let k = 0; k < nk; k++) for (let j = 0; j < nj; j++) line.transform(distance, (k * nj + j) * ni, 1, ni, spacing[0]);
  for (let k = 0; k < nk; k++) for (let i = 0; i < ni; i++) line.transform(distance, k * nj * ni + i, ni, nj, spacing[1]);
  for (let j = 0; j < nj; j++) for (let i = 0; i < ni; i++) line.transform(distance, j * ni + i, ni * nj, nk, spacing[2]);
  return distance;
}

/** One-dimensional transform, in place, with buffers that are reused from line to line. */
class Line {
  readonly #values: Float64Array;
  readonly #apexes: Int32Array;
  readonly #borders: Float64Array;

  constructor(length: number) {
    this.#values = new Float64Array(length);
    this.#apexes = new Int32Array(length);
    this.#borders = new Float64Array(length + 1);
  }

  transform(data: Float64Array, start: number, stride: number, length: number, step: number): void {
    const values = this.#values;
    const apexes = this.#apexes;
    const borders = this.#borders;
    const square = step * step;
    let last = -1;
    for (let q = 0; q < length; q++) {
      const value = data[start + q * stride] as number;
      values[q] = value;
      if (value === Infinity) continue;
      let border = -Infinity;
      while (last >= 0) {
        const p = apexes[last] as number;
        // Where the parabola of q falls below that of p, in voxels.
        border = (value - (values[p] as number) + square * (q * q - p * p)) / (2 * square * (q - p));
        if (border > (borders[last] as number)) break;
        last--;
        border = -Infinity;
      }
      last++;
      apexes[last] = q;
      borders[last] = border;
    }
    if (last < 0) return;
    borders[last + 1] = Infinity;
    for (let q = 0, at = 0; q < length; q++) {
      while ((borders[at + 1] as number) < q) at++;
      const p = apexes[at] as number;
      data[start + q * stride] = (values[p] as number) + square * (q - p) * (q - p);
    }
  }
}
