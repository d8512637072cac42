import type { Node, Value } from '../../../graph/graph.ts';
import type { ActivationKind, Axes, BoxConvolutionAttributes } from '../../../ops/attributes.ts';
import { activation, elementCount } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { overGroup } from '../overGroup.ts';
import { activationFunctions } from '../wgsl.ts';
import { biasGradient } from './reduce.ts';

// Convolutions whose geometry differs by axis (of imported networks): one thread a result. The tiled kernels of dense.ts know cubes alone.

const NO_PADDING: Axes = [0, 0, 0];

/** Extents of the convolution's input (I, D, H, W) and result (O, OD, OH, OW), and its geometry, as uniforms. */
function geometry(x: Value, y: Value, { kernel, stride, padding }: BoxConvolutionAttributes): Record<string, number> {
  const [input, output] = [activation(x.type), activation(y.type)];
  const numbers: Record<string, number> = {
    I: input.c,
    D: input.d,
    H: input.h,
    W: input.w,
    O: output.c,
    OD: output.d,
    OH: output.h,
    OW: output.w,
  };
  ['D', 'H', 'W'].forEach((name, axis) =>
    Object.assign(numbers, { [`K${name}`]: kernel[axis] ?? 1, [`S${name}`]: stride[axis] ?? 1, [`P${name}`]: padding[axis] ?? 0 }),
  );
  return numbers;
}

const entry = `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let at = group(id) * ${GROUP}u + t;
  if (at >= u.count) { return; }`;

function forward(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  y: Value,
  attributes: BoxConvolutionAttributes,
  kind: ActivationKind,
): Kernel[] {
  const count = elementCount(y.type.shape);
  const taps = elementCount(weight.type.shape.slice(2));
  return [
    {
      name: 'box convolution',
      operands: { x: operand(x), weight: operand(weight), ...(bias && { bias: operand(bias) }), y: operand(y) },
      integers: { ...geometry(x, y, attributes), count },
      code: `${activationFunctions}
${entry}
  let w = at % u.OW; var q = at / u.OW;
  let h = q % u.OH; q /= u.OH;
  let d = q % u.OD; q /= u.OD;
  let o = q % u.O; let n = q / u.O;
  var sum = 0.0;
  for (var c = 0u; c < u.I; c++) {
    for (var kd = 0u; kd < u.KD; kd++) {
      let z = d * u.SD + kd;
      if (z < u.PD || z - u.PD >= u.D) { continue; }
      for (var kh = 0u; kh < u.KH; kh++) {
        let row = h * u.SH + kh;
        if (row < u.PH || row - u.PH >= u.H) { continue; }
        let line = (((n * u.I + c) * u.D + z - u.PD) * u.H + row - u.PH) * u.W;
        let taps = (((o * u.I + c) * u.KD + kd) * u.KH + kh) * u.KW;
        for (var kw = 0u; kw < u.KW; kw++) {
          let column = w * u.SW + kw;
          if (column < u.PW || column - u.PW >= u.W) { continue; }
          sum = fma(weight(taps + kw), x(line + column - u.PW), sum);
        }
      }
    }
  }
  set_y(at, ${kind}(sum${bias ? ' + bias(o)' : ''}));
}`,
      workgroups: flatGrid(ceilDivide(count, GROUP)),
      work: { operations: 2 * count * taps, bytes: bytesOf(x, weight, y) },
    },
  ];
}

/** Gathered: every voxel of dx takes what reaches it from dy. */
function backward(dy: Value, weight: Value, bias: Value | undefined, dx: Value, attributes: BoxConvolutionAttributes): Kernel[] {
  const count = elementCount(dx.type.shape);
  const [, outs = 1, , ...taps] = weight.type.shape;
  return [
    {
      name: 'box convolution, input gradient',
      operands: { dy: operand(dy), weight: operand(weight), ...(bias && { bias: operand(bias) }), dx: operand(dx) },
      integers: { ...geometry(dx, dy, attributes), count },
      code: `${entry}
  let w = at % u.W; var q = at / u.W;
  let h = q % u.H; q /= u.H;
  let d = q % u.D; q /= u.D;
  let c = q % u.I; let n = q / u.I;
  var sum = 0.0;
  for (var o = 0u; o < u.O; o++) {
    for (var kd = 0u; kd < u.KD; kd++) {
      let z = d + u.PD;
      if (z < kd || (z - kd) % u.SD != 0u || (z - kd) / u.SD >= u.OD) { continue; }
      for (var kh = 0u; kh < u.KH; kh++) {
        let row = h + u.PH;
        if (row < kh || (row - kh) % u.SH != 0u || (row - kh) / u.SH >= u.OH) { continue; }
        let line = (((n * u.O + o) * u.OD + (z - kd) / u.SD) * u.OH + (row - kh) / u.SH) * u.OW;
        let taps = (((o * u.I + c) * u.KD + kd) * u.KH + kh) * u.KW;
        for (var kw = 0u; kw < u.KW; kw++) {
          let column = w + u.PW;
          if (column < kw || (column - kw) % u.SW != 0u || (column - kw) / u.SW >= u.OW) { continue; }
          sum = fma(weight(taps + kw), dy(line + (column - kw) / u.SW), sum);
        }
      }
    }
  }
  set_dx(at, sum${bias ? ' + bias(c)' : ''});
}`,
      workgroups: flatGrid(ceilDivide(count, GROUP)),
      work: { operations: 2 * count * outs * elementCount(taps), bytes: bytesOf(dy, weight, dx) },
    },
  ];
}

/** A workgroup for every weight: its sum over samples and voxels of dy. */
function weights(x: Value, dy: Value, dWeight: Value, attributes: BoxConvolutionAttributes, context: LoweringContext): Kernel[] {
  const count = elementCount(dWeight.type.shape);
  const results = activation(dy.type);
  const voxels = results.d * results.h * results.w;
  const total = overGroup('sum', GROUP, 'f32', context);
  return [
    {
      name: 'box convolution, weight gradient',
      operands: { x: operand(x), dy: operand(dy), dWeight: operand(dWeight) },
      integers: { ...geometry(x, dy, attributes), count, N: results.n, V: voxels },
      code: `${total.functions}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32${total.parameters}) {
  let at = group(id);
  if (at >= u.count) { return; }
  let kw = at % u.KW; var q = at / u.KW;
  let kh = q % u.KH; q /= u.KH;
  let kd = q % u.KD; q /= u.KD;
  let c = q % u.I; let o = q / u.I;
  var sum = 0.0;
  for (var e = t; e < u.N * u.V; e += ${GROUP}u) {
    let n = e / u.V; let voxel = e % u.V;
    let column = (voxel % u.OW) * u.SW + kw; let row = (voxel / u.OW % u.OH) * u.SH + kh; let z = (voxel / u.OW / u.OH) * u.SD + kd;
    let inside = z >= u.PD && z - u.PD < u.D && row >= u.PH && row - u.PH < u.H && column >= u.PW && column - u.PW < u.W;
    if (inside) {
      sum = fma(dy((n * u.O + o) * u.V + voxel), x((((n * u.I + c) * u.D + z - u.PD) * u.H + row - u.PH) * u.W + column - u.PW), sum);
    }
  }
  let all = ${total.of('sum')};
  if (t == 0u) { set_dWeight(at, all); }
}`,
      workgroups: flatGrid(count),
      work: { operations: 2 * count * results.n * voxels, bytes: bytesOf(x, dy, dWeight) },
    },
  ];
}

const blocks = (stride: Axes): BoxConvolutionAttributes => ({ kernel: stride, stride, padding: NO_PADDING });

export function boxConv3d({ inputs: [x, weight, bias], outputs: [y], attributes }: Node<'boxConv3d'>): Kernel[] {
  return x && weight && y ? forward(x, weight, bias, y, attributes, attributes.activation) : [];
}

export function boxConv3dGradInput({ inputs: [dy, weight], outputs: [dx], attributes }: Node<'boxConv3dGradInput'>): Kernel[] {
  return dy && weight && dx ? backward(dy, weight, undefined, dx, attributes) : [];
}

export function boxConv3dGradWeight(
  { inputs: [x, dy], outputs: [dWeight, dBias], attributes }: Node<'boxConv3dGradWeight'>,
  context: LoweringContext,
): Kernel[] {
  if (!x || !dy || !dWeight || !dBias) return [];
  return [...weights(x, dy, dWeight, attributes, context), ...biasGradient(dy, dBias, 1, context)];
}

export function transposedConv3d({ inputs: [x, weight, bias], outputs: [y], attributes }: Node<'transposedConv3d'>): Kernel[] {
  return x && weight && y ? backward(x, weight, bias, y, blocks(attributes.stride)) : [];
}

/** The weights are those of the convolution from dy to x. */
export function transposedConv3dGradWeight(
  { inputs: [x, dy], outputs: [dWeight, dBias], attributes }: Node<'transposedConv3dGradWeight'>,
  context: LoweringContext,
): Kernel[] {
  if (!x || !dy || !dWeight || !dBias) return [];
  return [...weights(dy, x, dWeight, blocks(attributes.stride), context), ...biasGradient(dy, dBias, 1, context)];
}

function pooled(
  name: string,
  large: Value,
  small: Value,
  kernel: Axes,
  body: string,
  operands: Kernel['operands'],
  count: number,
): Kernel[] {
  const { d, h, w } = activation(small.type);
  return [
    {
      name,
      operands,
      integers: { KD: kernel[0], KH: kernel[1], KW: kernel[2], D: d, H: h, W: w, count },
      floats: { share: 1 / (kernel[0] * kernel[1] * kernel[2]) },
      code: `${entry}
${body}
}`,
      workgroups: flatGrid(ceilDivide(count, GROUP)),
      work: { operations: elementCount(large.type.shape), bytes: bytesOf(large, small) },
    },
  ];
}

export function averagePool3d({ inputs: [x], outputs: [y], attributes: { kernel } }: Node<'averagePool3d'>): Kernel[] {
  if (!x || !y) return [];
  const body = `  let w = at % u.W; var q = at / u.W;
  let h = q % u.H; q /= u.H;
  let d = q % u.D; let plane = q / u.D;
  var sum = 0.0;
  for (var i = 0u; i < u.KD; i++) {
    for (var j = 0u; j < u.KH; j++) {
      let line = ((plane * u.D * u.KD + d * u.KD + i) * u.H * u.KH + h * u.KH + j) * u.W * u.KW + w * u.KW;
      for (var k = 0u; k < u.KW; k++) { sum += x(line + k); }
    }
  }
  set_y(at, sum * u.share);`;
  return pooled('average pool', x, y, kernel, body, { x: operand(x), y: operand(y) }, elementCount(y.type.shape));
}

export function averagePool3dGrad({ inputs: [dy], outputs: [dx], attributes: { kernel } }: Node<'averagePool3dGrad'>): Kernel[] {
  if (!dy || !dx) return [];
  const body = `  let w = at % (u.W * u.KW) / u.KW; var q = at / (u.W * u.KW);
  let h = q % (u.H * u.KH) / u.KH; q /= u.H * u.KH;
  let d = q % (u.D * u.KD) / u.KD; let plane = q / (u.D * u.KD);
  set_dx(at, dy(((plane * u.D + d) * u.H + h) * u.W + w) * u.share);`;
  return pooled('average pool gradient', dx, dy, kernel, body, { dy: operand(dy), dx: operand(dx) }, elementCount(dx.type.shape));
}
