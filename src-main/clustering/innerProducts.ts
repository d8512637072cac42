import type { Disposable } from '#shared/base/disposable.ts';

/** Where the arithmetic of k-means runs. Shapes are fixed when it is made, so that a device prepares once. */
export interface InnerProducts extends Disposable {
  /** rows (R×dim) and centres (C×dim), both row-major → their inner products (R×C), valid until the next call. */
  readonly multiply: (rows: Float32Array, centres: Float32Array) => Promise<Float32Array>;
}

export type MakeInnerProducts = (rows: number, centres: number, dimension: number) => Promise<InnerProducts>;

/** In plain TypeScript, four rows by two centres at a time: for small data and as the definition for tests. */
export const plainInnerProducts: MakeInnerProducts = (rowCount, centreCount, dimension) => {
  const out = new Float32Array(rowCount * centreCount);
  return Promise.resolve({
    multiply: (rows, centres) => {
      let row = 0;
      for (; row + 4 <= rowCount; row += 4) multiplyFour(rows, row, centres, centreCount, dimension, out);
      for (; row < rowCount; row++)
        for (let centre = 0; centre < centreCount; centre++)
          out[row * centreCount + centre] = dot(rows, row * dimension, centres, centre * dimension, dimension);
      return Promise.resolve(out);
    },
    dispose: () => undefined,
  });
};

function multiplyFour(
  rows: Float32Array,
  row: number,
  centres: Float32Array,
  centreCount: number,
  dimension: number,
  out: Float32Array,
): void {
  const [a, b, c, d] = [row * dimension, (row + 1) * dimension, (row + 2) * dimension, (row + 3) * dimension];
  for (let centre = 0; centre < centreCount; centre++) {
    const base = centre * dimension;
    let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
    for (let at = 0; at < dimension; at++) {
      const value = centres[base + at] as number;
      sumA += value * (rows[a + at] as number);
      sumB += value * (rows[b + at] as number);
      sumC += value * (rows[c + at] as number);
      sumD += value * (rows[d + at] as number);
    }
    const to = row * centreCount + centre;
    out[to] = sumA;
    out[to + centreCount] = sumB;
    out[to + 2 * centreCount] = sumC;
    out[to + 3 * centreCount] = sumD;
  }
}

/** Inner product of two stretches of `length` values. */
export function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += (a[atA + at] as number) * (b[atB + at] as number);
  return sum;
}

/** Squared length of each row. */
export function squaredNorms(rows: Float32Array, count: number, dimension: number): Float32Array {
  const out = new Float32Array(count);
  for (let row = 0; row < count; row++) out[row] = dot(rows, row * dimension, rows, row * dimension, dimension);
  return out;
}
