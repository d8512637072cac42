import type { Triple } from '../geometry/grid.ts';

/** What each voxel looks like: `channels` of `voxels` values each, standardised over the region (mean 0, deviation 1). */
export interface Features {
  readonly voxels: number;
  readonly channels: readonly Float32Array[];
}

/** Of the three scales, in the region's smallest voxel spacing. */
const scales = [1, 2, 4] as const;

/**
 * Intensity, and at three scales of equal millimetres along all axes: smoothed intensity, length of the gradient, Laplacian, norm and
 * cube root of the determinant of the Hessian, each times the scale to the power of its order. `spacing` in mm.
 */
export function featuresOf(values: Float32Array, size: Triple, spacing: Triple): Features {
  const finest = Math.min(...spacing);
  const channels: Float32Array[] = [values.slice()];
  let smooth = values;
  let reached = 0;
  for (const scale of scales) {
    const sigma = scale * finest;
    // From the scale before: variances add up.
    smooth = smoothed(smooth, size, spacing, Math.sqrt(sigma * sigma - reached * reached));
    reached = sigma;
    channels.push(smooth.slice(), ...derivatives(smooth, size, spacing, sigma));
  }
  for (const channel of channels) standardise(channel);
  return { voxels: values.length, channels };
}

/** Gaussian of `sigma` mm along every axis; voxels beyond the region count as the border's. */
export function smoothed(values: Float32Array, size: Triple, spacing: Triple, sigma: number): Float32Array {
  let from = values;
  for (const axis of [0, 1, 2] as const) {
    const deviation = sigma / spacing[axis];
    if (deviation < 0.25 || size[axis] === 1) continue;
    const kernel = gaussian(deviation);
    from = alongAxis(from, size, axis, kernel);
  }
  return from === values ? values.slice() : from;
}

/** Weights of the centre and of one side. */
function gaussian(deviation: number): Float64Array {
  const radius = Math.max(1, Math.ceil(2.5 * deviation));
  const kernel = Float64Array.from({ length: radius + 1 }, (_, n) => Math.exp((-0.5 * n * n) / (deviation * deviation)));
  const sum = kernel.reduce((total, weight, n) => total + (n === 0 ? weight : 2 * weight), 0);
  return kernel.map((weight) => weight / sum);
}

function alongAxis(values: Float32Array, [ni, nj, nk]: Triple, axis: 0 | 1 | 2, kernel: Float64Array): Float32Array {
  const out = new Float32Array(values.length);
  const count = [ni, nj, nk][axis] as number;
  const stride = [1, ni, ni * nj][axis] as number;
  const inner = axis === 0 ? 1 : axis === 1 ? ni : ni * nj;
  const radius = kernel.length - 1;
  const line = new Float64Array(count + 2 * radius);
  for (let block = 0; block < values.length; block += inner * count) {
    for (let start = block; start < block + inner; start++) {
      for (let n = 0; n < count; n++) line[n + radius] = values[start + n * stride] as number;
      line.fill(line[radius] as number, 0, radius);
      line.fill(line[radius + count - 1] as number, radius + count);
      for (let n = 0; n < count; n++) {
        let sum = (kernel[0] as number) * (line[n + radius] as number);
        for (let r = 1; r <= radius; r++)
          sum += (kernel[r] as number) * ((line[n + radius - r] as number) + (line[n + radius + r] as number));
        out[start + n * stride] = sum;
      }
    }
  }
  return out;
}

/** The mixed second difference of two axes, each with its steps down and up. */
function crossed(values: Float32Array, at: number, downA: number, upA: number, downB: number, upB: number): number {
  return (
    (values[at + upA + upB] as number) -
    (values[at + downA + upB] as number) -
    (values[at + upA + downB] as number) +
    (values[at + downA + downB] as number)
  );
}

/** Length of the gradient, Laplacian, norm and cube root of the determinant of the Hessian, by central differences. */
function derivatives(values: Float32Array, [ni, nj, nk]: Triple, spacing: Triple, sigma: number): Float32Array[] {
  const [gradient, laplacian, norm, determinant] = [0, 1, 2, 3].map(() => new Float32Array(values.length)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [di, dj, dk] = spacing.map((step) => sigma / step) as unknown as Triple;
  for (let k = 0, at = 0; k < nk; k++) {
    const [below, above] = [k > 0 ? -ni * nj : 0, k + 1 < nk ? ni * nj : 0];
    for (let j = 0; j < nj; j++) {
      const [front, back] = [j > 0 ? -ni : 0, j + 1 < nj ? ni : 0];
      for (let i = 0; i < ni; i++, at++) {
        const [left, right] = [i > 0 ? -1 : 0, i + 1 < ni ? 1 : 0];
        const centre = values[at] as number;
        const [l, r] = [values[at + left] as number, values[at + right] as number];
        const [f, b] = [values[at + front] as number, values[at + back] as number];
        const [u, o] = [values[at + below] as number, values[at + above] as number];
        const x = (r - l) * 0.5 * di;
        const y = (b - f) * 0.5 * dj;
        const z = (o - u) * 0.5 * dk;
        const xx = (r + l - 2 * centre) * di * di;
        const yy = (b + f - 2 * centre) * dj * dj;
        const zz = (o + u - 2 * centre) * dk * dk;
        const xy = crossed(values, at, left, right, front, back) * 0.25 * di * dj;
        const xz = crossed(values, at, left, right, below, above) * 0.25 * di * dk;
        const yz = crossed(values, at, front, back, below, above) * 0.25 * dj * dk;
        gradient[at] = Math.sqrt(x * x + y * y + z * z);
        laplacian[at] = xx + yy + zz;
        norm[at] = Math.sqrt(xx * xx + yy * yy + zz * zz + 2 * (xy * xy + xz * xz + yz * yz));
        determinant[at] = Math.cbrt(xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz));
      }
    }
  }
  return [gradient, laplacian, norm, determinant];
}

function standardise(channel: Float32Array): void {
  let [sum, squares] = [0, 0];
  for (const value of channel) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / channel.length;
  const scale = 1 / Math.max(1e-6, Math.sqrt(Math.max(0, squares / channel.length - mean * mean)));
  for (let at = 0; at < channel.length; at++) channel[at] = Math.max(-6, Math.min(6, ((channel[at] as number) - mean) * scale));
}
