import type { OpKind } from './attributes.ts';
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
  depthwiseConv3d: convolution.depthwiseConv3d,
  depthwiseConv3dGradInput: convolution.depthwiseConv3dGradInput,
  depthwiseConv3dGradWeight: convolution.depthwiseConv3dGradWeight,
  batchNormStatistics: normalisation.batchNormStatistics,
  batchNormApply: normalisation.batchNormApply,
  batchNormGradStatistics: normalisation.batchNormGradStatistics,
  batchNormGradInput: normalisation.batchNormGradInput,
  runningStatisticsUpdate: normalisation.runningStatisticsUpdate,
  layerNorm: normalisation.layerNorm,
  layerNormGrad: normalisation.layerNormGrad,
  activation: elementwise.activationOp,
  activationGrad: elementwise.activationGrad,
  add: elementwise.add,
  multiply: elementwise.multiply,
  softmax: elementwise.softmax,
  upsample2: rearrange.upsample2,
  upsample2Grad: rearrange.upsample2Grad,
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
