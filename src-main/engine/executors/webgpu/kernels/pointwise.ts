import type { AnyNode, Value } from '../../../graph/graph.ts';
import type { NormAttributes } from '../../../ops/attributes.ts';
import { activation, elementCount } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel, type Operand } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { activationFunctions } from '../wgsl.ts';

/** Operations whose output element depends on the elements at the same place only (and on parameters of its channel). */
export type PointwiseNode = Extract<
  AnyNode,
  { op: 'add' | 'multiply' | 'activation' | 'activationGrad' | 'batchNormApply' | 'batchNormGradInput' }
>;

export function isPointwise(node: AnyNode): node is PointwiseNode {
  return ['add', 'multiply', 'activation', 'activationGrad', 'batchNormApply', 'batchNormGradInput'].includes(node.op);
}

/** How a node takes part in a fused kernel. `key` makes its names unique there. */
interface Part {
  /** Values of the output's shape that it reads. */
  readonly streams: readonly Value[];
  /** Per-channel storage that it reads. */
  readonly channels: Readonly<Record<string, Operand>>;
  /** WGSL that loads the channel's numbers; sees `row` = g·C + c. */
  readonly setup: string;
  readonly formula: (arguments_: readonly string[]) => string;
  readonly before: readonly Kernel[];
  readonly instances: number;
}

/** Number of storage bindings a node adds to a fused kernel at most, besides its streams. */
export function channelBindings(node: PointwiseNode): number {
  return node.op === 'batchNormApply' ? 4 : node.op === 'batchNormGradInput' ? 1 : 0;
}

/** Values that a node reads element by element. */
export function streamsOf(node: PointwiseNode): readonly Value[] {
  switch (node.op) {
    case 'batchNormApply':
      return node.inputs.slice(0, 1);
    case 'batchNormGradInput':
      return node.inputs.slice(0, 2);
    default:
      return node.inputs;
  }
}

function partOf(node: PointwiseNode, key: string, context: LoweringContext): Part {
  const plain = { streams: streamsOf(node), channels: {}, setup: '', before: [], instances: 1 };
  switch (node.op) {
    case 'add':
      return { ...plain, formula: ([a, b]) => `${a} + ${b}` };
    case 'multiply':
      return { ...plain, formula: ([a, b]) => `${a} * ${b}` };
    case 'activation': {
      const { kind } = node.attributes;
      return { ...plain, formula: ([x]) => `${kind}(${x})` };
    }
    case 'activationGrad': {
      const { kind } = node.attributes;
      return { ...plain, formula: ([dy, x]) => `${dy} * ${kind}Slope(${x})` };
    }
    case 'batchNormApply':
      return applyPart(node.attributes, node.inputs, key, plain);
    case 'batchNormGradInput':
      return gradientPart(node.attributes, node.inputs, key, plain, context);
  }
}

type Plain = Omit<Part, 'formula'>;

function applyPart(
  { instances, epsilon, activation: kind }: NormAttributes,
  [, mean, variance, gamma, beta]: readonly Value[],
  key: string,
  plain: Plain,
): Part {
  if (!mean || !variance || !gamma || !beta) return { ...plain, formula: () => '0.0' };
  return {
    ...plain,
    instances,
    channels: {
      [`mean${key}`]: operand(mean),
      [`variance${key}`]: operand(variance),
      [`gamma${key}`]: operand(gamma),
      [`beta${key}`]: operand(beta),
    },
    setup: `let centre${key} = mean${key}(row); let factor${key} = gamma${key}(row) * inverseSqrt(variance${key}(row) + ${epsilon}); let offset${key} = beta${key}(row);`,
    formula: ([x]) => `${kind}(fma(factor${key}, ${x} - centre${key}, offset${key}))`,
  };
}

/** dx = k·g − kb − ka·(x − mean); the five numbers of a channel come from a small kernel that runs before. */
function gradientPart(
  { instances, epsilon, activation: kind }: NormAttributes,
  [, x, mean, variance, gamma, beta, dGamma, dBeta]: readonly Value[],
  key: string,
  plain: Plain,
  context: LoweringContext,
): Part {
  if (!x || !mean || !variance || !gamma || !beta || !dGamma || !dBeta) return { ...plain, formula: () => '0.0' };
  const rows = elementCount(mean.type.shape);
  const coefficients = context.scratch.take(rows * 5);
  const before: Kernel = {
    name: 'batch norm gradient coefficients',
    operands: {
      mean: operand(mean),
      variance: operand(variance),
      gamma: operand(gamma),
      beta: operand(beta),
      dGamma: operand(dGamma),
      dBeta: operand(dBeta),
      coefficients,
    },
    integers: { rows },
    floats: { epsilon, count: elementCount(x.type.shape) / rows },
    code: `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.rows) { return; }
  let inverse = inverseSqrt(variance(i) + u.epsilon); let k = gamma(i) * inverse;
  set_coefficients(5u * i, mean(i)); set_coefficients(5u * i + 1u, k); set_coefficients(5u * i + 2u, beta(i));
  set_coefficients(5u * i + 3u, k * inverse * dGamma(i) / u.count); set_coefficients(5u * i + 4u, k * dBeta(i) / u.count);
}`,
    workgroups: flatGrid(ceilDivide(rows, GROUP)),
    work: { operations: 8 * rows, bytes: 44 * rows },
  };
  const names = ['centre', 'factor', 'offset', 'slope', 'level'].map(
    (name, index) => `let ${name}${key} = coefficients${key}(5u * row + ${index}u);`,
  );
  return {
    ...plain,
    instances,
    before: [before],
    channels: { [`coefficients${key}`]: coefficients },
    setup: names.join(' '),
    formula: ([dy, input]) =>
      `factor${key} * ${dy} * ${kind}Slope(fma(factor${key}, ${input} - centre${key}, offset${key})) - level${key} - slope${key} * (${input} - centre${key})`,
  };
}

/**
 * One kernel for a chain of pointwise nodes, in plan order; `stored` are the outputs that somebody outside the chain needs (the
 * others never leave registers).
 */
export function pointwise(nodes: readonly PointwiseNode[], stored: ReadonlySet<Value>, context: LoweringContext): Kernel[] {
  const parts = nodes.map((node, index) => ({ node, part: partOf(node, String(index), context) }));
  const shapeOf = parts[0]?.node.outputs[0]?.type;
  if (shapeOf === undefined) return [];
  const count = elementCount(shapeOf.shape);
  const perChannel = parts.some(({ part }) => part.setup !== '');
  const { n, c, d, h, w } = perChannel ? activation(shapeOf) : { n: 1, c: 1, d: 1, h: 1, w: count };
  const voxels = d * h * w;
  const width = voxels % 4 === 0 ? 4 : 1;
  const instances = Math.max(...parts.map(({ part }) => part.instances));

  const names = new Map<Value, string>();
  const operands: Record<string, Operand> = {};
  const lines: string[] = [];
  const streams = new Set<Value>();
  for (const { node, part } of parts) {
    for (const value of part.streams) {
      if (names.has(value)) continue;
      const name = `in${names.size}`;
      names.set(value, `v_${name}`);
      operands[name] = operand(value, width);
      streams.add(value);
      lines.push(`let v_${name} = ${name}(i);`);
    }
    Object.assign(operands, part.channels);
    const [output] = node.outputs;
    if (output === undefined) continue;
    const name = `out${names.size}`;
    const arguments_ = part.streams.map((value) => names.get(value) ?? '');
    const formula = (component: string): string => part.formula(arguments_.map((argument) => argument + component));
    lines.push(`let v_${name} = ${width === 4 ? `vec4<f32>(${['.x', '.y', '.z', '.w'].map(formula).join(', ')})` : formula('')};`);
    names.set(output, `v_${name}`);
    if (stored.has(output)) {
      operands[name] = operand(output, width);
      streams.add(output);
      lines.push(`set_${name}(i, v_${name});`);
    }
  }
  const kernel: Kernel = {
    name: nodes.length > 1 ? 'pointwise, fused' : 'pointwise',
    operands,
    integers: { B: n / instances, C: c, V: voxels / width, count: count / width },
    code: `${activationFunctions}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.count) { return; }
  ${perChannel ? 'let plane = i / u.V; let row = (plane / u.C / u.B) * u.C + plane % u.C;' : ''}
  ${parts.map(({ part }) => part.setup).join('\n  ')}
  ${lines.join('\n  ')}
}`,
    workgroups: flatGrid(ceilDivide(count / width, GROUP)),
    work: { operations: count * nodes.length * 2, bytes: bytesOf(...streams) },
  };
  return [...parts.flatMap(({ part }) => part.before), kernel];
}
