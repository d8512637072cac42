import type { Triple } from '../geometry/grid.ts';
import { borrowed } from './borrowed.ts';

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
  const passes = ([0, 1, 2] as const).filter((axis) => sigma / spacing[axis] >= 0.25 && size[axis] > 1);
  if (passes.length === 0) return values.slice();
  const out = new Float32Array(values.length);
  return borrowed(2, values.length, (between) => {
    let from = values;
    for (const [n, axis] of passes.entries()) {
      const to = n === passes.length - 1 ? out : (between[n] as Float32Array);
      alongAxis(from, size, axis, gaussian(sigma / spacing[axis]), to);
      from = to;
    }
    return out;
  });
}

/** Weights of the centre and of one side. */
function gaussian(deviation: number): Float64Array {
  const radius = Math.max(1, Math.ceil(2.5 * deviation));
  const kernel = Float64Array.from({ length: radius + 1 }, (_, n) => Math.exp((-0.5 * n * n) / (deviation * deviation)));
  const sum = kernel.reduce((total, weight, n) => total + (n === 0 ? weight : 2 * weight), 0);
  return kernel.map((weight) => weight / sum);
}

function alongAxis(values: Float32Array, [ni, nj, nk]: Triple, axis: 0 | 1 | 2, kernel: Float64Array, out: Float32Array): void {
  if (axis === 0) {
    alongRows(values, ni, kernel, out);
    return;
  }
  const count = axis === 1 ? nj : nk;
  const stride = axis === 1 ? ni : ni * nj;
  const sums = new Float64Array(ni);
  // Rows at a time, as memory has them: someone waits.
  for (let at = 0; at < values.length; at += ni) {
    const n = Math.floor(at / stride) % count;
    const own = kernel[0] as number;
    for (let i = 0; i < ni; i++) sums[i] = own * (values[at + i] as number);
    for (let r = 1; r < kernel.length; r++) {
      const weight = kernel[r] as number;
      const before = at - stride * Math.min(n, r);
      const after = at + stride * Math.min(count - 1 - n, r);
      for (let i = 0; i < ni; i++)
        sums[i] = (sums[i] as number) + weight * ((values[before + i] as number) + (values[after + i] as number));
    }
    out.set(sums, at);
  }
}

function alongRows(values: Float32Array, count: number, kernel: Float64Array, out: Float32Array): void {
  const radius = kernel.length - 1;
  const line = new Float64Array(count + 2 * radius);
  for (let start = 0; start < values.length; start += count) {
    for (let n = 0; n < count; n++) line[n + radius] = values[start + n] as number;
    line.fill(line[radius] as number, 0, radius);
    line.fill(line[radius + count - 1] as number, radius + count);
    for (let n = 0; n < count; n++) {
      let sum = (kernel[0] as number) * (line[n + radius] as number);
      for (let r = 1; r <= radius; r++)
        sum += (kernel[r] as number) * ((line[n + radius - r] as number) + (line[n + radius + r] as number));
      out[start + n] = sum;
    }
  }
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
      // Along i what is on the left, here and on the right moves on, in the row and in its four neighbours; beyond the end, the last one counts again.
      let [c, f, b, u, o] = [0, front, back, below, above].map((row) => values[at + row] as number) as [
        number,
        number,
        number,
        number,
        number,
      ];
      let [l, fl, bl, ul, ol] = [c, f, b, u, o];
      for (let i = 0; i < ni; i++, at++) {
        const next = i + 1 < ni ? at + 1 : at;
        const r = values[next] as number;
        const fr = values[next + front] as number;
        const br = values[next + back] as number;
        const ur = values[next + below] as number;
        const or = values[next + above] as number;
        const x = (r - l) * 0.5 * di;
        const y = (b - f) * 0.5 * dj;
        const z = (o - u) * 0.5 * dk;
        const xx = (r + l - 2 * c) * di * di;
        const yy = (b + f - 2 * c) * dj * dj;
        const zz = (o + u - 2 * c) * dk * dk;
        const xy = (br - bl - fr + fl) * 0.25 * di * dj;
        const xz = (or - ol - ur + ul) * 0.25 * di * dk;
        const across = (values[at + back + above] as number) - (values[at + front + above] as number);
        const yz = (across - (values[at + back + below] as number) + (values[at + front + below] as number)) * 0.25 * dj * dk;
        gradient[at] = Math.sqrt(x * x + y * y + z * z);
        laplacian[at] = xx + yy + zz;
        norm[at] = Math.sqrt(xx * xx + yy * yy + zz * zz + 2 * (xy * xy + xz * xz + yz * yz));
        determinant[at] = cubeRoot(xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz));
        l = c;
        c = r;
        fl = f;
        f = fr;
        bl = b;
        b = br;
        ul = u;
        u = ur;
        ol = o;
        o = or;
      }
    }
  }
  return [gradient, laplacian, norm, determinant];
}

function standardise(channel: Float32Array): void {
  let [sum, squares] = [0, 0];
  for (let at = 0; at < channel.length; at++) {
    const value = channel[at] as number;
    sum += value;
    squares += value * value;
  }
  const mean = sum / channel.length;
  const scale = 1 / Math.max(1e-6, Math.sqrt(Math.max(0, squares / channel.length - mean * mean)));
  for (let at = 0; at < channel.length; at++) {
    const value = ((channel[at] as number) - mean) * scale;
    channel[at] = value > 6 ? 6 : value < -6 ? -6 : value;
  }
}

const real = new Float32Array(1);
const bits = new Int32Array(real.buffer);

/** To the precision of float32: of values as they lie here, `Math.cbrt` takes ten times as long. */
function cubeRoot(value: number): number {
  real[0] = Math.abs(value);
  if ((bits[0] as number) < 0x80_0000) return 0;
  // A third of the exponent; then Halley's steps.
  bits[0] = Math.trunc((bits[0] as number) / 3) + 0x2a50_8935;
  let root = real[0];
  const from = Math.abs(value);
  for (let step = 0; step < 2; step++) {
    const cube = root * root * root;
    root *= (cube + 2 * from) / (2 * cube + from);
  }
  return value < 0 ? -root : root;
}
