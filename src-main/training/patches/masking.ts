import type { Random } from '#shared/base/random.ts';
import type { Triple } from '#shared/geometry/grid.ts';

/** Section 3.3 and Table 2. */
export interface MaskingSettings {
  /** φ1: probability that a slice is picked. */
  readonly sliceProbability: number;
  /** M: length of the chain that a picked slice ends; its M−1 preceding slices are in it. */
  readonly chain: number;
  /** Sides P of the square patches, one drawn for each slice of a chain. */
  readonly patchSides: readonly number[];
  /** φ2: probability that a patch is masked out. */
  readonly patchProbability: number;
}

export const paperMasking: MaskingSettings = {
  sliceProbability: 0.1,
  chain: 5,
  patchSides: [1, 2, 4, 8, 16, 32, 96],
  patchProbability: 0.7,
};

/** What a masked-out voxel becomes: the lower end of a CT window, the mean of a z-score. */
export const MASKED_VALUE = 0;

/**
 * Masks one input (C, D, H, W) in place, all channels alike, so that no channel shows what another one hides. Slices run along W (Alg. 1); those outside [firstSlice, endSlice) lie outside
 * the scan and are left alone. Returns for each slice whether it is in a chain (1) and so counts in the loss (Eq. 5). Where no slice
 * was picked, one is, so that no step is without a loss.
 */
export function maskSlices(
  x: Float32Array,
  [depth, height, width]: Triple,
  firstSlice: number,
  endSlice: number,
  settings: MaskingSettings,
  random: Random,
): Int32Array {
  const chained = new Int32Array(width);
  const slices = Math.max(0, endSlice - firstSlice);
  if (slices === 0) return chained;
  const picked = Array.from({ length: slices }, (_, index) => firstSlice + index).filter(() => random.next() < settings.sliceProbability);
  if (picked.length === 0) picked.push(firstSlice + random.integer(slices));
  for (const last of picked) for (let slice = Math.max(firstSlice, last - settings.chain + 1); slice <= last; slice++) chained[slice] = 1;
  for (let slice = 0; slice < width; slice++) {
    if (chained[slice] === 0) continue;
    const side = settings.patchSides[random.integer(settings.patchSides.length)] ?? 1;
    maskPatches(x, depth, height, width, slice, side, settings.patchProbability, random);
  }
  return chained;
}

function maskPatches(
  x: Float32Array,
  depth: number,
  height: number,
  width: number,
  slice: number,
  side: number,
  probability: number,
  random: Random,
): void {
  for (let d0 = 0; d0 < depth; d0 += side)
    for (let h0 = 0; h0 < height; h0 += side) {
      if (random.next() >= probability) continue;
      for (let at = 0; at < x.length; at += depth * height * width)
        for (let d = d0; d < Math.min(depth, d0 + side); d++)
          for (let h = h0; h < Math.min(height, h0 + side); h++) x[at + (d * height + h) * width + slice] = MASKED_VALUE;
    }
}
