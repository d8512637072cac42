import type { DiceCrossEntropyAttributes } from '../../../ops/attributes.ts';
import { regionWeights } from '../../../ops/losses.ts';
import type { Node, Value } from '../../../graph/graph.ts';
import { activation, elementCount } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel, type Operand } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { overGroup } from '../overGroup.ts';
import { reduceChannels } from './reduce.ts';

/** One thread per voxel: `body` sees `base` (channel c is at base + c·V), `sample`, `voxel` and, of a softmax over channels, `highest` and `total`. */
function perVoxel(body: string): string {
  return `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.N * u.V) { return; }
  let sample = i / u.V; let voxel = i % u.V; let base = sample * u.C * u.V + voxel;
  var highest = x(base);
  for (var c = 1u; c < u.C; c++) { highest = max(highest, x(base + c * u.V)); }
  var total = 0.0;
  for (var c = 0u; c < u.C; c++) { total += exp(x(base + c * u.V) - highest); }
  ${body}
}`;
}

export function softmax(node: Node<'softmax'>): Kernel[] {
  const [x, y] = [...node.inputs, ...node.outputs];
  if (!x || !y) return [];
  const { n, c, d, h, w } = activation(x.type);
  const voxels = d * h * w;
  return [
    {
      name: 'softmax',
      operands: { x: operand(x), y: operand(y) },
      integers: { N: n, C: c, V: voxels },
      code: perVoxel('for (var c = 0u; c < u.C; c++) { let at = base + c * u.V; set_y(at, exp(x(at) - highest) / total); }'),
      workgroups: flatGrid(ceilDivide(n * voxels, GROUP)),
      work: { operations: 6 * n * c * voxels, bytes: bytesOf(x, y) },
    },
  ];
}

/** WGSL of a function of a class, from its values. */
function lookUp(name: string, type: 'f32' | 'u32', values: readonly number[]): string {
  const numbers = values.map((value) => (type === 'f32' ? `${Math.fround(value)}f` : `${value}u`)).join(', ');
  return `fn ${name}(c: u32) -> ${type} { var values = array<${type}, ${values.length}>(${numbers}); return values[c]; }`;
}

/** WGSL of `classWeight(c)`: what a voxel of a class counts in the cross entropy. */
function classWeight({ classWeights }: DiceCrossEntropyAttributes): string {
  return classWeights.length === 0 ? 'fn classWeight(c: u32) -> f32 { return 1.0; }' : lookUp('classWeight', 'f32', classWeights);
}

/** WGSL of `regionWeight(c)`: the same of all voxels of a class's region, such that over the regions each voxel counts once. */
function regionWeight(attributes: DiceCrossEntropyAttributes, classes: number): string {
  return attributes.inside.length === 0
    ? `${classWeight(attributes)}\nfn regionWeight(c: u32) -> f32 { return classWeight(c); }`
    : `${classWeight(attributes)}\n${lookUp('regionWeight', 'f32', regionWeights(attributes, classes))}`;
}

/** WGSL of `holds(region, c)`: whether a class lies in another's region, or is it. */
function holds({ inside }: DiceCrossEntropyAttributes): string {
  if (inside.length === 0) return 'fn holds(region: u32, c: u32) -> bool { return region == c; }';
  return `${lookUp('outer', 'u32', inside)}
fn holds(region: u32, c: u32) -> bool {
  var at = c;
  loop { if (at == region) { return true; } at = outer(at); if (at == 0u) { break; } }
  return false;
}`;
}

/** WGSL that adds the probabilities of the classes inside a channel's to `p`. */
const ADD_INNER = `for (var c = 1u; c < u.C; c++) {
      if (c != channel && holds(channel, c)) { p += exp(logits((sample * u.C + c) * u.V + voxel) - normaliser(sample * u.V + voxel)); }
    }`;

/** log Σ exp per voxel; then Σp·t, Σp, Σt of each region and the cross entropy's part per row of `sums`; then the three scalars. */
export function diceCrossEntropy(node: Node<'diceCrossEntropy'>, context: LoweringContext): Kernel[] {
  const [logits, label, loss, dice, crossEntropy, sums] = [...node.inputs, ...node.outputs];
  if (!logits || !label || !loss || !dice || !crossEntropy || !sums) return [];
  const { n, c, d, h, w } = activation(logits.type);
  const voxels = d * h * w;
  const normaliser = context.scratch.take(n * voxels);
  const { diceWeight, crossEntropyWeight, epsilon, overBatch } = node.attributes;
  const groups = overBatch ? 1 : n;
  const entropy = context.scratch.take(groups * c);
  const first: Kernel = {
    name: 'dice and cross entropy: normaliser',
    operands: { x: operand(logits), normaliser },
    integers: { N: n, C: c, V: voxels },
    code: perVoxel('set_normaliser(i, highest + log(total));'),
    workgroups: flatGrid(ceilDivide(n * voxels, GROUP)),
    work: { operations: 4 * n * c * voxels, bytes: bytesOf(logits) + 4 * n * voxels },
  };
  const scalars: Kernel = {
    name: 'dice and cross entropy: scalars',
    operands: { sums: operand(sums), entropy, loss: operand(loss), dice: operand(dice), crossEntropy: operand(crossEntropy) },
    integers: { rows: groups * c, C: c },
    floats: { diceWeight, crossEntropyWeight, epsilon },
    code: `${regionWeight(node.attributes, c)}
@compute @workgroup_size(1)
fn main() {
  var overlap = 0.0; var total = 0.0; var weights = 0.0;
  for (var r = 0u; r < u.rows; r++) {
    overlap += (2.0 * sums(3u * r) + u.epsilon) / (sums(3u * r + 1u) + sums(3u * r + 2u) + u.epsilon);
    total += classWeight(r % u.C) * entropy(r); weights += regionWeight(r % u.C) * sums(3u * r + 2u);
  }
  let d = 1.0 - overlap / f32(u.rows); let e = total / weights;
  set_dice(0u, d); set_crossEntropy(0u, e); set_loss(0u, u.diceWeight * d + u.crossEntropyWeight * e);
}`,
    workgroups: [1, 1, 1],
    work: { operations: 9 * groups * c, bytes: 16 * groups * c },
  };
  return [
    first,
    ...reduceChannels(
      {
        name: 'dice and cross entropy: sums',
        instances: groups,
        batch: n / groups,
        channels: c,
        voxels,
        sums: 4,
        functions: holds(node.attributes),
        terms: `let truth = u32(label(sample * u.V + voxel)); let gap = normaliser(sample * u.V + voxel) - logits(i); var p = exp(-gap);
    ${node.attributes.inside.length === 0 ? '' : ADD_INNER}
    s1 += p; if (holds(channel, truth)) { s0 += p; s2 += 1.0; } if (truth == channel) { s3 += gap; }`,
        finish: 'set_sums(3u * row, s0); set_sums(3u * row + 1u, s1); set_sums(3u * row + 2u, s2); set_entropy(row, s3);',
        inputs: { logits: operand(logits), label: operand(label), normaliser },
        outputs: { sums: operand(sums), entropy },
        bytes: bytesOf(logits, label) + 4 * n * voxels,
      },
      context,
    ),
    scalars,
  ];
}

/** WGSL: a class's probability is part of that of every region around it. */
const OF_ALL_AROUND = `var sum = 0.0; var region = c;
  loop { sum += regionSlope(first + region, holds(region, truth)); region = outer(region); if (region == 0u) { break; } }
  return sum;`;

/** The upstream gradient of a loss, where it is given. */
function upstreamOperand(upstream: Value | undefined): Record<string, Operand> {
  return upstream === undefined ? {} : { upstream: operand(upstream) };
}

function upstreamFactor(upstream: Value | undefined): string {
  return upstream === undefined ? '' : 'upstream(0u) * ';
}

export function diceCrossEntropyGrad(node: Node<'diceCrossEntropyGrad'>): Kernel[] {
  const [logits, label, sums, upstream] = node.inputs;
  const [dLogits] = node.outputs;
  if (!logits || !label || !sums || !dLogits) return [];
  const { n, c, d, h, w } = activation(logits.type);
  const voxels = d * h * w;
  const { diceWeight, crossEntropyWeight, epsilon, overBatch } = node.attributes;
  const groups = overBatch ? 1 : n;
  return [
    {
      name: 'dice and cross entropy gradient',
      operands: { x: operand(logits), label: operand(label), sums: operand(sums), dLogits: operand(dLogits), ...upstreamOperand(upstream) },
      integers: { N: n, C: c, V: voxels, rows: groups * c },
      floats: { dicePart: -diceWeight / (groups * c), crossEntropyWeight, epsilon },
      code: `${regionWeight(node.attributes, c)}
${holds(node.attributes)}
fn regionSlope(row: u32, own: bool) -> f32 {
  let denominator = sums(3u * row + 1u) + sums(3u * row + 2u) + u.epsilon;
  return u.dicePart * (select(0.0, 2.0, own) - (2.0 * sums(3u * row) + u.epsilon) / denominator) / denominator;
}
fn slope(first: u32, c: u32, truth: u32) -> f32 {
  ${node.attributes.inside.length === 0 ? 'return regionSlope(first + c, c == truth);' : OF_ALL_AROUND}
}
${perVoxel(`let truth = u32(label(i)); var mean = 0.0; var weights = 0.0;
  for (var r = 0u; r < u.rows; r++) { weights += regionWeight(r % u.C) * sums(3u * r + 2u); }
  let entropyPart = u.crossEntropyWeight * classWeight(truth) / weights; let first = sample * u.C % u.rows;
  for (var c = 0u; c < u.C; c++) { mean += exp(x(base + c * u.V) - highest) / total * slope(first, c, truth); }
  for (var c = 0u; c < u.C; c++) {
    let at = base + c * u.V; let p = exp(x(at) - highest) / total; let own = c == truth;
    set_dLogits(at, ${upstreamFactor(upstream)}(p * (slope(first, c, truth) - mean) + entropyPart * (p - select(0.0, 1.0, own))));
  }`)}`,
      workgroups: flatGrid(ceilDivide(n * voxels, GROUP)),
      work: { operations: 34 * n * c * voxels, bytes: bytesOf(logits, label, dLogits) },
    },
  ];
}

/** One workgroup per slice and clusterer; `body` sees `base`, `row`, `truth`, `highest` and `total` of softmax(logits/τ) over K. */
function perSlice(context: LoweringContext, body: string): string {
  const [sum, largest] = [overGroup('sum', GROUP, 'f32', context), overGroup('max', GROUP, 'f32', context)];
  return `${sum.functions}
${largest.functions}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32${sum.parameters}) {
  let row = group(id);
  if (row >= u.rows) { return; }
  let base = row * u.K; let truth = u32(pseudo(row));
  let masks = masked(row / u.clusterers) != 0;
  var own = -3.4e38;
  for (var k = t; k < u.K; k += ${GROUP}u) { own = max(own, x(base + k) * u.inverseTemperature); }
  let highest = ${largest.of('own')};
  var part = 0.0;
  for (var k = t; k < u.K; k += ${GROUP}u) { part += exp(x(base + k) * u.inverseTemperature - highest); }
  let total = ${sum.of('part')};
  ${body}
}`;
}

export function pseudoLabelLoss(node: Node<'pseudoLabelLoss'>, context: LoweringContext): Kernel[] {
  const [logits, pseudo, masked, loss] = [...node.inputs, ...node.outputs];
  if (!logits || !pseudo || !masked || !loss) return [];
  const rows = elementCount(pseudo.type.shape);
  const [, , clusterers = 1, k = 1] = logits.type.shape;
  const losses = context.scratch.take(rows);
  const sum = overGroup('sum', GROUP, 'f32', context);
  return [
    {
      name: 'pseudo-label loss',
      operands: { x: operand(logits), pseudo: operand(pseudo), masked: operand(masked), losses },
      integers: { rows, clusterers, K: k },
      floats: { inverseTemperature: 1 / node.attributes.temperature },
      code: perSlice(
        context,
        'if (t == 0u) { set_losses(row, select(0.0, highest + log(total) - x(base + truth) * u.inverseTemperature, masks)); }',
      ),
      workgroups: flatGrid(rows),
      work: { operations: 6 * rows * k, bytes: bytesOf(logits) },
    },
    {
      name: 'pseudo-label loss: total',
      operands: { losses, loss: operand(loss) },
      integers: { rows },
      code: `${sum.functions}
@compute @workgroup_size(${GROUP})
fn main(@builtin(local_invocation_index) t: u32${sum.parameters}) {
  var s = 0.0;
  for (var r = t; r < u.rows; r += ${GROUP}u) { s += losses(r); }
  s = ${sum.of('s')};
  if (t == 0u) { set_loss(0u, s); }
}`,
      workgroups: [1, 1, 1],
      work: { operations: rows, bytes: 4 * rows },
    },
  ];
}

export function pseudoLabelLossGrad(node: Node<'pseudoLabelLossGrad'>, context: LoweringContext): Kernel[] {
  const [logits, pseudo, masked, upstream] = node.inputs;
  const [dLogits] = node.outputs;
  if (!logits || !pseudo || !masked || !dLogits) return [];
  const rows = elementCount(pseudo.type.shape);
  const [, , clusterers = 1, k = 1] = logits.type.shape;
  return [
    {
      name: 'pseudo-label loss gradient',
      operands: {
        x: operand(logits),
        pseudo: operand(pseudo),
        masked: operand(masked),
        dLogits: operand(dLogits),
        ...upstreamOperand(upstream),
      },
      integers: { rows, clusterers, K: k },
      floats: { inverseTemperature: 1 / node.attributes.temperature },
      code: perSlice(
        context,
        `for (var k = t; k < u.K; k += ${GROUP}u) {
    let p = exp(x(base + k) * u.inverseTemperature - highest) / total;
    set_dLogits(base + k, select(0.0, ${upstreamFactor(upstream)}(p - select(0.0, 1.0, k == truth)) * u.inverseTemperature, masks));
  }`,
      ),
      workgroups: flatGrid(rows),
      work: { operations: 8 * rows * k, bytes: bytesOf(logits, dLogits) },
    },
  ];
}
