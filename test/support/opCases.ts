import { Random } from '#shared/base/random.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import type { OpAttributes, OpKind } from '#main/engine/ops/attributes.ts';
import { operations } from '#main/engine/ops/table.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount, f32, i32, type HostData, type TensorType } from '#main/engine/tensor/tensorType.ts';

/** How an input is drawn. normal: N(0,1); positive: U(0.5, 1.5); classes: integers below `limit`; hyper: AdamW's four scalars. */
type Draw = 'normal' | 'positive' | 'hyper' | { readonly classes: number } | { readonly constant: number };

export interface OpCase<K extends OpKind = OpKind> {
  readonly name: string;
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly { readonly type: TensorType; readonly draw: Draw }[];
}

const n = (...shape: number[]): { type: TensorType; draw: Draw } => ({ type: f32(...shape), draw: 'normal' });
const p = (...shape: number[]): { type: TensorType; draw: Draw } => ({ type: f32(...shape), draw: 'positive' });
const classes = (limit: number, ...shape: number[]): { type: TensorType; draw: Draw } => ({
  type: i32(...shape),
  draw: { classes: limit },
});

const cases: OpCase[] = [];
function add<K extends OpKind>(name: string, op: K, attributes: OpAttributes[K], ...inputs: { type: TensorType; draw: Draw }[]): void {
  cases.push({ name: `${op} ${name}`, op, attributes, inputs } as OpCase);
}

type Size = readonly [number, number, number];
interface Dense {
  kernel: number;
  stride: number;
  padding: number;
  instances: number;
  batch: number;
  from: number;
  to: number;
  size: Size;
}
const dense: Record<string, Dense> = {
  '3³ odd sizes, batch 2': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 2, from: 5, to: 7, size: [5, 6, 7] },
  '3³ 16→32': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 1, from: 16, to: 32, size: [4, 9, 13] },
  '3³ 24→14': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 1, from: 24, to: 14, size: [3, 5, 10] },
  '3³ several bands of tiles': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 2, from: 9, to: 10, size: [8, 5, 35] },
  '3³ several groups of channels': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 1, from: 72, to: 70, size: [2, 5, 6] },
  '3³ 8 instances, batch 2, wide': { kernel: 3, stride: 1, padding: 1, instances: 8, batch: 2, from: 10, to: 9, size: [2, 4, 6] },
  '3³ one voxel': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 2, from: 20, to: 18, size: [1, 1, 1] },
  '3³ one input channel': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 2, from: 1, to: 8, size: [6, 5, 9] },
  '3³ rows of twelve': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 2, from: 9, to: 20, size: [3, 5, 12] },
  '3³ one input channel, rows of eight': { kernel: 3, stride: 1, padding: 1, instances: 1, batch: 1, from: 1, to: 8, size: [3, 4, 8] },
  '3³ 8 instances': { kernel: 3, stride: 1, padding: 1, instances: 8, batch: 2, from: 8, to: 16, size: [3, 4, 5] },
  '1³': { kernel: 1, stride: 1, padding: 0, instances: 1, batch: 2, from: 18, to: 33, size: [3, 4, 5] },
  '1³ 8 instances': { kernel: 1, stride: 1, padding: 0, instances: 8, batch: 1, from: 16, to: 20, size: [2, 3, 3] },
  '7³ stride 4': { kernel: 7, stride: 4, padding: 3, instances: 1, batch: 2, from: 1, to: 18, size: [8, 12, 16] },
  '7³ stride 4, 8 instances': { kernel: 7, stride: 4, padding: 3, instances: 8, batch: 1, from: 1, to: 8, size: [8, 4, 8] },
  '3³ stride 2': { kernel: 3, stride: 2, padding: 1, instances: 1, batch: 2, from: 17, to: 20, size: [4, 6, 8] },
  '3³ stride 2, odd size': { kernel: 3, stride: 2, padding: 1, instances: 1, batch: 1, from: 6, to: 5, size: [5, 7, 3] },
};
for (const [name, { kernel, stride, padding, instances, batch, from, to, size }] of Object.entries(dense)) {
  const convolution = { kernel, stride, padding, instances };
  const out = size.map((extent) => Math.floor((extent + 2 * padding - kernel) / stride) + 1) as unknown as Size;
  const weight = n(instances, to, from, kernel, kernel, kernel);
  const x = n(instances * batch, from, ...size);
  const dy = n(instances * batch, to, ...out);
  add(name, 'conv3d', { ...convolution, activation: 'none' }, x, weight, n(instances, to));
  add(name, 'conv3dGradInput', { ...convolution, inputSize: size }, dy, weight);
  add(name, 'conv3dGradWeight', convolution, x, dy);
}
for (const activation of ['relu', 'leakyRelu', 'gelu'] as const) {
  for (const from of [6, 10])
    add(
      `fused ${activation}, ${String(from)} channels`,
      'conv3d',
      { kernel: 3, stride: 1, padding: 1, instances: 1, activation },
      n(1, from, 4, 4, 5),
      n(1, 9, from, 3, 3, 3),
      n(1, 9),
    );
}

for (const [name, kernel, stride, batch, from, to, size] of [
  ['1×3×3', [1, 3, 3], [1, 1, 1], 2, 9, 17, [3, 5, 6]],
  ['1×3×3, several bands of tiles', [1, 3, 3], [1, 1, 1], 1, 40, 10, [5, 9, 35]],
  ['1×3×3, one input channel', [1, 3, 3], [1, 1, 1], 2, 1, 8, [3, 5, 9]],
  ['3³', [3, 3, 3], [1, 1, 1], 1, 16, 18, [3, 6, 7]],
  ['3³, several bands of tiles', [3, 3, 3], [1, 1, 1], 2, 9, 10, [9, 13, 35]],
  ['3³, several groups of channels', [3, 3, 3], [1, 1, 1], 1, 40, 37, [11, 10, 12]],
  ['3³ stride 1×2×2', [3, 3, 3], [1, 2, 2], 2, 10, 20, [4, 6, 8]],
  ['1×3×3 stride 1×2×2', [1, 3, 3], [1, 2, 2], 1, 20, 7, [3, 7, 10]],
  ['3×3×1 stride 2×2×1, one input channel', [3, 3, 1], [2, 2, 1], 1, 1, 9, [6, 4, 5]],
  ['3×3×5 stride 2, one input channel', [3, 3, 5], [2, 2, 2], 2, 1, 9, [6, 4, 8]],
  ['5×3×1 stride 3×1×2', [5, 3, 1], [3, 1, 2], 1, 6, 5, [9, 4, 6]],
  ['1³', [1, 1, 1], [1, 1, 1], 2, 18, 33, [2, 3, 5]],
] as const) {
  const padding = kernel.map((extent) => (extent - 1) / 2) as unknown as Size;
  const attributes = { kernel, stride, padding };
  const out = size.map((extent, axis) => Math.floor((extent - 1) / (stride[axis] ?? 1)) + 1);
  const [x, weight, dy] = [n(batch, from, ...size), n(1, to, from, ...kernel), n(batch, to, ...out)];
  add(name, 'boxConv3d', { ...attributes, activation: 'leakyRelu' }, x, weight, n(1, to));
  add(`${name}, no bias`, 'boxConv3d', { ...attributes, activation: 'none' }, x, weight);
  add(name, 'boxConv3dGradInput', { ...attributes, inputSize: size }, dy, weight);
  add(name, 'boxConv3dGradWeight', attributes, x, dy);
}
for (const [stride, batch, from, to, size] of [
  [[2, 2, 2], 2, 18, 9, [3, 2, 5]],
  [[1, 2, 2], 1, 7, 33, [3, 4, 5]],
  [[3, 1, 2], 1, 5, 6, [2, 3, 4]],
  [[1, 1, 1], 2, 4, 20, [2, 3, 4]],
] as const) {
  const [x, dy] = [n(batch, from, ...size), n(batch, to, ...size.map((extent, axis) => extent * (stride[axis] ?? 1)))];
  add(stride.join('×'), 'transposedConv3d', { stride }, x, n(1, from, to, ...stride), n(1, to));
  add(`${stride.join('×')}, no bias`, 'transposedConv3d', { stride }, x, n(1, from, to, ...stride));
  add(stride.join('×'), 'transposedConv3dGradWeight', { stride }, x, dy);
  add(stride.join('×'), 'averagePool3d', { kernel: stride }, dy);
  add(stride.join('×'), 'averagePool3dGrad', { kernel: stride }, x);
}

for (const [name, kernel, dilation, instances, batch, c, size] of [
  ['3³', 3, 1, 1, 2, 20, [3, 5, 6]],
  ['5³', 5, 1, 1, 1, 16, [7, 4, 9]],
  ['5³ 8 instances', 5, 1, 8, 1, 8, [3, 3, 4]],
  ['7³ dilation 3', 7, 3, 1, 1, 18, [5, 12, 25]],
  ['7³ dilation 3, 8 instances, batch 2', 7, 3, 8, 2, 9, [3, 4, 6]],
  ['7³ dilation 3, long rows', 7, 3, 1, 1, 3, [4, 4, 40]],
] as const) {
  const attributes = { kernel, dilation, instances };
  const x = n(instances * batch, c, ...size);
  const weight = n(instances, c, kernel, kernel, kernel);
  add(name, 'depthwiseConv3d', attributes, x, weight, n(instances, c));
  add(name, 'depthwiseConv3dGradInput', attributes, x, weight);
  add(name, 'depthwiseConv3dGradWeight', attributes, x, x);
}

for (const [name, instances, batch, c, size] of [
  ['batch 2', 1, 2, 18, [3, 4, 5]],
  ['8 instances', 8, 2, 7, [2, 3, 4]],
  ['many voxels', 1, 1, 3, [9, 17, 21]],
] as const) {
  const x = n(instances * batch, c, ...size);
  const norm = [n(instances, c), p(instances, c), n(instances, c), n(instances, c)];
  add(name, 'batchNormStatistics', { instances }, x);
  for (const activation of ['none', 'leakyRelu', 'gelu', 'relu'] as const) {
    const attributes = { instances, epsilon: 1e-5, activation };
    add(`${name}, ${activation}`, 'batchNormApply', attributes, x, ...norm);
    add(`${name}, ${activation}`, 'batchNormGradStatistics', attributes, x, x, ...norm);
    add(`${name}, ${activation}`, 'batchNormGradInput', attributes, x, x, ...norm, n(instances, c), n(instances, c));
  }
  add(name, 'layerNorm', { instances, epsilon: 1e-5 }, x, n(instances, c), n(instances, c));
  add(name, 'layerNormGrad', { instances, epsilon: 1e-5 }, x, x, n(instances, c));
}
for (const activation of ['none', 'leakyRelu'] as const)
  for (const [name, batch, c, size] of [
    ['batch 3', 3, 18, [3, 4, 5]],
    ['many voxels', 1, 3, [9, 17, 121]],
    ['one sample', 1, 20, [2, 3, 4]],
  ] as const) {
    const attributes = { epsilon: 1e-5, activation };
    add(`${name}, ${activation}`, 'instanceNorm', attributes, n(batch, c, ...size), n(1, c), n(1, c));
    add(`${name}, ${activation}`, 'instanceNormGrad', attributes, n(batch, c, ...size), n(batch, c, ...size), n(1, c), n(1, c));
  }
add('', 'runningStatisticsUpdate', { momentum: 0.1, count: 30 }, n(8, 5), p(8, 5), n(8, 5), p(8, 5));

for (const kind of ['relu', 'leakyRelu', 'gelu'] as const) {
  add(kind, 'activation', { kind }, n(2, 17, 3, 5, 7));
  add(kind, 'activationGrad', { kind }, n(2, 17, 3, 5, 7), n(2, 17, 3, 5, 7));
}
add('', 'add', {}, n(2, 18, 3, 4, 5), n(2, 18, 3, 4, 5));
add('', 'multiply', {}, n(2, 18, 3, 4, 5), n(2, 18, 3, 4, 5));
add('14 classes', 'softmax', {}, n(2, 14, 3, 4, 5));
add('', 'upsample2', {}, n(2, 18, 3, 4, 5));
add('single voxels', 'upsample2', {}, n(1, 3, 1, 2, 1));
add('', 'upsample2Grad', {}, n(2, 18, 6, 8, 10));
add('single voxels', 'upsample2Grad', {}, n(1, 3, 2, 4, 2));
add('16 + 16', 'concatChannels', {}, n(2, 16, 2, 3, 4), n(2, 16, 2, 3, 4));
add('20 + 9', 'concatChannels', {}, n(2, 20, 2, 3, 4), n(2, 9, 2, 3, 4));
add('8 + 24', 'concatChannels', {}, n(2, 8, 2, 3, 4), n(2, 24, 2, 3, 4));
add('aligned', 'sliceChannels', { start: 16, count: 16 }, n(2, 40, 2, 3, 4));
add('unaligned', 'sliceChannels', { start: 5, count: 13 }, n(2, 40, 2, 3, 4));
add('batch 2', 'cubeSplit', { split: 2 }, n(2, 5, 4, 6, 8));
add('one channel', 'cubeSplit', { split: 2 }, n(1, 1, 8, 4, 6));
add('batch 2', 'cubeMerge', { split: 2 }, n(16, 5, 2, 3, 4));
add('of the pre-training head', 'permute', { axes: [0, 3, 2, 1, 4] }, n(2, 5, 6, 7, 8));
add('reversed', 'permute', { axes: [0, 4, 3, 2, 1] }, n(2, 3, 4, 5, 6));
add('one voxel wide', 'permute', { axes: [0, 4, 3, 2, 1] }, n(2, 1, 20, 5, 18));

const dice = { diceWeight: 1, crossEntropyWeight: 1, epsilon: 1e-5, overBatch: false, classWeights: [], inside: [] } as const;
const upstream = { type: f32(1), draw: { constant: 0.375 } } as const;
const weighted = {
  ...dice,
  crossEntropyWeight: 0.7,
  overBatch: true,
  classWeights: Array.from({ length: 14 }, (_, c) => 0.3 + c ** 1.5),
} as const;
add('14 classes', 'diceCrossEntropy', dice, n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5));
add('3 classes, one absent', 'diceCrossEntropy', { ...dice, diceWeight: 0.5 }, n(1, 3, 5, 6, 7), classes(2, 1, 5, 6, 7));
add('14 classes', 'diceCrossEntropyGrad', dice, n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5), p(2, 14, 3));
add('weighted, over the batch', 'diceCrossEntropy', weighted, n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5));
add('weighted, over the batch, many voxels', 'diceCrossEntropy', weighted, n(3, 14, 8, 33, 23), classes(9, 3, 8, 33, 23));
add('weighted, over the batch', 'diceCrossEntropyGrad', weighted, n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5), p(1, 14, 3));
add(
  'weighted, per sample',
  'diceCrossEntropyGrad',
  { ...weighted, overBatch: false },
  n(2, 14, 3, 4, 5),
  classes(14, 2, 3, 4, 5),
  p(2, 14, 3),
);
/** Three deep, two beside each other, an outer one behind its inner ones. */
const nested = { ...weighted, inside: [0, 0, 1, 2, 2, 0, 13, 0, 0, 8, 0, 0, 0, 7] } as const;
add('of regions', 'diceCrossEntropy', nested, n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5));
add('of regions, many voxels', 'diceCrossEntropy', nested, n(3, 14, 8, 33, 23), classes(9, 3, 8, 33, 23));
add(
  'of regions, every voxel alike, per sample',
  'diceCrossEntropy',
  { ...dice, inside: [0, 0, 1] },
  n(2, 3, 5, 6, 7),
  classes(3, 2, 5, 6, 7),
);
add(
  'of regions, every voxel alike, per sample',
  'diceCrossEntropyGrad',
  { ...dice, inside: [0, 0, 1] },
  n(2, 3, 5, 6, 7),
  classes(3, 2, 5, 6, 7),
  p(2, 3, 3),
);
add(
  'of regions',
  'diceCrossEntropyGrad',
  { ...nested, classWeights: [] },
  n(2, 14, 3, 4, 5),
  classes(14, 2, 3, 4, 5),
  p(1, 14, 3),
  upstream,
);
add('', 'pseudoLabelLoss', { temperature: 0.1 }, n(2, 8, 3, 10, 1), classes(10, 2, 8, 3), classes(2, 2, 8));
add('', 'pseudoLabelLossGrad', { temperature: 0.1 }, n(2, 8, 3, 10, 1), classes(10, 2, 8, 3), classes(2, 2, 8));
add('upstream gradient', 'diceCrossEntropyGrad', dice, n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5), p(2, 14, 3), upstream);
add('upstream gradient', 'pseudoLabelLossGrad', { temperature: 0.1 }, n(2, 8, 3, 10, 1), classes(10, 2, 8, 3), classes(2, 2, 8), upstream);
add('', 'gradientNorm', {}, n(1, 7, 5), n(8, 3), n(1, 1, 9));
const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-2 };
const tensors = [n(1, 7, 11), n(1, 7, 11), n(1, 7, 11), p(1, 7, 11)];
add('clipped', 'adamW', adam, ...tensors, { type: f32(1), draw: { constant: 5 } }, { type: f32(4), draw: 'hyper' });
add('norm not finite', 'adamW', adam, ...tensors, { type: f32(1), draw: { constant: NaN } }, { type: f32(4), draw: 'hyper' });

/** One or more cases of every operation: odd sizes, channel counts off the vector width, batch 2, eight instances. */
export const opCases: readonly OpCase[] = cases;

/** What only executors with float16 storage need: losses and gradients that carry a loss scale. */
const scale = { type: f32(1), draw: { constant: 1024 } } as const;
export const scaledCases: readonly OpCase[] = [
  {
    name: 'diceCrossEntropyGrad',
    op: 'diceCrossEntropyGrad',
    attributes: dice,
    inputs: [n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5), p(2, 14, 3), scale],
  },
  {
    name: 'diceCrossEntropyGrad, weighted, over the batch',
    op: 'diceCrossEntropyGrad',
    attributes: weighted,
    inputs: [n(2, 14, 3, 4, 5), classes(14, 2, 3, 4, 5), p(1, 14, 3), scale],
  },
  {
    name: 'pseudoLabelLossGrad',
    op: 'pseudoLabelLossGrad',
    attributes: { temperature: 0.1 },
    inputs: [n(2, 8, 3, 10, 1), classes(10, 2, 8, 3), classes(2, 2, 8), scale],
  },
  {
    name: 'adamW',
    op: 'adamW',
    attributes: adam,
    inputs: [...tensors, { type: f32(1), draw: { constant: 5000 } }, { type: f32(4), draw: 'hyper' }, scale],
  },
];

export function drawInputs({ inputs }: Pick<OpCase, 'inputs'>, seed = 1): HostData[] {
  const random = new Random(seed);
  return inputs.map(({ type, draw }) => {
    const length = elementCount(type.shape);
    if (draw === 'hyper') return Float32Array.from([1e-2, 0.271, 0.003, 1]);
    if (typeof draw === 'object' && 'classes' in draw) return Int32Array.from({ length }, () => random.integer(draw.classes));
    if (typeof draw === 'object') return new Float32Array(length).fill(draw.constant);
    return Float32Array.from({ length }, () => (draw === 'normal' ? random.normal() : random.uniform(0.5, 1.5)));
  });
}

/** Runs one operation on an executor and reads every output. */
export async function runOp(executor: Executor, { op, attributes, inputs }: OpCase, data: readonly HostData[]): Promise<HostData[]> {
  const builder = new GraphBuilder();
  const definition = operations[op];
  const overwrites = new Set(definition.overwrites ?? []);
  const values = inputs.map(({ type }, index) =>
    overwrites.has(index) ? builder.state(`s${index}`, type) : builder.input(`x${index}`, type),
  );
  const outputs = builder.node(op, attributes, values, 'case');
  outputs.forEach((output, index) => {
    builder.output(`y${index}`, output);
    const target = definition.overwrites?.[index];
    const state = target === undefined ? undefined : values[target];
    if (state !== undefined) builder.update(state, output);
  });
  const plan = makePlan(builder.build(), executor);
  const planned = [...plan.graph.inputs, ...plan.graph.outputs.values()];
  const stored = (value: Value): Value => planned.find(({ id }) => id === value.id) ?? value;
  const session = await executor.prepare(plan);
  try {
    for (const [index, value] of values.entries()) await session.write(stored(value), data[index] as HostData);
    await session.run();
    return await Promise.all(outputs.map((output) => session.read(stored(output))));
  } finally {
    session.dispose();
  }
}

/** Largest difference, relative to the largest expected magnitude (at least `floor`). NaN and infinity must sit in the same places. */
export function relativeError(actual: HostData, expected: HostData, floor = 1e-3): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = floor;
  for (const value of expected) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  let worst = 0;
  for (let index = 0; index < expected.length; index++) {
    const [a, e] = [Number(actual[index]), Number(expected[index])];
    if (Object.is(a, e) || a === e) continue;
    const difference = Math.abs(a - e) / scale;
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  return worst;
}
