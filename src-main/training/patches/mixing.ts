import type { Random } from '#shared/base/random.ts';
import type { Triple } from '#shared/geometry/grid.ts';

/** One patch: images (C, D, H, W), class of each voxel, and 1 where the class counts. */
export interface TaughtPatch {
  readonly image: Float32Array;
  readonly classes: Int32Array;
  readonly sure: Uint8Array;
}

/** A box of a patch: low corner and size along D, H, W. */
export interface Box {
  readonly low: Triple;
  readonly size: Triple;
}

/** A box of 30 to 70% of each side, anywhere in the patch. */
export function drawBox(random: Random, patch: Triple): Box {
  const size = patch.map((side) => Math.max(1, Math.round(side * random.uniform(0.3, 0.7)))) as [number, number, number];
  const low = patch.map((side, axis) => random.integer(side - (size[axis] as number) + 1)) as [number, number, number];
  return { low, size };
}

/** Puts a box of one patch where it lies into another of the same size: image, classes and what counts (Yun et al., CutMix, ICCV 2019). */
export function paste(from: TaughtPatch, into: TaughtPatch, { low, size }: Box, [, height, width]: Triple): void {
  const voxels = into.classes.length;
  for (let d = low[0]; d < low[0] + size[0]; d++)
    for (let h = low[1]; h < low[1] + size[1]; h++) {
      const start = (d * height + h) * width + low[2];
      const end = start + size[2];
      for (let at = 0; at < into.image.length; at += voxels) into.image.set(from.image.subarray(at + start, at + end), at + start);
      into.classes.set(from.classes.subarray(start, end), start);
      into.sure.set(from.sure.subarray(start, end), start);
    }
}
