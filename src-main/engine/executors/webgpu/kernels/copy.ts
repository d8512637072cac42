import type { Node, Value } from '../../../graph/graph.ts';
import { activation, byteCount, elementCount } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel } from '../kernel.ts';

/** One axis of a strided copy: extent, and element strides in source and target. */
interface Axis {
  readonly extent: number;
  readonly from: number;
  readonly to: number;
}

/** Contiguous strides of a shape. */
function strides(shape: readonly number[]): number[] {
  return shape.map((_extent, axis) => elementCount(shape.slice(axis + 1)));
}

/** Neighbouring axes that are one run in both layouts become one; axes of extent 1 go. */
function merge(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.extent === 1) continue;
    const last = merged.at(-1);
    if (last !== undefined && last.from === axis.from * axis.extent && last.to === axis.to * axis.extent) {
      merged[merged.length - 1] = { extent: last.extent * axis.extent, from: axis.from, to: axis.to };
    } else merged.push(axis);
  }
  return merged.length > 0 ? merged : [{ extent: 1, from: 1, to: 1 }];
}

function copy(name: string, source: Value, target: Value, all: readonly Axis[], fromStart = 0, toStart = 0): Kernel {
  const axes = merge(all);
  const count = axes.reduce((product, { extent }) => product * extent, 1);
  const integers: Record<string, number> = { count, fromStart, toStart };
  axes.forEach(({ extent, from, to }, axis) =>
    Object.assign(integers, { [`extent${axis}`]: extent, [`from${axis}`]: from, [`to${axis}`]: to }),
  );
  const steps = axes
    .map((_axis, axis) => axis)
    .reverse()
    .map(
      (axis) =>
        `{ let c = ${axis === 0 ? 'q' : `q % u.extent${axis}; q /= u.extent${axis}`}; source0 += c * u.from${axis}; result0 += c * u.to${axis}; }`,
    );
  return {
    name,
    operands: { source: operand(source), result: operand(target) },
    integers,
    code: `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  var q = group(id) * ${GROUP}u + t;
  if (q >= u.count) { return; }
  var source0 = u.fromStart; var result0 = u.toStart;
  ${steps.join('\n  ')}
  set_result(result0, source(source0));
}`,
    workgroups: flatGrid(ceilDivide(count, GROUP)),
    work: {
      operations: 0,
      bytes: count * (byteCount(source.type) / elementCount(source.type.shape) + byteCount(target.type) / elementCount(target.type.shape)),
    },
  };
}

/** Channels [fromStart, fromStart + count) of `source` into `target` at `toStart`. */
function copyChannels(name: string, source: Value, target: Value, count: number, fromStart: number, toStart: number): Kernel {
  const { n, c, d, h, w } = activation(source.type);
  const voxels = d * h * w;
  const targetChannels = activation(target.type).c;
  const axes = [
    { extent: n, from: c * voxels, to: targetChannels * voxels },
    { extent: count * voxels, from: 1, to: 1 },
  ];
  return copy(name, source, target, axes, fromStart * voxels, toStart * voxels);
}

export function concatChannels(node: Node<'concatChannels'>): Kernel[] {
  const [a, b, y] = [...node.inputs, ...node.outputs];
  if (!a || !b || !y) return [];
  const [ca, cb] = [activation(a.type).c, activation(b.type).c];
  return [copyChannels('concat', a, y, ca, 0, 0), copyChannels('concat', b, y, cb, 0, ca)];
}

export function sliceChannels(node: Node<'sliceChannels'>): Kernel[] {
  const [x, y] = [...node.inputs, ...node.outputs];
  return x && y ? [copyChannels('slice', x, y, node.attributes.count, node.attributes.start, 0)] : [];
}

/** The axes of (split, split, split, batch, channels, d, h, w) pieces: strides in the whole volume and in the pieces. */
function cubeAxes(whole: Value, split: number): { readonly extent: number; readonly whole: number; readonly pieces: number }[] {
  const { n, c, d, h, w } = activation(whole.type);
  const [sd, sh, sw] = [d / split, h / split, w / split];
  const shape = [split, split, split, n, c, sd, sh, sw];
  const pieces = strides(shape);
  const wholeStrides = [sd * h * w, sh * w, sw, c * d * h * w, d * h * w, h * w, w, 1];
  return shape.map((extent, axis) => ({ extent, whole: wholeStrides[axis] ?? 0, pieces: pieces[axis] ?? 0 }));
}

export function cubeSplit(node: Node<'cubeSplit'>): Kernel[] {
  const [x, y] = [...node.inputs, ...node.outputs];
  return x && y
    ? [
        copy(
          'cube split',
          x,
          y,
          cubeAxes(x, node.attributes.split).map(({ extent, whole, pieces }) => ({ extent, from: whole, to: pieces })),
        ),
      ]
    : [];
}

export function cubeMerge(node: Node<'cubeMerge'>): Kernel[] {
  const [x, y] = [...node.inputs, ...node.outputs];
  return x && y
    ? [
        copy(
          'cube merge',
          x,
          y,
          cubeAxes(y, node.attributes.split).map(({ extent, whole, pieces }) => ({ extent, from: pieces, to: whole })),
        ),
      ]
    : [];
}

export function permute(node: Node<'permute'>): Kernel[] {
  const [x, y] = [...node.inputs, ...node.outputs];
  if (!x || !y) return [];
  const from = strides(x.type.shape);
  const to = strides(y.type.shape);
  return [
    copy(
      'permute',
      x,
      y,
      node.attributes.axes.map((axis, position) => ({ extent: y.type.shape[position] ?? 1, from: from[axis] ?? 0, to: to[position] ?? 0 })),
    ),
  ];
}

/** Trilinear ×2 with align_corners = false: along an axis, output o lies between inputs ⌊(o−1)/2⌋ and the next, weights ¼ and ¾. */
export function upsample2(node: Node<'upsample2'>): Kernel[] {
  const [x, y] = [...node.inputs, ...node.outputs];
  if (!x || !y) return [];
  const { n, c, d, h, w } = activation(x.type);
  const count = n * c * d * h * w * 8;
  return [
    {
      name: 'upsample',
      operands: { x: operand(x), y: operand(y) },
      integers: { D: d, H: h, W: w, count },
      code: `struct Pair { low: u32, high: u32, weight: f32 }
fn pairOf(o: u32, extent: u32) -> Pair {
  let p = max(0.0, 0.5 * f32(o) - 0.25); let low = u32(p);
  return Pair(low, min(low + 1u, extent - 1u), p - f32(low));
}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.count) { return; }
  let c = pairOf(i % (2u * u.W), u.W); var q = i / (2u * u.W);
  let b = pairOf(q % (2u * u.H), u.H); q /= 2u * u.H;
  let a = pairOf(q % (2u * u.D), u.D); let base = (q / (2u * u.D)) * u.D;
  let r00 = ((base + a.low) * u.H + b.low) * u.W; let r01 = ((base + a.low) * u.H + b.high) * u.W;
  let r10 = ((base + a.high) * u.H + b.low) * u.W; let r11 = ((base + a.high) * u.H + b.high) * u.W;
  let front = mix(mix(x(r00 + c.low), x(r00 + c.high), c.weight), mix(x(r01 + c.low), x(r01 + c.high), c.weight), b.weight);
  let back = mix(mix(x(r10 + c.low), x(r10 + c.high), c.weight), mix(x(r11 + c.low), x(r11 + c.high), c.weight), b.weight);
  set_y(i, mix(front, back, a.weight));
}`,
      workgroups: flatGrid(ceilDivide(count, GROUP)),
      work: { operations: count * 16, bytes: bytesOf(x, y) },
    },
  ];
}

/** The transpose, gathered: input i receives from outputs 2i−1 … 2i+2 with ¼ ¾ ¾ ¼, and from the clamped outputs at both ends. */
export function upsample2Grad(node: Node<'upsample2Grad'>): Kernel[] {
  const [dy, dx] = [...node.inputs, ...node.outputs];
  if (!dy || !dx) return [];
  const { n, c, d, h, w } = activation(dx.type);
  const count = n * c * d * h * w;
  return [
    {
      name: 'upsample gradient',
      operands: { dy: operand(dy), dx: operand(dx) },
      integers: { D: d, H: h, W: w, count },
      code: `fn weightOf(tap: u32, i: u32, extent: u32) -> f32 {
  if (tap == 0u) { return select(0.25, 0.0, i == 0u); }
  if (tap == 1u) { return select(0.75, 1.0, i == 0u); }
  if (tap == 2u) { return select(0.75, 1.0, i == extent - 1u); }
  return select(0.25, 0.0, i == extent - 1u);
}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.count) { return; }
  let c = i % u.W; var q = i / u.W;
  let b = q % u.H; q /= u.H;
  let a = q % u.D; let base = (q / u.D) * 2u * u.D;
  var sum = 0.0;
  for (var k = 0u; k < 4u; k++) {
    let wk = weightOf(k, a, u.D);
    if (wk == 0.0) { continue; }
    for (var j = 0u; j < 4u; j++) {
      let wj = wk * weightOf(j, b, u.H);
      if (wj == 0.0) { continue; }
      let line = ((base + 2u * a + k - 1u) * 2u * u.H + 2u * b + j - 1u) * 2u * u.W + 2u * c;
      for (var l = 0u; l < 4u; l++) {
        let wl = weightOf(l, c, u.W);
        if (wl > 0.0) { sum = fma(wj * wl, dy(line + l - 1u), sum); }
      }
    }
  }
  set_dx(i, sum);
}`,
      workgroups: flatGrid(ceilDivide(count, GROUP)),
      work: { operations: count * 128, bytes: bytesOf(dy, dx) },
    },
  ];
}
