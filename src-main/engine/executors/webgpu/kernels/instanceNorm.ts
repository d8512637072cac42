import type { Node, Value } from '../../../graph/graph.ts';
import type { InstanceNormAttributes } from '../../../ops/attributes.ts';
import { activation, elementCount } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel, type Operand } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { activationFunctions } from '../wgsl.ts';
import { reduceChannels } from './reduce.ts';

/** Every sample's channel is a row: instances = samples. */
function rowsOf(x: Value): { instances: number; batch: number; channels: number; voxels: number } {
  const { n, c, d, h, w } = activation(x.type);
  return { instances: n, batch: 1, channels: c, voxels: d * h * w };
}

/** Mean and 1/√(variance + ε) of every row, in scratch, from sums shifted by the row's first value so that nothing cancels. */
function moments(x: Value, epsilon: number, context: LoweringContext): { readonly kernels: Kernel[]; readonly moments: Operand } {
  const { instances, channels, ...rest } = rowsOf(x);
  const target = context.scratch.take(2 * instances * channels);
  const kernels = reduceChannels(
    {
      name: 'instance norm statistics',
      instances,
      channels,
      ...rest,
      sums: 2,
      setup: 'let shift = x(row * u.V);',
      terms: 'let d = x(i) - shift; s0 += d; s1 = fma(d, d, s1);',
      finish:
        'let m = s0 / f32(u.M); set_moments(2u * row, shift + m); set_moments(2u * row + 1u, inverseSqrt(max(0.0, s1 / f32(u.M) - m * m) + u.epsilon));',
      inputs: { x: operand(x) },
      outputs: { moments: target },
      floats: { epsilon },
      bytes: bytesOf(x),
    },
    context,
  );
  return { kernels, moments: target };
}

const entry = `${activationFunctions}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let at = group(id) * ${GROUP}u + t;
  if (at >= u.count) { return; }`;

export function instanceNorm(
  { inputs: [x, gamma, beta], outputs: [y], attributes }: Node<'instanceNorm'>,
  context: LoweringContext,
): Kernel[] {
  if (!x || !gamma || !beta || !y) return [];
  const statistics = moments(x, attributes.epsilon, context);
  const count = elementCount(x.type.shape);
  const { channels, voxels } = rowsOf(x);
  const apply: Kernel = {
    name: 'instance norm',
    operands: { x: operand(x), gamma: operand(gamma), beta: operand(beta), moments: statistics.moments, y: operand(y) },
    integers: { C: channels, V: voxels, count },
    code: `${entry}
  let row = at / u.V; let channel = row % u.C;
  set_y(at, ${attributes.activation}(fma(gamma(channel) * moments(2u * row + 1u), x(at) - moments(2u * row), beta(channel))));
}`,
    workgroups: flatGrid(ceilDivide(count, GROUP)),
    work: { operations: 4 * count, bytes: bytesOf(x, y) },
  };
  return [...statistics.kernels, apply];
}

/** WGSL: x̂ and g = dy·activation′(z) of the voxel at `index`. */
const gradientTerms = (index: string, { activation: kind }: InstanceNormAttributes): string =>
  `let normal = (x(${index}) - moments(2u * row)) * moments(2u * row + 1u); let g = dy(${index}) * ${kind}Slope(fma(gamma(channel), normal, beta(channel)));`;

export function instanceNormGrad(
  { inputs: [dy, x, gamma, beta], outputs: [dx, dGamma, dBeta], attributes }: Node<'instanceNormGrad'>,
  context: LoweringContext,
): Kernel[] {
  if (!dy || !x || !gamma || !beta || !dx || !dGamma || !dBeta) return [];
  const statistics = moments(x, attributes.epsilon, context);
  const { instances, channels, voxels, batch } = rowsOf(x);
  const sums = context.scratch.take(2 * instances * channels);
  const read = { dy: operand(dy), x: operand(x), gamma: operand(gamma), beta: operand(beta), moments: statistics.moments };
  const rows = reduceChannels(
    {
      name: 'instance norm gradient statistics',
      instances,
      batch,
      channels,
      voxels,
      sums: 2,
      functions: activationFunctions,
      terms: `${gradientTerms('i', attributes)} s0 = fma(g, normal, s0); s1 += g;`,
      finish: 'set_sums(2u * row, s0); set_sums(2u * row + 1u, s1);',
      inputs: read,
      outputs: { sums },
      bytes: bytesOf(dy, x),
    },
    context,
  );
  const count = elementCount(x.type.shape);
  const input: Kernel = {
    name: 'instance norm gradient',
    operands: { ...read, sums, dx: operand(dx) },
    integers: { C: channels, V: voxels, count },
    code: `${entry}
  let row = at / u.V; let channel = row % u.C;
  ${gradientTerms('at', attributes)}
  let share = 1.0 / f32(u.V);
  set_dx(at, gamma(channel) * moments(2u * row + 1u) * (g - share * (sums(2u * row + 1u) + normal * sums(2u * row))));
}`,
    workgroups: flatGrid(ceilDivide(count, GROUP)),
    work: { operations: 12 * count, bytes: bytesOf(dy, x, dx) },
  };
  const parameters: Kernel = {
    name: 'instance norm parameter gradient',
    operands: { sums, dGamma: operand(dGamma), dBeta: operand(dBeta) },
    integers: { N: instances, count: channels },
    code: `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let at = group(id) * ${GROUP}u + t;
  if (at >= u.count) { return; }
  var products = 0.0; var gradients = 0.0;
  for (var n = 0u; n < u.N; n++) { products += sums(2u * (n * u.count + at)); gradients += sums(2u * (n * u.count + at) + 1u); }
  set_dGamma(at, products); set_dBeta(at, gradients);
}`,
    workgroups: flatGrid(ceilDivide(channels, GROUP)),
    work: { operations: 2 * instances * channels, bytes: 8 * instances * channels },
  };
  return [...statistics.kernels, ...rows, input, parameters];
}
