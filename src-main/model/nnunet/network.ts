import type { NnunetNetwork } from '#shared/domain/importedModel.ts';
import { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import type { Axes } from '#main/engine/ops/attributes.ts';
import { activation as extents, f32 } from '#main/engine/tensor/tensorType.ts';
import type { ParameterSpec } from '../modelBuilder.ts';

/** A network of nnU-Net's in a graph that can still grow. Parameters have the names of its state dictionary. */
export interface NnunetModel {
  readonly builder: GraphBuilder;
  /** (B,C,D,H,W) */
  readonly x: Value;
  /** (B,heads,D,H,W) */
  readonly logits: Value;
  readonly parameters: readonly ParameterSpec[];
  readonly states: readonly ParameterSpec[];
  /** (B,1,D,H,W) of each head, where heads were asked for apart. */
  readonly apart?: readonly Value[];
}

const ONE: Axes = [1, 1, 1];

/** The segmentation heads of the decoder but the last; they are for deep supervision, always in the file, and not used. */
export const unusedHead = (network: NnunetNetwork, name: string): boolean => {
  const stage = /^decoder\.seg_layers\.(\d+)\.(?:weight|bias)$/.exec(name)?.[1];
  return stage !== undefined && Number(stage) < network.features.length - 2;
};

interface NnunetBuildOptions {
  readonly batch: number;
  /** Voxels along D, H, W, multiples of the product of strides. */
  readonly size: Axes;
  /** Every head a convolution of its own (`headName`), for a loss that looks at each by itself. */
  readonly headsApart?: boolean;
}

export function buildNnunet(network: NnunetNetwork, { batch, size, headsApart }: NnunetBuildOptions): NnunetModel {
  const builder = new GraphBuilder();
  const x = builder.input('x', f32(batch, network.inChannels, ...size));
  const layers = new Layers(builder, network);
  const features = decoder(layers, network, encoder(layers, network, x));
  const head = (name: string, out: number): Value => layers.convolution(features, name, { out, kernel: ONE, stride: ONE }, true);
  const whole = headName(network);
  if (headsApart !== true) return { builder, x, logits: head(whole, network.heads), parameters: layers.parameters, states: [] };
  const apart = Array.from({ length: network.heads }, (_unused, index) => head(headName(network, index), 1));
  const logits = apart.reduce((joined, each) => builder.apply('concatChannels', {}, [joined, each], whole));
  return { builder, x, logits, parameters: layers.parameters, states: [], apart };
}

/** The name of the layer that puts out the logits; of one of them, where they are apart. */
export const headName = ({ features }: NnunetNetwork, index?: number): string =>
  `decoder.seg_layers.${features.length - 2}${index === undefined ? '' : `.${index}`}`;

/** The result of every stage: the decoder's skips, the last its beginning. */
function encoder(layers: Layers, network: NnunetNetwork, x: Value): readonly Value[] {
  const { kind, features, kernels, strides, encoderBlocks, stemFeatures } = network;
  let y =
    kind === 'residualEncoderUNet'
      ? layers.unit(x, 'encoder.stem.convs.0', { out: stemFeatures, kernel: kernels[0] ?? ONE, stride: ONE })
      : x;
  return features.map((out, stage) => {
    const kernel = kernels[stage] ?? ONE;
    for (let index = 0; index < (encoderBlocks[stage] ?? 1); index++) {
      const stride = index === 0 ? (strides[stage] ?? ONE) : ONE;
      y =
        kind === 'residualEncoderUNet'
          ? layers.block(y, `encoder.stages.${stage}.blocks.${index}`, { out, kernel, stride })
          : layers.unit(y, `encoder.stages.${stage}.0.convs.${index}`, { out, kernel, stride });
    }
    return y;
  });
}

function decoder(layers: Layers, { features, kernels, strides, decoderConvolutions }: NnunetNetwork, skips: readonly Value[]): Value {
  const last = features.length - 1;
  let y = skips[last] as Value;
  for (let stage = 0; stage < last; stage++) {
    const level = last - 1 - stage;
    const out = features[level] ?? 1;
    const grown = layers.transposed(y, `decoder.transpconvs.${stage}`, out, strides[level + 1] ?? ONE);
    y = layers.builder.apply('concatChannels', {}, [grown, skips[level] as Value], `decoder.stages.${stage}`);
    for (let index = 0; index < (decoderConvolutions[stage] ?? 1); index++)
      y = layers.unit(y, `decoder.stages.${stage}.convs.${index}`, { out, kernel: kernels[level] ?? ONE, stride: ONE });
  }
  return y;
}

interface Shape {
  readonly out: number;
  readonly kernel: Axes;
  readonly stride: Axes;
}

class Layers {
  readonly builder: GraphBuilder;
  readonly parameters: ParameterSpec[] = [];
  readonly #network: NnunetNetwork;

  constructor(builder: GraphBuilder, network: NnunetNetwork) {
    this.builder = builder;
    this.#network = network;
  }

  /** Convolution, instance norm, activation. */
  unit(x: Value, name: string, shape: Shape): Value {
    return this.#norm(this.convolution(x, `${name}.conv`, shape, this.#network.convolutionBias), `${name}.norm`, this.#network.activation);
  }

  /** Two convolutions and the way around them: pooled where there is a stride, through a 1³ convolution where the channels change. */
  block(x: Value, name: string, shape: Shape): Value {
    const { convolutionBias, activation } = this.#network;
    const y = this.unit(x, `${name}.conv1`, shape);
    const second = this.convolution(y, `${name}.conv2.conv`, { ...shape, stride: ONE }, convolutionBias);
    const inner = this.#norm(second, `${name}.conv2.norm`, 'none');
    const strided = shape.stride.some((step) => step > 1);
    let around = strided ? this.builder.apply('averagePool3d', { kernel: shape.stride }, [x], name) : x;
    if (extents(x.type).c !== shape.out) {
      const projection = `${name}.skip.${strided ? 1 : 0}`;
      around = this.#norm(
        this.convolution(around, `${projection}.conv`, { out: shape.out, kernel: ONE, stride: ONE }, false),
        `${projection}.norm`,
        'none',
      );
    }
    return this.builder.apply('activation', { kind: activation }, [this.builder.apply('add', {}, [inner, around], name)], name);
  }

  transposed(x: Value, name: string, out: number, stride: Axes): Value {
    const { c } = extents(x.type);
    const bound = 1 / Math.sqrt(out * product(stride));
    const weight = this.#parameter(`${name}.weight`, [c, out, ...stride], bound);
    // nnU-Net gives transposed convolutions the bias that its convolutions have.
    const bias = this.#network.convolutionBias ? this.#parameter(`${name}.bias`, [out], bound) : undefined;
    return this.builder.apply('transposedConv3d', { stride }, bias ? [x, weight, bias] : [x, weight], name);
  }

  convolution(x: Value, name: string, { out, kernel, stride }: Shape, hasBias: boolean): Value {
    const { c } = extents(x.type);
    const bound = 1 / Math.sqrt(c * product(kernel));
    const weight = this.#parameter(`${name}.weight`, [out, c, ...kernel], bound);
    const bias = hasBias ? [this.#parameter(`${name}.bias`, [out], bound)] : [];
    const half = (extent: number): number => (extent - 1) / 2;
    const padding: Axes = [half(kernel[0]), half(kernel[1]), half(kernel[2])];
    return this.builder.apply('boxConv3d', { kernel, stride, padding, activation: 'none' }, [x, weight, ...bias], name);
  }

  #norm(x: Value, name: string, activation: 'none' | NnunetNetwork['activation']): Value {
    const { c } = extents(x.type);
    const gamma = this.#constant(`${name}.weight`, c, 1);
    const beta = this.#constant(`${name}.bias`, c, 0);
    return this.builder.apply('instanceNorm', { epsilon: this.#network.normEpsilon, activation }, [x, gamma, beta], name);
  }

  #parameter(name: string, shape: readonly number[], bound: number): Value {
    const value = this.builder.parameter(name, f32(1, ...shape));
    this.parameters.push({ value, names: [name], init: { kind: 'uniform', bound } });
    return value;
  }

  #constant(name: string, channels: number, initial: number): Value {
    const value = this.builder.parameter(name, f32(1, channels));
    this.parameters.push({ value, names: [name], init: { kind: 'constant', value: initial } });
    return value;
  }
}

function product(numbers: Axes): number {
  return numbers[0] * numbers[1] * numbers[2];
}
