import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { Blending } from './blending.ts';
import { mirror, mirrorings, readWindow, windowStarts } from './windows.ts';

/** A network made ready for patches of one size. */
export interface PatchPredictor extends Disposable {
  /** Output classes, background included. */
  readonly classes: number;
  /** Of the input; 1 unless given. */
  readonly channels?: number;
  /** Voxels along D, H, W. */
  readonly patch: Triple;
  /** The intensity outside of the image; unless given the lowest of it. */
  readonly padding?: number | undefined;
  /** One patch (C, D, H, W) of network intensities → class probabilities (classes, D, H, W); valid until the next call. */
  predict(image: Float32Array): Promise<Float32Array>;
}

export interface SlidingWindowOptions {
  /** Part of a window that neighbours share, 0..0.9; 0.5 unless given. */
  readonly overlap?: number;
  /** Axes (i, j, k) to mirror: every combination is predicted and averaged. None unless given. */
  readonly mirrorAxes?: readonly (0 | 1 | 2)[];
  readonly uncertainty?: boolean;
  readonly cancellation?: Cancellation;
  /** Called with 0..1 after each window. */
  readonly onProgress?: (fraction: number) => void;
  /** Awaited before each window. */
  readonly turn?: () => Promise<void>;
}

/** Class index of every voxel, and how unsure the network is of it (0..255, where asked for). */
export interface SlidingWindowResult {
  readonly classes: Uint8Array;
  readonly uncertainty: Uint8Array | undefined;
}

/**
 * Predicts a volume (network intensities, one channel after the other; size along i, j, k, i fastest) by overlapping windows with Gaussian weights. A window in which
 * all voxels of each channel are equal is background without asking the network. Memory beyond the result: one slab of windows (see Blending).
 */
export async function slidingWindow(
  data: Float32Array,
  size: Triple,
  predictor: PatchPredictor,
  options: SlidingWindowOptions = {},
): Promise<SlidingWindowResult> {
  const { overlap = 0.5, mirrorAxes = [], uncertainty = false } = options;
  const window: Triple = [predictor.patch[2], predictor.patch[1], predictor.patch[0]];
  const starts = ([0, 1, 2] as const).map((axis) => windowStarts(size[axis], window[axis], overlap));
  const [alongI = [], alongJ = [], alongK = []] = starts;
  const blending = new Blending(size, window, predictor.classes, uncertainty);
  const voxels = size[0] * size[1] * size[2];
  const channels = Array.from({ length: predictor.channels ?? 1 }, (_, channel) => {
    const values = data.subarray(channel * voxels, (channel + 1) * voxels);
    return { values, background: predictor.padding ?? values.reduce((lowest, value) => Math.min(lowest, value), Infinity) };
  });
  const variants = mirrorings(mirrorAxes);
  const cube = window[0] * window[1] * window[2];
  const patch = new Float32Array(channels.length * cube);
  const turned = new Float32Array(patch.length);
  const back = mirrorAxes.length > 0 ? new Float32Array(cube * predictor.classes) : undefined;
  const total = alongI.length * alongJ.length * alongK.length;
  let done = 0;
  for (const k of alongK) {
    blending.finishBelow(k);
    for (const j of alongJ) {
      for (const i of alongI) {
        throwIfCancelled(options.cancellation ?? { aborted: false });
        await options.turn?.();
        const start: Triple = [i, j, k];
        let varies = false;
        for (const [n, { values, background }] of channels.entries())
          if (readWindow(values, size, start, window, background, patch.subarray(n * cube, (n + 1) * cube))) varies = true;
        if (varies) {
          for (const axes of variants) {
            if (axes.length === 0) {
              blending.add(start, await predictor.predict(patch), 1 / variants.length);
            } else if (back !== undefined) {
              mirror(patch, channels.length, window, axes, turned);
              mirror(await predictor.predict(turned), predictor.classes, window, axes, back);
              blending.add(start, back, 1 / variants.length);
            }
          }
        }
        options.onProgress?.(++done / total);
      }
    }
  }
  blending.finishBelow(size[2]);
  return { classes: blending.classes, uncertainty: blending.uncertainty };
}
