import type { Node, Value } from '../../../graph/graph.ts';
import type { DepthwiseAttributes } from '../../../ops/attributes.ts';
import { activation } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { biasGradient } from './reduce.ts';

/** Outputs that a thread keeps in registers along H and W, a dilation apart, so that each input it loads serves several taps. */
interface Patch {
  readonly h: number;
  readonly w: number;
}

function patchFor(h: number, w: number, dilation: number): Patch {
  const fit = (extent: number): number => {
    const steps = ceilDivide(extent, dilation);
    return steps >= 4 ? 4 : steps >= 2 ? 2 : 1;
  };
  return { h: fit(h), w: fit(w) };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_unused, index) => index);
}

/** Forward, or with the taps mirrored the gradient with respect to the input. */
function convolve(
  name: string,
  x: Value,
  weight: Value,
  bias: Value | undefined,
  y: Value,
  { kernel, dilation, instances }: DepthwiseAttributes,
): Kernel[] {
  const { n, c, d, h, w } = activation(x.type);
  const patch = patchFor(h, w, dilation);
  const radius = (kernel - 1) / 2;
  const blocksH = ceilDivide(h, patch.h * dilation) * dilation;
  const blocksW = ceilDivide(w, patch.w * dilation) * dilation;
  const threads = n * c * d * blocksH * blocksW;
  const inputs = range(patch.w + kernel - 1);
  const mirror = bias === undefined;
  const sums = range(patch.h).flatMap((j) => range(patch.w).map((i) => `s${j}_${i}`));
  const code = `
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  var q = group(id) * ${GROUP}u + t;
  if (q >= u.threads) { return; }
  let blockW = q % u.blocksW; q /= u.blocksW;
  let blockH = q % u.blocksH; q /= u.blocksH;
  let d0 = i32(q % u.D); q /= u.D;
  let row = (q / u.C / u.B) * u.C + q % u.C;
  let base = q * u.D * u.H * u.W;
  let h0 = i32(blockH / ${dilation}u * ${patch.h * dilation}u + blockH % ${dilation}u);
  let w0 = i32(blockW / ${dilation}u * ${patch.w * dilation}u + blockW % ${dilation}u);
  let start = ${bias === undefined ? '0.0' : 'bias(row)'};
  ${sums.map((sum) => `var ${sum} = start;`).join(' ')}
  for (var kd = 0u; kd < ${kernel}u; kd++) {
    let z = d0 + ${dilation} * (i32(kd) - ${radius});
    if (z < 0 || z >= i32(u.D)) { continue; }
    let weights = (row * ${kernel}u + ${mirror ? `${kernel - 1}u - kd` : 'kd'}) * ${kernel * kernel}u;
    let plane = base + u32(z) * u.H * u.W;
    for (var line = 0; line < ${patch.h + kernel - 1}; line++) {
      let y0 = h0 + ${dilation} * (line - ${radius});
      if (y0 < 0 || y0 >= i32(u.H)) { continue; }
      let at = plane + u32(y0) * u.W;
      ${inputs.map((i) => `let c${i} = w0 + ${dilation * (i - radius)}; var x${i} = 0.0; if (c${i} >= 0 && c${i} < i32(u.W)) { x${i} = x(at + u32(c${i})); }`).join('\n      ')}
      ${range(patch.h)
        .map(
          (j) => `{ let kh = line - ${j};
        if (kh >= 0 && kh < ${kernel}) {
          let first = weights + u32(${mirror ? `${kernel - 1} - kh` : 'kh'}) * ${kernel}u;
          ${range(kernel)
            .map(
              (kw) =>
                `{ let k = weight(first + ${mirror ? kernel - 1 - kw : kw}u); ${range(patch.w)
                  .map((i) => `s${j}_${i} = fma(k, x${i + kw}, s${j}_${i});`)
                  .join(' ')} }`,
            )
            .join('\n          ')}
        } }`,
        )
        .join('\n      ')}
    }
  }
  ${range(patch.h)
    .map(
      (j) =>
        `{ let at = h0 + ${dilation * j}; if (at < i32(u.H)) { let line = base + (u32(d0) * u.H + u32(at)) * u.W; ${range(patch.w)
          .map((i) => `if (w0 + ${dilation * i} < i32(u.W)) { set_y(line + u32(w0 + ${dilation * i}), s${j}_${i}); }`)
          .join(' ')} } }`,
    )
    .join('\n  ')}
}`;
  return [
    {
      name,
      operands: { x: operand(x), weight: operand(weight), ...(bias === undefined ? {} : { bias: operand(bias) }), y: operand(y) },
      integers: { B: n / instances, C: c, D: d, H: h, W: w, blocksH, blocksW, threads },
      code,
      workgroups: flatGrid(ceilDivide(threads, GROUP)),
      work: { operations: 2 * kernel ** 3 * n * c * d * h * w, bytes: bytesOf(x, weight, y) },
    },
  ];
}

const label = ({ kernel, dilation }: DepthwiseAttributes): string => `depthwise ${kernel}³${dilation > 1 ? ` dilation ${dilation}` : ''}`;

export function depthwiseConv3d(node: Node<'depthwiseConv3d'>): Kernel[] {
  const [x, weight, bias, y] = [...node.inputs, ...node.outputs];
  return x && weight && bias && y ? convolve(label(node.attributes), x, weight, bias, y, node.attributes) : [];
}

export function depthwiseConv3dGradInput(node: Node<'depthwiseConv3dGradInput'>): Kernel[] {
  const [dy, weight, dx] = [...node.inputs, ...node.outputs];
  return dy && weight && dx ? convolve(`${label(node.attributes)} input gradient`, dy, weight, undefined, dx, node.attributes) : [];
}

/** Threads that a weight gradient spreads a channel's rows over at most, and rows that make a further share worth it. */
const MAX_SHARES = 64;
const ROWS_PER_SHARE = 16;

/**
 * Every thread owns the K taps of one (channel, kd, kh) over a share of the rows, and walks a row with a window of K inputs, residue
 * class by residue class, so that each input is loaded once for K taps. Shares are then added in a fixed order.
 */
export function depthwiseConv3dGradWeight(node: Node<'depthwiseConv3dGradWeight'>, context: LoweringContext): Kernel[] {
  const [x, dy, dWeight, dBias] = [...node.inputs, ...node.outputs];
  if (!x || !dy || !dWeight || !dBias) return [];
  const { kernel, dilation, instances } = node.attributes;
  const { n, c, d, h, w } = activation(x.type);
  const radius = (kernel - 1) / 2;
  const batch = n / instances;
  const size = instances * c * kernel ** 3;
  const lines = batch * d * h;
  const shares = Math.max(1, Math.min(MAX_SHARES, ceilDivide(lines, ROWS_PER_SHARE), Math.floor(context.maxScratch / 2 / size)));
  const partial = context.scratch.take(size * shares);
  const threads = instances * c * kernel * kernel * shares;
  const taps = range(kernel);
  const main: Kernel = {
    name: `${label(node.attributes)} weight gradient`,
    operands: { x: operand(x), dy: operand(dy), partial },
    integers: { B: batch, C: c, D: d, H: h, W: w, lines, shares, threads, size },
    code: `
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  var q = group(id) * ${GROUP}u + t;
  if (q >= u.threads) { return; }
  let kh = q % ${kernel}u; q /= ${kernel}u;
  let kd = q % ${kernel}u; q /= ${kernel}u;
  let share = q % u.shares; q /= u.shares;
  let row = q;
  ${taps.map((k) => `var s${k} = 0.0;`).join(' ')}
  for (var l = share; l < u.lines; l += u.shares) {
    let y0 = i32(l % u.H) + ${dilation} * (i32(kh) - ${radius});
    let z0 = i32((l / u.H) % u.D) + ${dilation} * (i32(kd) - ${radius});
    if (y0 < 0 || y0 >= i32(u.H) || z0 < 0 || z0 >= i32(u.D)) { continue; }
    let plane = ((row / u.C) * u.B + l / (u.H * u.D)) * u.C + row % u.C;
    let source = (plane * u.D + u32(z0)) * u.H * u.W + u32(y0) * u.W;
    let target0 = (plane * u.D + (l / u.H) % u.D) * u.H * u.W + (l % u.H) * u.W;
    for (var residue = 0u; residue < min(${dilation}u, u.W); residue++) {
      ${taps
        .slice(0, radius)
        .map((k) => `var x${k} = 0.0;`)
        .join(' ')}
      ${taps
        .slice(radius, -1)
        .map(
          (k) =>
            `var x${k} = 0.0; if (residue + ${dilation * (k - radius)}u < u.W) { x${k} = x(source + residue + ${dilation * (k - radius)}u); }`,
        )
        .join(' ')}
      for (var at = residue; at < u.W; at += ${dilation}u) {
        let g = dy(target0 + at);
        var x${kernel - 1} = 0.0;
        if (at + ${dilation * radius}u < u.W) { x${kernel - 1} = x(source + at + ${dilation * radius}u); }
        ${taps.map((k) => `s${k} = fma(g, x${k}, s${k});`).join(' ')}
        ${taps
          .slice(0, -1)
          .map((k) => `x${k} = x${k + 1};`)
          .join(' ')}
      }
    }
  }
  let result = share * u.size + ((row * ${kernel}u + kd) * ${kernel}u + kh) * ${kernel}u;
  ${taps.map((k) => `set_partial(result + ${k}u, s${k});`).join(' ')}
}`,
    workgroups: flatGrid(ceilDivide(threads, GROUP)),
    work: { operations: 2 * kernel ** 3 * n * c * d * h * w, bytes: bytesOf(x, dy) + 4 * size * shares },
  };
  const sum: Kernel = {
    name: 'depthwise weight gradient: sum of shares',
    operands: { partial, dWeight: operand(dWeight) },
    integers: { size, shares },
    code: `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.size) { return; }
  var s = 0.0;
  for (var p = 0u; p < u.shares; p++) { s += partial(p * u.size + i); }
  set_dWeight(i, s);
}`,
    workgroups: flatGrid(ceilDivide(size, GROUP)),
    work: { operations: size * shares, bytes: 4 * size * (shares + 1) },
  };
  return [main, sum, ...biasGradient(dy, dBias, instances, context)];
}
