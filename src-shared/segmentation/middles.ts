import type { LabelVolume, Triple } from '../geometry/grid.ts';
import { runsIn } from './runs.ts';

/** A voxel of a label for each image axis; its index along that axis is the label's middle slice. */
export type LabelMiddle = readonly [Triple, Triple, Triple];

/**
 * The middle of each label that a mask holds, background left out. Along each axis the middle slice is that of the label's median voxel, so
 * that it always holds the label; the voxel is one of the label's in that slice, in the middle of them in memory order.
 */
export function labelMiddles({ grid, data }: LabelVolume): Map<number, LabelMiddle> {
  const [ni, nj, nk] = grid.size;
  const strides = [1, ni, ni * nj] as const;
  const counts = new Map<number, readonly [Uint32Array, Uint32Array, Uint32Array]>();
  const endOfRun = runsIn(data);
  let end = 0; // of a run, which may go through many rows
  for (let at = 0, k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      const row = at;
      at += ni;
      for (let n = row; n < at;) {
        const value = data[n] as number;
        const from = n;
        if (end <= n) end = endOfRun(n);
        n = Math.min(end, at);
        if (value === 0) continue;
        let found = counts.get(value);
        if (found === undefined) counts.set(value, (found = [new Uint32Array(ni), new Uint32Array(nj), new Uint32Array(nk)]));
        for (let i = from - row; i < n - row; i++) found[0][i] = (found[0][i] as number) + 1;
        found[1][j] = (found[1][j] as number) + (n - from);
        found[2][k] = (found[2][k] as number) + (n - from);
      }
    }
  }

  /** The voxel of a label in the middle of those in a slice. */
  const voxelIn = (label: number, axis: 0 | 1 | 2, slice: number, count: number): Triple => {
    const [fast, slow] = ([[1, 2], [0, 2], [0, 1]] as const)[axis]; // prettier-ignore
    let left = count >> 1;
    for (let b = 0; b < grid.size[slow]; b++) {
      for (let a = 0; a < grid.size[fast]; a++) {
        if (data[slice * strides[axis] + a * strides[fast] + b * strides[slow]] !== label || left-- > 0) continue;
        const voxel: [number, number, number] = [slice, slice, slice];
        voxel[fast] = a;
        voxel[slow] = b;
        return voxel;
      }
    }
    return [0, 0, 0]; // not reached: the slice holds `count` of them
  };

  const middleAlong = (label: number, axis: 0 | 1 | 2, along: Uint32Array): Triple => {
    let left = along.reduce((sum, count) => sum + count, 0) >> 1;
    const slice = along.findIndex((count) => (left -= count) < 0);
    return voxelIn(label, axis, slice, along[slice] ?? 0);
  };
  return new Map(
    [...counts]
      .toSorted(([a], [b]) => a - b)
      .map(([label, [i, j, k]]) => [label, [middleAlong(label, 0, i), middleAlong(label, 1, j), middleAlong(label, 2, k)]]),
  );
}
