import type { OpKind } from './attributes.ts';
import * as boxConvolution from './boxConvolution.ts';
import * as convolution from './convolution.ts';
import type { OpDefinition } from './definition.ts';
import * as elementwise from './elementwise.ts';
import * as losses from './losses.ts';
import * as normalisation from './normalisation.ts';
import * as optimiser from './optimiser.ts';
import * as rearrange from './rearrange.ts';

/** Every operation's definition. Exhaustive: an operation without one does not compile. */
export const operations: { readonly [K in OpKind]: OpDefinition<K> } = {
  conv3d: convolution.conv3d,
  conv3dGradInput: convolution.conv3dGradInput,
  conv3dGradWeight: convolution.conv3dGradWeight,
  boxConv3d: boxConvolution.boxConv3d,
  boxConv3dGradInput: boxConvolution.boxConv3dGradInput,
  boxConv3dGradWeight: boxConvolution.boxConv3dGradWeight,
  transposedConv3d: boxConvolution.transposedConv3d,
  transposedConv3dGradWeight: boxConvolution.transposedConv3dGradWeight,
  depthwiseConv3d: convolution.depthwiseConv3d,
  depthwiseConv3dGradInput: convolution.depthwiseConv3dGradInput,
  depthwiseConv3dGradWeight: convolution.depthwiseConv3dGradWeight,
  batchNormStatistics: normalisation.batchNormStatistics,
  batchNormApply: normalisation.batchNormApply,
  batchNormGradStatistics: normalisation.batchNormGradStatistics,
  batchNormGradInput: normalisation.batchNormGradInput,
  runningStatisticsUpdate: normalisation.runningStatisticsUpdate,
  instanceNorm: normalisation.instanceNorm,
  instanceNormGrad: normalisation.instanceNormGrad,
  layerNorm: normalisation.layerNorm,
  layerNormGrad: normalisation.layerNormGrad,
  activation: elementwise.activationOp,
  activationGrad: elementwise.activationGrad,
  add: elementwise.add,
  multiply: elementwise.multiply,
  softmax: elementwise.softmax,
  upsample2: rearrange.upsample2,
  upsample2Grad: rearrange.upsample2Grad,
  averagePool3d: rearrange.averagePool3d,
  averagePool3dGrad: rearrange.averagePool3dGrad,
  concatChannels: rearrange.concatChannels,
  sliceChannels: rearrange.sliceChannels,
  cubeSplit: rearrange.cubeSplit,
  cubeMerge: rearrange.cubeMerge,
  permute: rearrange.permute,
  diceCrossEntropy: losses.diceCrossEntropy,
  diceCrossEntropyGrad: losses.diceCrossEntropyGrad,
  pseudoLabelLoss: losses.pseudoLabelLoss,
  pseudoLabelLossGrad: losses.pseudoLabelLossGrad,
  gradientNorm: optimiser.gradientNorm,
  adamW: optimiser.adamW,
};
