import type { Node } from '../../../graph/graph.ts';
import { activation } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, GROUP, operand, type Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { activationFunctions } from '../wgsl.ts';
import { reduceChannels } from './reduce.ts';

function extents(x: Parameters<typeof activation>[0], instances: number): { batch: number; channels: number; voxels: number; n: number } {
  const { n, c, d, h, w } = activation(x);
  return { batch: n / instances, channels: c, voxels: d * h * w, n };
}

/** Mean and biased variance per instance and channel, from sums shifted by the row's first value so that nothing cancels. */
export function batchNormStatistics(node: Node<'batchNormStatistics'>, context: LoweringContext): Kernel[] {
  const [x, mean, variance] = [...node.inputs, ...node.outputs];
  if (!x || !mean || !variance) return [];
  const { instances } = node.attributes;
  return reduceChannels(
    {
      name: 'batch norm statistics',
      instances,
      ...extents(x.type, instances),
      sums: 2,
      setup: 'let shift = x(((row / u.C) * u.B * u.C + channel) * u.V);',
      terms: 'let d = x(i) - shift; s0 += d; s1 = fma(d, d, s1);',
      finish: 'let m = s0 / f32(u.M); set_mean(row, shift + m); set_variance(row, max(0.0, s1 / f32(u.M) - m * m));',
      inputs: { x: operand(x) },
      outputs: { mean: operand(mean), variance: operand(variance) },
      bytes: bytesOf(x),
    },
    context,
  );
}

/** dBeta = Σ g and dGamma = Σ g·x̂ with g = dy·activation′(γ·x̂ + β). */
export function batchNormGradStatistics(node: Node<'batchNormGradStatistics'>, context: LoweringContext): Kernel[] {
  const [dy, x, mean, variance, gamma, beta, dGamma, dBeta] = [...node.inputs, ...node.outputs];
  if (!dy || !x || !mean || !variance || !gamma || !beta || !dGamma || !dBeta) return [];
  const { instances, epsilon, activation: kind } = node.attributes;
  return reduceChannels(
    {
      name: 'batch norm gradient statistics',
      instances,
      ...extents(x.type, instances),
      sums: 2,
      functions: activationFunctions,
      setup:
        'let centre = mean(row); let inverse = inverseSqrt(variance(row) + u.epsilon); let factor = gamma(row); let offset = beta(row);',
      terms: `let normalised = (x(i) - centre) * inverse; let g = dy(i) * ${kind}Slope(fma(factor, normalised, offset)); s0 = fma(g, normalised, s0); s1 += g;`,
      finish: 'set_dGamma(row, s0); set_dBeta(row, s1);',
      inputs: {
        dy: operand(dy),
        x: operand(x),
        mean: operand(mean),
        variance: operand(variance),
        gamma: operand(gamma),
        beta: operand(beta),
      },
      outputs: { dGamma: operand(dGamma), dBeta: operand(dBeta) },
      floats: { epsilon },
      bytes: bytesOf(dy, x),
    },
    context,
  );
}

/** In place on the running statistics. */
export function runningStatisticsUpdate(node: Node<'runningStatisticsUpdate'>): Kernel[] {
  const [runningMean, runningVariance, mean, variance] = node.inputs;
  if (!runningMean || !runningVariance || !mean || !variance) return [];
  const { momentum, count } = node.attributes;
  const size = mean.type.shape.reduce((a, b) => a * b, 1);
  return [
    {
      name: 'running statistics',
      operands: {
        runningMean: operand(runningMean),
        runningVariance: operand(runningVariance),
        mean: operand(mean),
        variance: operand(variance),
      },
      integers: { size },
      floats: { momentum, unbiased: count > 1 ? count / (count - 1) : 1 },
      code: `@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * ${GROUP}u + t;
  if (i >= u.size) { return; }
  set_runningMean(i, mix(runningMean(i), mean(i), u.momentum));
  set_runningVariance(i, mix(runningVariance(i), variance(i) * u.unbiased, u.momentum));
}`,
      workgroups: flatGrid(ceilDivide(size, GROUP)),
      work: { operations: 6 * size, bytes: 24 * size },
    },
  ];
}

/** Voxels × channel lanes of a layer-norm workgroup: neighbouring threads take neighbouring voxels, lanes share a voxel's channels. */
const VOXELS = 16;
const LANES = 8;

const laneSum = `
var<workgroup> lanes: array<vec2<f32>, ${VOXELS * LANES}>;
fn sumLanes(t: u32, value: vec2<f32>) -> vec2<f32> {
  workgroupBarrier();
  lanes[t] = value;
  workgroupBarrier();
  var total = vec2<f32>();
  for (var l = 0u; l < ${LANES}u; l++) { total += lanes[t % ${VOXELS}u + l * ${VOXELS}u]; }
  return total;
}`;

const layerNormStart = `
  let at = group(id) * ${VOXELS}u + t % ${VOXELS}u;
  let lane = t / ${VOXELS}u;
  let inside = at < u.N * u.V;
  let sample = min(at, u.N * u.V - 1u) / u.V;
  let base = sample * u.C * u.V + min(at, u.N * u.V - 1u) % u.V;
  let row = (sample / u.B) * u.C;
  var sums = vec2<f32>();
  for (var c = lane; c < u.C; c += ${LANES}u) { sums.x += x(base + c * u.V); }
  let centre = sumLanes(t, sums).x / f32(u.C);
  sums = vec2<f32>();
  for (var c = lane; c < u.C; c += ${LANES}u) { let d = x(base + c * u.V) - centre; sums.x = fma(d, d, sums.x); }
  let inverse = inverseSqrt(sumLanes(t, sums).x / f32(u.C) + u.epsilon);`;

const layerNormProgram = (body: string): string => `${laneSum}
@compute @workgroup_size(${VOXELS * LANES})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {${layerNormStart}
${body}
}`;

export function layerNorm(node: Node<'layerNorm'>): Kernel[] {
  const [x, gamma, beta, y] = [...node.inputs, ...node.outputs];
  if (!x || !gamma || !beta || !y) return [];
  const { instances, epsilon } = node.attributes;
  const { batch, channels, voxels, n } = extents(x.type, instances);
  return [
    {
      name: 'layer norm',
      operands: { x: operand(x), gamma: operand(gamma), beta: operand(beta), y: operand(y) },
      integers: { B: batch, C: channels, V: voxels, N: n },
      floats: { epsilon },
      code: layerNormProgram(`  if (!inside) { return; }
  for (var c = lane; c < u.C; c += ${LANES}u) { let i = base + c * u.V; set_y(i, fma(gamma(row + c), (x(i) - centre) * inverse, beta(row + c))); }`),
      workgroups: flatGrid(ceilDivide(n * voxels, VOXELS)),
      work: { operations: 8 * n * channels * voxels, bytes: bytesOf(x, y) },
    },
  ];
}

/** dx in one pass that also keeps each voxel's mean and 1/σ, then dGamma and dBeta as channel sums. */
export function layerNormGrad(node: Node<'layerNormGrad'>, context: LoweringContext): Kernel[] {
  const [dy, x, gamma, dx, dGamma, dBeta] = [...node.inputs, ...node.outputs];
  if (!dy || !x || !gamma || !dx || !dGamma || !dBeta) return [];
  const { instances, epsilon } = node.attributes;
  const { batch, channels, voxels, n } = extents(x.type, instances);
  const moments = context.scratch.take(2 * n * voxels);
  const input: Kernel = {
    name: 'layer norm input gradient',
    operands: { dy: operand(dy), x: operand(x), gamma: operand(gamma), dx: operand(dx), moments },
    integers: { B: batch, C: channels, V: voxels, N: n },
    floats: { epsilon },
    code: layerNormProgram(`  sums = vec2<f32>();
  for (var c = lane; c < u.C; c += ${LANES}u) {
    let i = base + c * u.V; let g = dy(i) * gamma(row + c);
    sums += vec2<f32>(g, g * (x(i) - centre) * inverse);
  }
  let means = sumLanes(t, sums) / f32(u.C);
  if (!inside) { return; }
  if (lane == 0u) { set_moments(2u * at, centre); set_moments(2u * at + 1u, inverse); }
  for (var c = lane; c < u.C; c += ${LANES}u) {
    let i = base + c * u.V;
    set_dx(i, inverse * (dy(i) * gamma(row + c) - means.x - (x(i) - centre) * inverse * means.y));
  }`),
    workgroups: flatGrid(ceilDivide(n * voxels, VOXELS)),
    work: { operations: 16 * n * channels * voxels, bytes: bytesOf(dy, x, dx) },
  };
  return [
    input,
    ...reduceChannels(
      {
        name: 'layer norm parameter gradient',
        instances,
        batch,
        channels,
        voxels,
        sums: 2,
        terms: 'let p = 2u * (sample * u.V + voxel); s0 = fma(dy(i), (x(i) - moments(p)) * moments(p + 1u), s0); s1 += dy(i);',
        finish: 'set_dGamma(row, s0); set_dBeta(row, s1);',
        inputs: { dy: operand(dy), x: operand(x), moments },
        outputs: { dGamma: operand(dGamma), dBeta: operand(dBeta) },
        bytes: bytesOf(dy, x),
      },
      context,
    ),
  ];
}
