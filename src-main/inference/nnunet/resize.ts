import type { AxisNumbers, NnunetResampling } from '#shared/domain/importedModel.ts';

// Resizing as nnU-Net does it: scikit-image's resize(mode 'edge', no anti-aliasing), which is scipy's spline zoom on the grid of pixel areas,
// source coordinate (i + ½)·n/m − ½. Axes are those of arrays in C order, the first slowest. Sums in double, results in float32.

/** Spacing above which, relative to the smallest, an axis is resampled by itself (nnU-Net's ANISO_THRESHOLD). */
const ANISOTROPY = 3;
/** Equal but for rounding: spacings come out of affines. */
const EQUAL = 1e-5;

/** Round half to even, as Python's round does. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** The size at another spacing. */
export function resizedShape(size: AxisNumbers, from: AxisNumbers, to: AxisNumbers): AxisNumbers {
  const along = (axis: 0 | 1 | 2): number => Math.max(1, roundHalfEven((from[axis] / to[axis]) * size[axis]));
  return [along(0), along(1), along(2)];
}

/** The axis that is resampled by itself, slice by slice; undefined where all three go together. */
export function separateAxis({ separateZ }: NnunetResampling, current: AxisNumbers, wanted: AxisNumbers): 0 | 1 | 2 | undefined {
  if (separateZ === false) return undefined;
  const isAnisotropic = (spacing: AxisNumbers): boolean => Math.max(...spacing) / Math.min(...spacing) > ANISOTROPY;
  const decisive = separateZ === true || isAnisotropic(current) ? current : isAnisotropic(wanted) ? wanted : undefined;
  if (decisive === undefined) return undefined;
  const largest = Math.max(...decisive);
  const axes = ([0, 1, 2] as const).filter((axis) => decisive[axis] >= largest * (1 - EQUAL));
  return axes.length === 1 ? axes[0] : undefined;
}

/** Where results read along one axis: two neighbours and the share of the second. */
export interface LinearSampler {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float64Array;
}

/** Linear, clamped at the ends; `nearest`: ⌊coordinate + ½⌋, so that a half goes up. */
export function linearSampler(from: number, to: number, nearest = false): LinearSampler {
  const sampler = { low: new Int32Array(to), high: new Int32Array(to), share: new Float64Array(to) };
  for (let index = 0; index < to; index++) {
    const coordinate = Math.min(from - 1, Math.max(0, ((index + 0.5) * from) / to - 0.5));
    const low = nearest ? Math.min(from - 1, Math.floor(coordinate + 0.5)) : Math.floor(coordinate);
    sampler.low[index] = low;
    sampler.high[index] = Math.min(from - 1, low + 1);
    sampler.share[index] = nearest ? 0 : coordinate - low;
  }
  return sampler;
}

/** Samplers of order 1 along the three axes, the separate one by its own order. */
export function linearSamplers(
  size: AxisNumbers,
  wanted: AxisNumbers,
  { orderZ }: NnunetResampling,
  separate: 0 | 1 | 2 | undefined,
): readonly [LinearSampler, LinearSampler, LinearSampler] {
  const along = (axis: 0 | 1 | 2): LinearSampler => linearSampler(size[axis], wanted[axis], axis === separate && orderZ === 0);
  return [along(0), along(1), along(2)];
}

/** One channel resized; the array itself where nothing changes. `current` and `next` are its spacings before and after. */
export function resizeChannel(
  data: Float32Array,
  size: AxisNumbers,
  wanted: AxisNumbers,
  rule: NnunetResampling,
  current: AxisNumbers,
  next: AxisNumbers,
): Float32Array {
  if (size.every((extent, axis) => extent === wanted[axis])) return data;
  const separate = separateAxis(rule, current, next);
  let shape: AxisNumbers = size;
  let result = data;
  const inPlane = ([0, 1, 2] as const).filter((axis) => axis !== separate && size[axis] !== wanted[axis]);
  for (const axis of inPlane) {
    result =
      rule.order === 3
        ? splineAlong(result, shape, axis, wanted[axis])
        : linearAlong(result, shape, axis, linearSampler(shape[axis], wanted[axis]));
    shape = withExtent(shape, axis, wanted[axis]);
  }
  // scikit-image keeps results within the range of what it was given: the volume, or each slice.
  if (rule.order === 3 && inPlane.length > 0) clipToRange(data, size, result, shape, separate);
  if (separate !== undefined && shape[separate] !== wanted[separate])
    result = linearAlong(result, shape, separate, linearSampler(shape[separate], wanted[separate], rule.orderZ === 0));
  return result;
}

function withExtent(shape: AxisNumbers, axis: 0 | 1 | 2, extent: number): AxisNumbers {
  return [axis === 0 ? extent : shape[0], axis === 1 ? extent : shape[1], axis === 2 ? extent : shape[2]];
}

/** Elements between neighbours along an axis, and how many lines there are: line (outer, inner) begins at outer·extent·step + inner. */
function linesOf(shape: AxisNumbers, axis: 0 | 1 | 2): { readonly outer: number; readonly step: number } {
  return axis === 0
    ? { outer: 1, step: shape[1] * shape[2] }
    : axis === 1
      ? { outer: shape[0], step: shape[2] }
      : { outer: shape[0] * shape[1], step: 1 };
}

function linearAlong(data: Float32Array, shape: AxisNumbers, axis: 0 | 1 | 2, { low, high, share }: LinearSampler): Float32Array {
  const { outer, step } = linesOf(shape, axis);
  const [from, to] = [shape[axis], low.length];
  const result = new Float32Array(outer * to * step);
  for (let o = 0; o < outer; o++)
    for (let index = 0; index < to; index++) {
      const a = (o * from + (low[index] as number)) * step;
      const b = (o * from + (high[index] as number)) * step;
      const part = share[index] as number;
      const at = (o * to + index) * step;
      if (part === 0) result.set(data.subarray(a, a + step), at);
      else for (let i = 0; i < step; i++) result[at + i] = (1 - part) * (data[a + i] as number) + part * (data[b + i] as number);
    }
  return result;
}

/** Pole of the cubic B-spline. */
const POLE = Math.sqrt(3) - 2;
/** Voxels that scipy adds on either side before it fits the spline; the result depends on them no further than double precision. */
const PADDING = 12;

/** A cubic spline through every line, whose ends go on as they are, sampled at `to` places. */
function splineAlong(data: Float32Array, shape: AxisNumbers, axis: 0 | 1 | 2, to: number): Float32Array {
  const { outer, step } = linesOf(shape, axis);
  const from = shape[axis];
  const result = new Float32Array(outer * to * step);
  const first = new Int32Array(to);
  const weights = new Float64Array(4 * to);
  for (let index = 0; index < to; index++) {
    const coordinate = ((index + 0.5) * from) / to - 0.5 + PADDING;
    const low = Math.floor(coordinate);
    const t = coordinate - low;
    first[index] = low - 1;
    weights[4 * index] = (1 - t) ** 3 / 6;
    weights[4 * index + 1] = (4 - 6 * t * t + 3 * t ** 3) / 6;
    weights[4 * index + 2] = (4 - 6 * (1 - t) ** 2 + 3 * (1 - t) ** 3) / 6;
    weights[4 * index + 3] = t ** 3 / 6;
  }
  const line = new Float64Array(from + 2 * PADDING);
  for (let o = 0; o < outer; o++)
    for (let inner = 0; inner < step; inner++) {
      const start = o * from * step + inner;
      for (let index = 0; index < from; index++) line[PADDING + index] = data[start + index * step] as number;
      line.fill(line[PADDING] as number, 0, PADDING);
      line.fill(line[PADDING + from - 1] as number, PADDING + from);
      fitSpline(line);
      for (let index = 0, target = o * to * step + inner; index < to; index++, target += step) {
        const at = first[index] as number;
        const w = 4 * index;
        result[target] =
          (weights[w] as number) * (line[at] as number) +
          (weights[w + 1] as number) * (line[at + 1] as number) +
          (weights[w + 2] as number) * (line[at + 2] as number) +
          (weights[w + 3] as number) * (line[at + 3] as number);
      }
    }
  return result;
}

/** Values to coefficients of the cubic B-spline, in place, for a line that is constant beyond its ends. */
function fitSpline(line: Float64Array): void {
  const last = line.length - 1;
  let value = (line[0] as number) / (1 - POLE);
  line[0] = value;
  for (let index = 1; index <= last; index++) line[index] = value = (line[index] as number) + POLE * value;
  value = (-POLE / (1 - POLE)) * value;
  line[last] = 6 * value;
  for (let index = last - 1; index >= 0; index--) {
    value = POLE * (value - (line[index] as number));
    line[index] = 6 * value;
  }
}

/** In place: `result` within the range of `data`, slice by slice along `separate` where there is one. */
function clipToRange(
  data: Float32Array,
  size: AxisNumbers,
  result: Float32Array,
  shape: AxisNumbers,
  separate: 0 | 1 | 2 | undefined,
): void {
  const slices = separate === undefined ? 1 : size[separate];
  for (let slice = 0; slice < slices; slice++) {
    let low = Infinity;
    let high = -Infinity;
    forSlice(size, separate, slice, (start, end) => {
      for (let at = start; at < end; at++) {
        const value = data[at] as number;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    });
    forSlice(shape, separate, slice, (start, end) => {
      for (let at = start; at < end; at++) {
        const value = result[at] as number;
        result[at] = value < low ? low : value > high ? high : value;
      }
    });
  }
}

/** Runs of memory that belong to one slice along an axis. */
function forSlice(shape: AxisNumbers, axis: 0 | 1 | 2 | undefined, slice: number, visit: (start: number, end: number) => void): void {
  if (axis === undefined) return visit(0, shape[0] * shape[1] * shape[2]);
  const { outer, step } = linesOf(shape, axis);
  for (let o = 0; o < outer; o++) visit((o * shape[axis] + slice) * step, (o * shape[axis] + slice + 1) * step);
}
