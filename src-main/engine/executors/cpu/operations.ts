import type { ActivationKind, OpAttributes, OpKind } from '../../ops/attributes.ts';

/** Numbers of `Activation` in native/step.h. */
const activationCodes: Readonly<Record<ActivationKind, number>> = { none: 0, relu: 1, leakyRelu: 2, gelu: 3 };

interface Encoded {
  readonly integers?: readonly number[];
  readonly reals?: readonly number[];
}

interface Encoding<K extends OpKind> {
  /** Number of the operation in `Op` of native/step.h. */
  readonly code: number;
  readonly encode: (attributes: OpAttributes[K]) => Encoded;
}

const plain = (): Encoded => ({});
const convolution = ({ kernel, stride, padding, instances }: OpAttributes['conv3dGradWeight']): readonly number[] => [kernel, stride, padding, instances];
const depthwise = ({ kernel, dilation, instances }: OpAttributes['depthwiseConv3d']): Encoded => ({ integers: [kernel, dilation, instances] });
const norm = ({ instances, epsilon, activation }: OpAttributes['batchNormApply']): Encoded => ({ integers: [instances, activationCodes[activation]], reals: [epsilon] });
const layer = ({ instances, epsilon }: OpAttributes['layerNorm']): Encoded => ({ integers: [instances], reals: [epsilon] });
const activation = ({ kind }: OpAttributes['activation']): Encoded => ({ integers: [activationCodes[kind]] });
const cubes = ({ split }: OpAttributes['cubeSplit']): Encoded => ({ integers: [split] });
const dice = ({ diceWeight, crossEntropyWeight, epsilon }: OpAttributes['diceCrossEntropy']): Encoded => ({ reals: [diceWeight, crossEntropyWeight, epsilon] });
const pseudo = ({ temperature }: OpAttributes['pseudoLabelLoss']): Encoded => ({ reals: [temperature] });

/** Every operation's number and attribute order; the kernels read them by position. Exhaustive. */
export const encodings: { readonly [K in OpKind]: Encoding<K> } = {
  conv3d: { code: 0, encode: (a) => ({ integers: [...convolution(a), activationCodes[a.activation]] }) },
  conv3dGradInput: { code: 1, encode: (a) => ({ integers: convolution(a) }) },
  conv3dGradWeight: { code: 2, encode: (a) => ({ integers: convolution(a) }) },
  depthwiseConv3d: { code: 3, encode: depthwise },
  depthwiseConv3dGradInput: { code: 4, encode: depthwise },
  depthwiseConv3dGradWeight: { code: 5, encode: depthwise },
  batchNormStatistics: { code: 6, encode: ({ instances }) => ({ integers: [instances] }) },
  batchNormApply: { code: 7, encode: norm },
  batchNormGradStatistics: { code: 8, encode: norm },
  batchNormGradInput: { code: 9, encode: norm },
  runningStatisticsUpdate: { code: 10, encode: ({ momentum, count }) => ({ integers: [count], reals: [momentum] }) },
  layerNorm: { code: 11, encode: layer },
  layerNormGrad: { code: 12, encode: layer },
  activation: { code: 13, encode: activation },
  activationGrad: { code: 14, encode: activation },
  add: { code: 15, encode: plain },
  multiply: { code: 16, encode: plain },
  upsample2: { code: 17, encode: plain },
  upsample2Grad: { code: 18, encode: plain },
  concatChannels: { code: 19, encode: plain },
  sliceChannels: { code: 20, encode: ({ start, count }) => ({ integers: [start, count] }) },
  cubeSplit: { code: 21, encode: cubes },
  cubeMerge: { code: 22, encode: cubes },
  permute: { code: 23, encode: ({ axes }) => ({ integers: axes }) },
  softmax: { code: 24, encode: plain },
  diceCrossEntropy: { code: 25, encode: dice },
  diceCrossEntropyGrad: { code: 26, encode: dice },
  pseudoLabelLoss: { code: 27, encode: pseudo },
  pseudoLabelLossGrad: { code: 28, encode: pseudo },
  gradientNorm: { code: 29, encode: plain },
  adamW: { code: 30, encode: ({ beta1, beta2, epsilon, weightDecay }) => ({ reals: [beta1, beta2, epsilon, weightDecay] }) },
};
