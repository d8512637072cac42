import type { Triple } from '../geometry/grid.ts';

export interface UncertainSlice {
  /** From 0, along the axis. */
  readonly index: number;
  /** Voxels that the model is as good as lost on: the slice's uncertainties, each 0..1, added up. */
  readonly score: number;
}

/**
 * The slices along an axis (0, 1, 2 for i, j, k), the most uncertain first. `uncertainty`: 0..255 by voxel, i fastest. Sums, not means: what
 * counts is how many voxels of a slice may be wrong (measured in docs/explanation/improve.md).
 */
export function rankSlices(uncertainty: Uint8Array, size: Triple, axis: 0 | 1 | 2): UncertainSlice[] {
  const sums = new Float64Array(size[axis]);
  const stride = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
  for (let at = 0; at < uncertainty.length; at++) {
    const index = Math.floor(at / stride) % size[axis];
    sums[index] = (sums[index] as number) + (uncertainty[at] as number) / 255;
  }
  return [...sums].map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score);
}
