import type { Value } from '#main/engine/graph/graph.ts';
import type { BlockName } from '#shared/domain/modelCard.ts';
import type { ModelBuilder } from './modelBuilder.ts';

export interface UlkanetShape {
  readonly dims: readonly number[];
  readonly depths: readonly number[];
  readonly mlpRatios: readonly number[];
  /** As ArchitectureConfig has it. */
  readonly topWidth?: number;
  /** As ArchitectureConfig has it. */
  readonly block?: BlockName;
  /** Channels of the output. */
  readonly out: number;
}

/** 'Conv' of Fig. 4, one after another: Conv3D 3³ → BatchNorm → LeakyReLU(0.01), through the given widths. */
function convolutionBlocks(m: ModelBuilder, x: Value, name: string, instances: number, widths: readonly number[]): Value {
  return widths.reduce(
    (y, out, index) => m.convolutionNorm(y, `${name}.${index}.conv`, `${name}.${index}.norm`, instances, { out, kernel: 3 }, 'leakyRelu'),
    x,
  );
}

/** Eq. 2–3: proj_1 → GELU = u; u ⊙ pw(dilated 7³(5³(u))) → proj_2. */
function attention(m: ModelBuilder, x: Value, name: string, instances: number, out: number): Value {
  const u = m.gelu(m.convolution(x, `${name}.proj_1`, instances, { out, kernel: 1 }), name);
  const wide = m.depthwise(m.depthwise(u, `${name}.dw`, instances, 5, 1), `${name}.dil`, instances, 7, 3);
  const weights = m.convolution(wide, `${name}.pw`, instances, { out, kernel: 1 });
  return m.convolution(m.graph.apply('multiply', {}, [u, weights], name), `${name}.proj_2`, instances, { out, kernel: 1 });
}

/** Alg. 4: 1³ → GELU → depthwise 3³ → GELU → 1³. */
function mlp(m: ModelBuilder, x: Value, name: string, instances: number, out: number, hidden: number): Value {
  const wide = m.gelu(m.convolution(x, `${name}.fc1`, instances, { out: hidden, kernel: 1 }), name);
  return m.convolution(m.gelu(m.depthwise(wide, `${name}.dw`, instances, 3, 1), name), `${name}.fc2`, instances, { out, kernel: 1 });
}

/** Attention of the authors' code: a norm before the depthwise pair, the gate multiplies what was not normalised, and x is added at the end. */
function gatedAttention(m: ModelBuilder, x: Value, name: string, instances: number, out: number): Value {
  const u = m.gelu(m.convolution(x, `${name}.proj_1`, instances, { out, kernel: 1 }), name);
  const normed = m.batchNorm(u, `${name}.norm`, instances, 'none');
  const wide = m.depthwise(m.depthwise(normed, `${name}.dw`, instances, 5, 1), `${name}.dil`, instances, 7, 3);
  const weights = m.convolution(wide, `${name}.pw`, instances, { out, kernel: 1 });
  const gated = m.convolution(m.graph.apply('multiply', {}, [u, weights], name), `${name}.proj_2`, instances, { out, kernel: 1 });
  return m.graph.apply('add', {}, [x, gated], name);
}

/** 1³ → depthwise 3³ → GELU → 1³. */
function plainMlp(m: ModelBuilder, x: Value, name: string, instances: number, out: number, hidden: number): Value {
  const wide = m.depthwise(m.convolution(x, `${name}.fc1`, instances, { out: hidden, kernel: 1 }), `${name}.dw`, instances, 3, 1);
  return m.convolution(m.gelu(wide, name), `${name}.fc2`, instances, { out, kernel: 1 });
}

const firstScale = 1e-2;

/**
 * Two halves y = s ⊙ f(BN(x)) with a factor for each channel. `authors`, as their code has it: y + y goes on, without x. `residual`, the usual block of
 * visual attention networks: x + y.
 */
function scaledBlock(
  m: ModelBuilder,
  input: Value,
  name: string,
  instances: number,
  width: number,
  ratio: number,
  block: 'authors' | 'residual',
): Value {
  const half = (x: Value, number: 1 | 2, part: (normed: Value) => Value): Value => {
    const y = m.scale(part(m.batchNorm(x, `${name}.norm${number}`, instances, 'none')), `${name}.scale_${number}`, instances, firstScale);
    return m.graph.apply('add', {}, [block === 'authors' ? y : x, y], name);
  };
  const attended = half(input, 1, (normed) => gatedAttention(m, normed, `${name}.attn`, instances, width));
  return half(attended, 2, (normed) => plainMlp(m, normed, `${name}.mlp`, instances, width, width * ratio));
}

/** Alg. 3, read literally: the residual is the normalised tensor. */
function lkaBlock(m: ModelBuilder, input: Value, name: string, instances: number, width: number, ratio: number): Value {
  const x = m.batchNorm(input, `${name}.norm1`, instances, 'none');
  const attended = m.graph.apply('add', {}, [x, attention(m, x, `${name}.attn`, instances, width)], name);
  const y = m.batchNorm(attended, `${name}.norm2`, instances, 'none');
  return m.graph.apply('add', {}, [y, mlp(m, y, `${name}.mlp`, instances, width, width * ratio)], name);
}

/** One block of an encoder. x (N,C,D,H,W) → the same. */
export function encoderPart(
  m: ModelBuilder,
  x: Value,
  name: string,
  instances: number,
  { width, ratio, block }: { readonly width: number; readonly ratio: number; readonly block: BlockName },
): Value {
  return block === 'literal' ? lkaBlock(m, x, name, instances, width, ratio) : scaledBlock(m, x, name, instances, width, ratio, block);
}

/** Patch embedding → LKA blocks → LayerNorm over channels. */
function encoderBlock(
  m: ModelBuilder,
  input: Value,
  name: string,
  instances: number,
  width: number,
  depth: number,
  ratio: number,
  first: boolean,
  block: BlockName,
): Value {
  const patch = first ? { out: width, kernel: 7, stride: 4 } : { out: width, kernel: 3, stride: 2 };
  let x = m.convolutionNorm(input, `${name}.embed.proj`, `${name}.embed.norm`, instances, patch, 'none');
  for (let index = 0; index < depth; index++) x = encoderPart(m, x, `${name}.blocks.${index}`, instances, { width, ratio, block });
  return m.layerNorm(x, `${name}.norm`, instances);
}

/**
 * ULKANet: n encoder blocks, a bottleneck and n decoders (each ends in trilinear ×2), skips with two convolutions.
 * x (N,C,D,H,W), sides multiples of 2^(n+1) → (N,out,D,H,W). Widths where the paper is silent: LOGONET.md.
 */
export function ulkanet(
  m: ModelBuilder,
  x: Value,
  name: string,
  instances: number,
  { dims, depths, mlpRatios, topWidth, block = 'literal', out }: UlkanetShape,
): Value {
  const stages = dims.length;
  const width = (level: number): number => dims[level] ?? 0;
  const narrow = topWidth ?? width(0) / 2;
  const below = (level: number): number => (level === 0 ? narrow : width(level - 1));
  const up = (y: Value, scope: string): Value => m.graph.apply('upsample2', {}, [y], scope);

  const features: Value[] = [];
  let y = x;
  for (let stage = 0; stage < stages; stage++) {
    y = encoderBlock(m, y, `${name}.enc.${stage}`, instances, width(stage), depths[stage] ?? 0, mlpRatios[stage] ?? 0, stage === 0, block);
    features.push(y);
  }
  y = up(convolutionBlocks(m, y, `${name}.bottleneck`, instances, [below(stages - 1), below(stages - 1)]), `${name}.bottleneck`);
  for (let level = stages - 2; level >= 0; level--) {
    const skip = convolutionBlocks(m, features[level] as Value, `${name}.skip.${level}`, instances, [width(level), width(level)]);
    const joined = m.graph.apply('concatChannels', {}, [y, skip], `${name}.dec.${level}`);
    const widths = [width(level), width(level), below(level), below(level)];
    y = up(convolutionBlocks(m, joined, `${name}.dec.${level}`, instances, widths), `${name}.dec.${level}`);
  }
  y = up(convolutionBlocks(m, y, `${name}.last`, instances, [narrow, narrow, narrow, narrow]), `${name}.last`);
  const skip = convolutionBlocks(m, x, `${name}.skip_in`, instances, [narrow, topWidth ?? width(0)]);
  return convolutionBlocks(m, m.graph.apply('concatChannels', {}, [skip, y], `${name}.out`), `${name}.out`, instances, [out, out]);
}
