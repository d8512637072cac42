import type { Triple } from '#shared/geometry/grid.ts';

/** Deviations of the surroundings below this part of the whole volume's are noise. */
const SMALLEST = 0.1;
/** Running means one after the other, which together are nearly a Gaussian. */
const PASSES = 3;

/**
 * Local contrast normalisation, in place: each voxel less the mean of its surroundings, over their standard deviation. The surroundings are a Gaussian of
 * `millimetres` standard deviation, within one slice alone where a `sliceAxis` across the slices is given. Data is a volume of mean 0 and deviation 1 (i
 * fastest). Takes away what changes slowly over an image, as the brightness near a surface coil does, and with a slice axis also from slice to slice.
 */
export function normaliseLocally(data: Float32Array, size: Triple, spacing: Triple, millimetres: number, sliceAxis?: 0 | 1 | 2): void {
  const reach = spacing.map((mm, axis) => (axis === sliceAxis ? 0 : millimetres / mm)) as unknown as Triple;
  const mean = blurred(data.slice(), size, reach);
  const square = blurred(
    data.map((value) => value * value),
    size,
    reach,
  );
  for (let at = 0; at < data.length; at++) {
    const middle = mean[at] as number;
    const deviation = Math.sqrt(Math.max(0, (square[at] as number) - middle * middle));
    data[at] = ((data[at] as number) - middle) / (deviation + SMALLEST);
  }
}

/** By a Gaussian of so many voxels of deviation along each axis. */
function blurred(data: Float32Array, size: Triple, deviations: Triple): Float32Array {
  let from: Float32Array = data;
  let to: Float32Array = new Float32Array(data.length);
  let inner = 1;
  for (const axis of [0, 1, 2] as const) {
    const deviation = deviations[axis];
    const radius = Math.round((Math.sqrt((12 * deviation * deviation) / PASSES + 1) - 1) / 2);
    for (let pass = 0; radius > 0 && pass < PASSES; pass++) {
      runningMean(from, to, inner, size[axis], radius);
      [from, to] = [to, from];
    }
    inner *= size[axis];
  }
  return from;
}

/** Along an axis of `length` voxels that lie `inner` apart; at the ends over what is inside. */
function runningMean(from: Float32Array, to: Float32Array, inner: number, length: number, radius: number): void {
  const sum = new Float64Array(inner);
  const add = (start: number, sign: 1 | -1): void => {
    for (let n = 0; n < inner; n++) sum[n] = (sum[n] as number) + sign * (from[start + n] as number);
  };
  for (let base = 0; base < from.length; base += inner * length) {
    sum.fill(0);
    for (let n = 0; n < Math.min(radius, length); n++) add(base + n * inner, 1);
    for (let n = 0; n < length; n++) {
      if (n + radius < length) add(base + (n + radius) * inner, 1);
      if (n > radius) add(base + (n - radius - 1) * inner, -1);
      const share = 1 / (Math.min(length - 1, n + radius) - Math.max(0, n - radius) + 1);
      for (let at = 0, start = base + n * inner; at < inner; at++) to[start + at] = (sum[at] as number) * share;
    }
  }
}
