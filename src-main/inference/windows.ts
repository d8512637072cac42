import type { Triple } from '#shared/geometry/grid.ts';

/**
 * First voxels of the windows along one axis: evenly spread, neighbours sharing at least `overlap` (0..<1) of `patch`. A volume that is
 * shorter than the window lies in its middle (a negative start).
 */
export function windowStarts(size: number, patch: number, overlap: number): number[] {
  if (size <= patch) return [Math.floor((size - patch) / 2)];
  const count = Math.ceil((size - patch) / (patch * (1 - overlap))) + 1;
  return Array.from({ length: count }, (_, index) => Math.round((index * (size - patch)) / (count - 1)));
}

/** Gaussian weight along one axis, peak 1 in the middle, standard deviation an eighth of the window (nnU-Net's choice), never below 1e-3. */
export function gaussianWeights(patch: number): Float32Array {
  const middle = (patch - 1) / 2;
  const deviation = patch / 8;
  return Float32Array.from({ length: patch }, (_, at) => Math.max(1e-3, Math.exp(-0.5 * ((at - middle) / deviation) ** 2)));
}

/** Copies the window at `start` (i, j, k) out of a volume, both i fastest; outside the volume it is `background`. Returns whether any two voxels differ. */
export function readWindow(
  data: Float32Array,
  size: Triple,
  start: Triple,
  window: Triple,
  background: number,
  out: Float32Array,
): boolean {
  const [ni, nj] = size;
  out.fill(background);
  const i0 = Math.max(0, start[0]);
  const i1 = Math.min(size[0], start[0] + window[0]);
  for (let k = Math.max(0, start[2]); k < Math.min(size[2], start[2] + window[2]); k++) {
    for (let j = Math.max(0, start[1]); j < Math.min(size[1], start[1] + window[1]); j++) {
      const from = (k * nj + j) * ni;
      out.set(data.subarray(from + i0, from + i1), ((k - start[2]) * window[1] + j - start[1]) * window[0] + i0 - start[0]);
    }
  }
  const first = out[0] as number;
  return out.some((value) => value !== first);
}

/** Mirrors `channels` stacked volumes of size (i, j, k) along the axes in `axes`, into `out`. */
export function mirror(data: Float32Array, channels: number, size: Triple, axes: readonly (0 | 1 | 2)[], out: Float32Array): void {
  const [ni, nj, nk] = size;
  const [fi, fj, fk] = [axes.includes(0), axes.includes(1), axes.includes(2)];
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < nk; k++) {
      for (let j = 0; j < nj; j++) {
        const to = ((c * nk + k) * nj + j) * ni;
        const from = ((c * nk + (fk ? nk - 1 - k : k)) * nj + (fj ? nj - 1 - j : j)) * ni;
        if (fi) for (let i = 0; i < ni; i++) out[to + i] = data[from + ni - 1 - i] as number;
        else out.set(data.subarray(from, from + ni), to);
      }
    }
  }
}

/** Adds `channels` stacked volumes of size (i, j, k), mirrored along the axes in `axes`, to `sums`. */
export function addMirrored(data: Float32Array, channels: number, size: Triple, axes: readonly (0 | 1 | 2)[], sums: Float32Array): void {
  const [ni, nj, nk] = size;
  const [fi, fj, fk] = [axes.includes(0), axes.includes(1), axes.includes(2)];
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < nk; k++)
      for (let j = 0; j < nj; j++) {
        const to = ((c * nk + k) * nj + j) * ni;
        const from = ((c * nk + (fk ? nk - 1 - k : k)) * nj + (fj ? nj - 1 - j : j)) * ni;
        if (fi) for (let i = 0; i < ni; i++) sums[to + i] = (sums[to + i] as number) + (data[from + ni - 1 - i] as number);
        else for (let i = 0; i < ni; i++) sums[to + i] = (sums[to + i] as number) + (data[from + i] as number);
      }
}

/** Every combination of the axes, the empty one first. */
export function mirrorings(axes: readonly (0 | 1 | 2)[]): (readonly (0 | 1 | 2)[])[] {
  return axes.reduce<(readonly (0 | 1 | 2)[])[]>((all, axis) => [...all, ...all.map((some) => [...some, axis])], [[]]);
}
