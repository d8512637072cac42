import { must } from '#shared/base/assert.ts';
import type { Node, Value } from '../../../graph/graph.ts';
import type { ActivationKind, ConvolutionAttributes } from '../../../ops/attributes.ts';
import { activation } from '../../../tensor/tensorType.ts';
import { bytesOf, operand, type Kernel, type Operand } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { activationFunctions } from '../wgsl.ts';
import { computeProduct } from './candidates.ts';
import type { ProductShape } from './product.ts';
import { biasGradient } from './reduce.ts';

/** Shapes of one convolution: input (n, i, …) and output (n, o, …) extents. */
interface Geometry {
  readonly integers: Readonly<Record<string, number>>;
  readonly batch: number;
  readonly o: number;
  readonly i: number;
  readonly inputVoxels: number;
  readonly outputVoxels: number;
  readonly cells: number;
  readonly pointwise: boolean;
  /** Extents that input and output share under 3³, stride 1, padding 1. */
  readonly volume: ProductShape['volume'];
}

function geometry(input: Value, output: Value, { kernel, stride, padding, instances }: ConvolutionAttributes): Geometry {
  const x = activation(input.type);
  const y = activation(output.type);
  const [inputVoxels, outputVoxels] = [x.d * x.h * x.w, y.d * y.h * y.w];
  const batch = x.n / instances;
  return {
    integers: { B: batch, I: x.c, O: y.c, D: x.d, H: x.h, W: x.w, OD: y.d, OH: y.h, OW: y.w, V: inputVoxels, OV: outputVoxels },
    batch,
    o: y.c,
    i: x.c,
    inputVoxels,
    outputVoxels,
    cells: kernel ** 3,
    pointwise: kernel === 1 && stride === 1 && padding === 0,
    volume: kernel === 3 && stride === 1 && padding === 1 ? { batch, d: x.d, h: x.h, w: x.w } : undefined,
  };
}

const coordinates = (name: string, number: string, h: string, w: string): string =>
  `let ${name} = vec3<i32>(i32(${number} / (u.${h} * u.${w})), i32((${number} / u.${w}) % u.${h}), i32(${number} % u.${w}));`;

function tapStruct(k: number): string {
  return `struct Tap { channel: u32, at: vec3<i32> }
fn tapOf(k: u32) -> Tap { let tap = k % ${k ** 3}u; return Tap(k / ${k ** 3}u, vec3<i32>(i32(tap / ${k * k}u), i32((tap / ${k}u) % ${k}u), i32(tap % ${k}u))); }`;
}

/** Out of every input: makes each bounds check fail. */
const OUTSIDE = 'vec3<i32>(-1048576)';

/** Early returns would become loops where drivers inline them; everything in the innermost loop is select instead. */
const tapRow = (outside: string): string =>
  `fn rowOf(z: u32, k: u32) -> Row { let valid = k != 0xffffffffu; let tap = tapOf(select(0u, k, valid)); return Row(tap.channel, select(${outside}, tap.at, vec3<bool>(valid))); }`;

const readInput = `fn readInput(base: u32, at: vec3<i32>) -> f32 {
  let inside = all(vec3<u32>(at) < vec3<u32>(u.D, u.H, u.W));
  return select(0.0, x(select(0u, base + (u32(at.x) * u.H + u32(at.y)) * u.W + u32(at.z), inside)), inside);
}`;

/** Forward convolution as an implicit GEMM: O × (batch·voxels), over (input channel, tap). */
export function conv3d(node: Node<'conv3d'>, context: LoweringContext): Kernel[] {
  const [x, weight, bias, y] = [...node.inputs, ...node.outputs].map((value) => must(value, 'conv3d'));
  if (!x || !weight || !bias || !y) return [];
  const { kernel, stride, padding, instances, activation: kind } = node.attributes;
  const shape = geometry(x, y, node.attributes);
  const vector = shape.pointwise && shape.outputVoxels % 4 === 0;
  const vectorC = shape.outputVoxels % 4 === 0;
  const hooks =
    (vector
      ? pointwiseHooks('I', 'OV')
      : `${tapStruct(kernel)}
struct Column { base: u32, at: vec3<i32> }
alias Row = Tap;
${readInput}
fn columnOf(z: u32, n: u32) -> Column {
  let v = n % u.OV; ${coordinates('o', 'v', 'OH', 'OW')}
  return Column((z * u.B + n / u.OV) * u.I * u.V, select(${OUTSIDE}, o * ${stride} - ${padding}, vec3<bool>(n < u.gn)));
}
${tapRow(OUTSIDE)}
fn elementB(column: Column, row: Row) -> f32 { return readInput(column.base + row.channel * u.V, column.at + row.at); }`) +
    `\nfn elementA(z: u32, m: u32, k: u32) -> f32 { return weight((z * u.gm + m) * u.gk + k); }\n`;
  const storage = {
    name: `conv ${kernel}³${stride > 1 ? ` stride ${stride}` : ''}`,
    shape: productShape('forward', shape, node.attributes, shape.o, shape.batch * shape.outputVoxels, shape.i * shape.cells),
    results: ['bias', 'y'],
    integers: { ...shape.integers, gk: shape.i * shape.cells },
    work: convolutionWork(shape, instances, bytesOf(x, weight, y)),
  };
  const operands = (width: 1 | 4, vectorX: boolean): Record<string, Operand> => ({
    x: operand(x, vectorX ? 4 : 1),
    weight: operand(weight),
    bias: operand(bias),
    y: operand(y, width),
  });
  const rows = activation(y.type).w % 4 === 0;
  return computeProduct(
    {
      gemm: {
        ...storage,
        hooks,
        loadAlongK: false,
        vectorB: vector,
        vectorC,
        operands: operands(vectorC ? 4 : 1, vector),
        finish: forwardFinish(kind, vectorC),
      },
      stencil: {
        ...storage,
        weightAt: '((z * u.gm + m) * u.length + k) * 27u + tap',
        vectorC: rows,
        operands: operands(rows ? 4 : 1, false),
        finish: forwardFinish(kind, rows),
      },
    },
    context,
  );
}

function productShape(
  pass: ProductShape['pass'],
  { volume }: Geometry,
  { kernel, stride, instances }: ConvolutionAttributes,
  m: number,
  n: number,
  k: number,
): ProductShape {
  return { pass, kernel, stride, z: instances, m, n, k, ...(volume && { volume }) };
}

function convolutionWork(
  { batch, o, i, outputVoxels, cells }: Geometry,
  instances: number,
  bytes: number,
): { operations: number; bytes: number } {
  return { operations: 2 * instances * batch * outputVoxels * o * i * cells, bytes };
}

/** B of a 1³ convolution, four voxels at a time: channels are rows, voxels columns. */
function pointwiseHooks(channels: string, voxels: string): string {
  return `struct Column { base: u32, valid: bool }
struct Row { channel: u32, valid: bool }
fn columnOf(z: u32, n: u32) -> Column { return Column((z * u.B + n / u.${voxels}) * u.${channels} * u.${voxels} + n % u.${voxels}, n < u.gn); }
fn rowOf(z: u32, k: u32) -> Row { return Row(k, k != 0xffffffffu); }
fn elementB(column: Column, row: Row) -> vec4<f32> {
  let valid = column.valid && row.valid;
  return select(vec4<f32>(), x(select(0u, (column.base + row.channel * u.${voxels}) / 4u, valid)), valid);
}`;
}

function forwardFinish(kind: ActivationKind, vector: boolean): string {
  const type = vector ? 'vec4<f32>' : 'f32';
  const value = vector ? `vec4<f32>(${['x', 'y', 'z', 'w'].map((c) => `${kind}(s.${c})`).join(', ')})` : `${kind}(s)`;
  return `${activationFunctions}
fn finish(z: u32, m: u32, n: u32, sum: ${type}) {
  let s = sum + bias(z * u.gm + m);
  set_y((((z * u.B + n / u.OV) * u.gm + m) * u.OV + n % u.OV)${vector ? ' / 4u' : ''}, ${kind === 'none' ? 's' : value});
}`;
}

/** Gradient with respect to the input: I × (batch·input voxels), over (output channel, tap), gathering where the stride allows. */
export function conv3dGradInput(node: Node<'conv3dGradInput'>, context: LoweringContext): Kernel[] {
  const [dy, weight, dx] = [...node.inputs, ...node.outputs];
  if (!dy || !weight || !dx) return [];
  const { kernel, stride, padding, instances } = node.attributes;
  const shape = geometry(dx, dy, node.attributes);
  const vector = shape.pointwise && shape.inputVoxels % 4 === 0;
  const vectorC = shape.inputVoxels % 4 === 0;
  const cells = shape.cells;
  const hooks =
    (vector
      ? pointwiseHooks('O', 'V')
      : `${tapStruct(kernel)}
struct Column { base: u32, at: vec3<i32> }
alias Row = Tap;
fn columnOf(z: u32, n: u32) -> Column {
  let v = n % u.V; ${coordinates('i', 'v', 'H', 'W')}
  return Column((z * u.B + n / u.V) * u.O * u.OV, select(${OUTSIDE}, i + ${padding}, vec3<bool>(n < u.gn)));
}
${tapRow('vec3<i32>(1048576)')}
fn elementB(column: Column, row: Row) -> f32 {
  let q = vec3<u32>(column.at - row.at); // below zero: beyond every extent
  let o = q / ${stride}u;
  let inside = all(o < vec3<u32>(u.OD, u.OH, u.OW))${stride > 1 ? ` && all(q % ${stride}u == vec3<u32>())` : ''};
  return select(0.0, x(select(0u, column.base + row.channel * u.OV + (o.x * u.OH + o.y) * u.OW + o.z, inside)), inside);
}`) +
    `\nfn elementA(z: u32, m: u32, k: u32) -> f32 { return weight(((z * u.O + k / ${cells}u) * u.I + m) * ${cells}u + k % ${cells}u); }\n`;
  const finish = (wide: boolean): string => `fn finish(z: u32, m: u32, n: u32, sum: ${wide ? 'vec4<f32>' : 'f32'}) {
  set_y((((z * u.B + n / u.V) * u.gm + m) * u.V + n % u.V)${wide ? ' / 4u' : ''}, sum);
}`;
  const storage = {
    name: `conv ${kernel}³${stride > 1 ? ` stride ${stride}` : ''} input gradient`,
    shape: productShape('input gradient', shape, node.attributes, shape.i, shape.batch * shape.inputVoxels, shape.o * cells),
    results: ['y'],
    integers: shape.integers,
    work: convolutionWork(shape, instances, bytesOf(dy, weight, dx)),
  };
  const operands = (width: 1 | 4, vectorX: boolean): Record<string, Operand> => ({
    x: operand(dy, vectorX ? 4 : 1),
    weight: operand(weight),
    y: operand(dx, width),
  });
  const rows = activation(dx.type).w % 4 === 0;
  return computeProduct(
    {
      gemm: {
        ...storage,
        hooks,
        loadAlongK: false,
        vectorB: vector,
        vectorC,
        operands: operands(vectorC ? 4 : 1, vector),
        finish: finish(vectorC),
      },
      stencil: {
        ...storage,
        weightAt: '((z * u.length + k) * u.gm + m) * 27u + 26u - tap',
        vectorC: rows,
        operands: operands(rows ? 4 : 1, false),
        finish: finish(rows),
      },
    },
    context,
  );
}

/** Gradient with respect to weight and bias: O × (input channel, tap), over batch·voxels, which is split among workgroups. */
export function conv3dGradWeight(node: Node<'conv3dGradWeight'>, context: LoweringContext): Kernel[] {
  const [x, dy, dWeight, dBias] = [...node.inputs, ...node.outputs];
  if (!x || !dy || !dWeight || !dBias) return [];
  const { kernel, stride, padding, instances } = node.attributes;
  const shape = geometry(x, dy, node.attributes);
  const hooks = `${tapStruct(kernel)}
alias Column = Tap;
struct Row { base: u32, at: vec3<i32> }
${readInput}
fn columnOf(z: u32, n: u32) -> Column { let valid = n < u.gn; let tap = tapOf(select(0u, n, valid)); return Column(tap.channel, select(${OUTSIDE}, tap.at, vec3<bool>(valid))); }
fn rowOf(z: u32, k: u32) -> Row {
  let valid = k != 0xffffffffu; let place = select(0u, k, valid);
  let v = place % u.OV; ${coordinates('o', 'v', 'OH', 'OW')}
  return Row((z * u.B + place / u.OV) * u.I * u.V, select(${OUTSIDE}, o * ${stride} - ${padding}, vec3<bool>(valid)));
}
fn elementB(column: Column, row: Row) -> f32 { return readInput(row.base + column.channel * u.V, column.at + row.at); }
fn elementA(z: u32, m: u32, k: u32) -> f32 { return dy(((z * u.B + k / u.OV) * u.gm + m) * u.OV + k % u.OV); }\n`;
  const storage = {
    name: `conv ${kernel}³${stride > 1 ? ` stride ${stride}` : ''} weight gradient`,
    shape: productShape('weight gradient', shape, node.attributes, shape.o, shape.i * shape.cells, shape.batch * shape.outputVoxels),
    operands: { x: operand(x), dy: operand(dy), y: operand(dWeight) },
    results: ['y'],
    integers: shape.integers,
    work: convolutionWork(shape, instances, bytesOf(x, dy, dWeight)),
    vectorC: false,
    finish: 'fn finish(z: u32, m: u32, n: u32, sum: f32) { set_y((z * u.gm + m) * u.gn + n, sum); }',
  };
  return [
    ...computeProduct({ gemm: { ...storage, hooks, loadAlongK: true, vectorB: false }, haloWeight: storage }, context),
    ...biasGradient(dy, dBias, instances, context),
  ];
}
