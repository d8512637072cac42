import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import type { AxisNumbers } from '#shared/domain/importedModel.ts';
import { addMirrored, mirror, mirrorings } from '../windows.ts';
import { FloatSums, HalfRounding, HalfSums, toHalf } from './half.ts';
import { roundHalfEven } from './resize.ts';

/** A network of nnU-Net's on a device: one patch at a time, folds averaged. */
export interface LogitPredictor extends Disposable {
  readonly heads: number;
  readonly channels: number;
  /** Voxels, transposed axes. */
  readonly patch: AxisNumbers;
  readonly folds: number;
  /** One patch (C, D, H, W) → logits (heads, D, H, W) of one fold; valid until the next call. */
  predict(patch: Float32Array, fold: number): Promise<Float32Array>;
}

export interface LogitWindowOptions {
  /** Axes to mirror: every combination is predicted and averaged. */
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
  /** Part of a window that neighbours share; nnU-Net's is 0.5. */
  readonly overlap?: number;
  /** Sums in half precision, fold by fold, as nnU-Net keeps them. */
  readonly half?: boolean;
  readonly cancellation?: Cancellation;
  readonly onProgress?: (fraction: number) => void;
  readonly turn?: () => Promise<void>;
}

/** First voxels of the windows along one axis, as nnU-Net spreads them: equal steps, rounded half to even. */
export function logitWindowStarts(size: number, patch: number, overlap: number): number[] {
  if (size <= patch) return [0];
  const count = Math.ceil((size - patch) / (patch * (1 - overlap))) + 1;
  return Array.from({ length: count }, (_unused, index) => roundHalfEven((index * (size - patch)) / (count - 1)));
}

/**
 * nnU-Net's weights of a window's voxels: scipy's Gaussian filter (σ an eighth of the patch, cut at 4σ) of one point in the middle, highest
 * value 10, in half precision; what becomes zero there gets the smallest value.
 */
export function importanceMap(patch: AxisNumbers): Float32Array {
  const lines = patch.map((extent) => {
    const deviation = extent / 8;
    const radius = Math.floor(4 * deviation + 0.5);
    const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_unused, at) => Math.exp((-0.5 / deviation ** 2) * (at - radius) ** 2));
    const sum = kernel.reduce((total, value) => total + value, 0);
    const middle = Math.floor(extent / 2);
    return Float64Array.from({ length: extent }, (_unused, at) => (kernel[at - middle + radius] ?? 0) / sum);
  });
  const [alongD, alongH, alongW] = lines as [Float64Array, Float64Array, Float64Array];
  const highest = Math.max(...alongD) * Math.max(...alongH) * Math.max(...alongW);
  const map = new Float32Array(patch[0] * patch[1] * patch[2]);
  let at = 0;
  for (const d of alongD) for (const h of alongH) for (const w of alongW) map[at++] = toHalf(Math.fround((d * h * w) / (highest / 10)));
  const smallest = map.reduce((least, value) => (value > 0 && value < least ? value : least), Infinity);
  for (let index = 0; index < map.length; index++) if (map[index] === 0) map[index] = smallest;
  return map;
}

/**
 * Logits of a whole image by overlapping windows. A plane along the first axis is handed out, in order, as soon as no later window can touch
 * it: `onPlane(d, logits)` gets (heads, H, W), valid during the call. Memory: heads · patch depth · H · W sums, of two bytes each in half precision and
 * for each fold, however deep the image is.
 */
export async function logitWindows(
  channels: readonly Float32Array[],
  size: AxisNumbers,
  predictor: LogitPredictor,
  options: LogitWindowOptions,
  onPlane: (plane: number, logits: Float32Array) => void,
): Promise<void> {
  const { patch, heads } = predictor;
  // An image smaller than the patch is padded with zeros, half of them before, rounded down.
  const before = patch.map((extent, axis) => Math.floor(Math.max(0, extent - (size[axis] as number)) / 2)) as unknown as AxisNumbers;
  const padded = patch.map((extent, axis) => Math.max(extent, size[axis] as number)) as unknown as AxisNumbers;
  const [alongD, alongH, alongW] = padded.map((extent, axis) =>
    logitWindowStarts(extent, patch[axis] as number, options.overlap ?? 0.5),
  ) as [number[], number[], number[]];
  // In half precision the folds are summed apart; else in one.
  const half = options.half === true;
  const slabs = Array.from({ length: half ? predictor.folds : 1 }, () => new Slab(heads, padded, patch, half));
  const variants = mirrorings(options.mirrorAxes.map((axis) => (2 - axis) as 0 | 1 | 2));
  const window = patch[0] * patch[1] * patch[2];
  const input = new Float32Array(window * predictor.channels);
  const turned = new Float32Array(input.length);
  // Of a patch that is predicted once the logits are added as they come.
  const sum = new Float32Array(variants.length * (half ? 1 : predictor.folds) > 1 ? window * heads : 0);
  const share = 1 / (variants.length * (half ? 1 : predictor.folds));
  const finishBelow = (end: number): void => {
    for (let plane = slabs[0]?.finished ?? end; plane < end; plane++) {
      const own = plane - before[0];
      const logits = meanPlane(slabs.map((slab) => slab.finishPlane()));
      if (own >= 0 && own < size[0]) onPlane(own, trimmed(logits, heads, padded, before, size));
    }
  };
  const total = alongD.length * alongH.length * alongW.length * variants.length * predictor.folds;
  let done = 0;
  for (const d of alongD) {
    finishBelow(d);
    for (const h of alongH)
      for (const w of alongW) {
        readPatch(channels, size, [d - before[0], h - before[1], w - before[2]], patch, input);
        sum.fill(0);
        for (let fold = 0; fold < predictor.folds; fold++) {
          for (const axes of variants) {
            throwIfCancelled(options.cancellation ?? { aborted: false });
            await options.turn?.();
            const extents = [patch[2], patch[1], patch[0]] as const;
            if (axes.length > 0) mirror(input, predictor.channels, extents, axes, turned);
            const logits = await predictor.predict(axes.length > 0 ? turned : input, fold);
            if (sum.length === 0) slabs[half ? fold : 0]?.add([d, h, w], logits, share);
            else addMirrored(logits, heads, extents, axes, sum);
            options.onProgress?.(++done / total);
          }
          if (sum.length === 0 || (!half && fold + 1 < predictor.folds)) continue;
          slabs[half ? fold : 0]?.add([d, h, w], sum, share);
          sum.fill(0);
        }
      }
  }
  finishBelow(padded[0]);
}

/** The mean of the folds' planes, each in half precision; in place of the first. */
function meanPlane(planes: readonly HalfRounding[]): Float32Array {
  const [first, ...others] = planes as [HalfRounding, ...HalfRounding[]];
  const { values } = first;
  for (const { values: other } of others) {
    for (let at = 0; at < values.length; at++) values[at] = (values[at] as number) + (other[at] as number);
    first.round();
  }
  if (others.length > 0) {
    for (let at = 0; at < values.length; at++) values[at] = (values[at] as number) / planes.length;
    first.round();
  }
  return values;
}

/** Weighted sums of a patch's depth of planes, by position modulo that depth. */
class Slab {
  readonly #heads: number;
  readonly #size: AxisNumbers;
  readonly #patch: AxisNumbers;
  readonly #half: boolean;
  readonly #weights: Float32Array;
  readonly #sums: HalfSums | FloatSums;
  readonly #totals: HalfRounding;
  readonly #plane: HalfRounding;
  finished = 0;

  constructor(heads: number, size: AxisNumbers, patch: AxisNumbers, half: boolean) {
    this.#heads = heads;
    this.#size = size;
    this.#patch = patch;
    this.#half = half;
    this.#weights = importanceMap(patch);
    const area = size[1] * size[2];
    const sums = heads * patch[0] * area;
    this.#sums = half ? new HalfSums(sums, patch[2]) : new FloatSums(sums);
    this.#totals = new HalfRounding(new Float32Array(patch[0] * area));
    this.#plane = new HalfRounding(new Float32Array(heads * area));
  }

  /** Logits (heads, D, H, W) of the window that begins at `start`, each counted `share` times. */
  add(start: AxisNumbers, logits: Float32Array, share: number): void {
    const [, height, width] = this.#size;
    const [pd, ph, pw] = this.#patch;
    const { values: totals } = this.#totals;
    for (let d = 0; d < pd; d++)
      for (let h = 0; h < ph; h++) {
        const weights = (d * ph + h) * pw;
        const line = (((d + start[0]) % pd) * height + h + start[1]) * width + start[2];
        for (let w = 0; w < pw; w++) totals[line + w] = (totals[line + w] as number) + (this.#weights[weights + w] as number);
        if (this.#half) this.#totals.round(line, line + pw);
        for (let head = 0; head < this.#heads; head++) {
          const from = head * pd * ph * pw + weights;
          const to = head * pd * height * width + line;
          this.#sums.add(to, pw, this.#weights, weights, logits, from, share);
        }
      }
  }

  /** The next plane, (heads, H, W): no later window touches it. Valid until the next one. */
  finishPlane(): HalfRounding {
    const [pd] = this.#patch;
    const area = this.#size[1] * this.#size[2];
    const from = (this.finished++ % pd) * area;
    const sums = this.#sums;
    const { values: totals } = this.#totals;
    const { values: plane } = this.#plane;
    for (let head = 0; head < this.#heads; head++) {
      const source = head * pd * area + from;
      for (let at = 0; at < area; at++) plane[head * area + at] = sums.read(source + at) / (totals[from + at] as number);
      sums.clear(source, source + area);
    }
    totals.fill(0, from, from + area);
    if (this.#half) this.#plane.round();
    return this.#plane;
  }
}

/** The part of a padded plane that belongs to the image. */
function trimmed(logits: Float32Array, heads: number, padded: AxisNumbers, before: AxisNumbers, size: AxisNumbers): Float32Array {
  if (padded[1] === size[1] && padded[2] === size[2]) return logits;
  const result = new Float32Array(heads * size[1] * size[2]);
  for (let head = 0; head < heads; head++)
    for (let h = 0; h < size[1]; h++) {
      const from = (head * padded[1] + h + before[1]) * padded[2] + before[2];
      result.set(logits.subarray(from, from + size[2]), (head * size[1] + h) * size[2]);
    }
  return result;
}

/** The window at `start` of every channel; zero outside the image. */
function readPatch(channels: readonly Float32Array[], size: AxisNumbers, start: AxisNumbers, patch: AxisNumbers, out: Float32Array): void {
  const [pd, ph, pw] = patch;
  const first = Math.max(0, -start[2]);
  const last = Math.min(pw, size[2] - start[2]);
  out.fill(0);
  channels.forEach((data, channel) => {
    for (let d = Math.max(0, -start[0]); d < Math.min(pd, size[0] - start[0]); d++)
      for (let h = Math.max(0, -start[1]); h < Math.min(ph, size[1] - start[1]); h++) {
        const from = ((d + start[0]) * size[1] + h + start[1]) * size[2] + start[2];
        out.set(data.subarray(from + first, from + last), ((channel * pd + d) * ph + h) * pw + first);
      }
  });
}
