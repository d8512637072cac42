import type { NormAttributes, OpAttributes } from '../../ops/attributes.ts';
import { activate, activateDerivative } from './functions.ts';
import { at, extents, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

/** Calls `visit(index, channel)` for every element, where channel is the row of a (G, C) parameter. */
function forChannels(x: ReferenceTensor, instances: number, visit: (index: number, channel: number) => void): void {
  const { n, c, voxels } = extents(x);
  for (let row = 0; row < n * c; row++) {
    const channel = Math.floor(Math.floor(row / c) / (n / instances)) * c + (row % c);
    for (let index = row * voxels; index < (row + 1) * voxels; index++) visit(index, channel);
  }
}

function accumulate(target: Float64Array, index: number, value: number): void {
  target[index] = at(target, index) + value;
}

export const batchNormStatistics: ReferenceKernel<OpAttributes['batchNormStatistics']> = ({ instances }, [x], [mean, variance]) => {
  if (!x || !mean || !variance) return;
  const count = x.data.length / mean.data.length;
  forChannels(x, instances, (index, channel) => accumulate(mean.data, channel, at(x.data, index) / count));
  forChannels(x, instances, (index, channel) =>
    accumulate(variance.data, channel, (at(x.data, index) - at(mean.data, channel)) ** 2 / count),
  );
};

interface Affine {
  readonly normalised: (index: number, channel: number) => number;
  readonly z: (index: number, channel: number) => number;
  readonly scale: (channel: number) => number;
}

function affineOf(
  { epsilon }: NormAttributes,
  x: ReferenceTensor,
  mean: ReferenceTensor,
  variance: ReferenceTensor,
  gamma: ReferenceTensor,
  beta: ReferenceTensor,
): Affine {
  const inverse = (channel: number): number => 1 / Math.sqrt(at(variance.data, channel) + epsilon);
  const normalised = (index: number, channel: number): number => (at(x.data, index) - at(mean.data, channel)) * inverse(channel);
  return {
    normalised,
    z: (index, channel) => at(gamma.data, channel) * normalised(index, channel) + at(beta.data, channel),
    scale: (channel) => at(gamma.data, channel) * inverse(channel),
  };
}

export const batchNormApply: ReferenceKernel<NormAttributes> = (attributes, [x, mean, variance, gamma, beta], [y]) => {
  if (!x || !mean || !variance || !gamma || !beta || !y) return;
  const { z } = affineOf(attributes, x, mean, variance, gamma, beta);
  forChannels(x, attributes.instances, (index, channel) => (y.data[index] = activate(attributes.activation, z(index, channel))));
};

export const batchNormGradStatistics: ReferenceKernel<NormAttributes> = (
  attributes,
  [dy, x, mean, variance, gamma, beta],
  [dGamma, dBeta],
) => {
  if (!dy || !x || !mean || !variance || !gamma || !beta || !dGamma || !dBeta) return;
  const { normalised, z } = affineOf(attributes, x, mean, variance, gamma, beta);
  forChannels(x, attributes.instances, (index, channel) => {
    const g = at(dy.data, index) * activateDerivative(attributes.activation, z(index, channel));
    accumulate(dGamma.data, channel, g * normalised(index, channel));
    accumulate(dBeta.data, channel, g);
  });
};

export const batchNormGradInput: ReferenceKernel<NormAttributes> = (
  attributes,
  [dy, x, mean, variance, gamma, beta, dGamma, dBeta],
  [dx],
) => {
  if (!dy || !x || !mean || !variance || !gamma || !beta || !dGamma || !dBeta || !dx) return;
  const { normalised, z, scale } = affineOf(attributes, x, mean, variance, gamma, beta);
  const count = x.data.length / mean.data.length;
  forChannels(x, attributes.instances, (index, channel) => {
    const g = at(dy.data, index) * activateDerivative(attributes.activation, z(index, channel));
    dx.data[index] =
      scale(channel) * (g - at(dBeta.data, channel) / count - (normalised(index, channel) * at(dGamma.data, channel)) / count);
  });
};

export const runningStatisticsUpdate: ReferenceKernel<OpAttributes['runningStatisticsUpdate']> = (
  { momentum, count },
  [runningMean, runningVariance, mean, variance],
  [nextMean, nextVariance],
) => {
  if (!runningMean || !runningVariance || !mean || !variance || !nextMean || !nextVariance) return;
  const unbiased = count > 1 ? count / (count - 1) : 1;
  for (let index = 0; index < mean.data.length; index++) {
    nextMean.data[index] = (1 - momentum) * at(runningMean.data, index) + momentum * at(mean.data, index);
    nextVariance.data[index] = (1 - momentum) * at(runningVariance.data, index) + momentum * unbiased * at(variance.data, index);
  }
};

export const instanceNorm: ReferenceKernel<OpAttributes['instanceNorm']> = ({ epsilon, activation }, [x, gamma, beta], [y]) => {
  if (!x || !gamma || !beta || !y) return;
  forInstances(x, epsilon, ({ channel, start, end, mean, inverse }) => {
    for (let index = start; index < end; index++) {
      const normalised = (at(x.data, index) - mean) * inverse;
      y.data[index] = activate(activation, at(gamma.data, channel) * normalised + at(beta.data, channel));
    }
  });
};

export const instanceNormGrad: ReferenceKernel<OpAttributes['instanceNormGrad']> = (
  { epsilon, activation },
  [dy, x, gamma, beta],
  [dx, dGamma, dBeta],
) => {
  if (!dy || !x || !gamma || !beta || !dx || !dGamma || !dBeta) return;
  forInstances(x, epsilon, ({ channel, start, end, mean, inverse }) => {
    const normalised = (index: number): number => (at(x.data, index) - mean) * inverse;
    const slope = (index: number): number =>
      at(dy.data, index) * activateDerivative(activation, at(gamma.data, channel) * normalised(index) + at(beta.data, channel));
    let sum = 0;
    let product = 0;
    for (let index = start; index < end; index++) {
      sum += slope(index);
      product += slope(index) * normalised(index);
    }
    accumulate(dGamma.data, channel, product);
    accumulate(dBeta.data, channel, sum);
    const count = end - start;
    for (let index = start; index < end; index++)
      dx.data[index] = at(gamma.data, channel) * inverse * (slope(index) - sum / count - (normalised(index) * product) / count);
  });
};

interface InstanceRow {
  readonly channel: number;
  readonly start: number;
  readonly end: number;
  readonly mean: number;
  readonly inverse: number;
}

/** Each sample's channel: where its voxels lie, their mean, and 1/√(biased variance + ε). */
function forInstances(x: ReferenceTensor, epsilon: number, visit: (row: InstanceRow) => void): void {
  const { n, c, voxels } = extents(x);
  for (let row = 0; row < n * c; row++) {
    const [start, end] = [row * voxels, (row + 1) * voxels];
    let mean = 0;
    for (let index = start; index < end; index++) mean += at(x.data, index) / voxels;
    let variance = 0;
    for (let index = start; index < end; index++) variance += (at(x.data, index) - mean) ** 2 / voxels;
    visit({ channel: row % c, start, end, mean, inverse: 1 / Math.sqrt(variance + epsilon) });
  }
}

/** Calls `visit(base, parameterBase)` per sample and voxel: channel c of that voxel is at base + c·voxels. */
function forVoxels(x: ReferenceTensor, instances: number, visit: (base: number, parameterBase: number) => void): void {
  const { n, c, voxels } = extents(x);
  for (let sample = 0; sample < n; sample++) {
    for (let voxel = 0; voxel < voxels; voxel++) visit(sample * c * voxels + voxel, Math.floor(sample / (n / instances)) * c);
  }
}

function moments(x: ReferenceTensor, base: number, epsilon: number): { readonly mean: number; readonly inverse: number } {
  const { c, voxels } = extents(x);
  let mean = 0;
  for (let channel = 0; channel < c; channel++) mean += at(x.data, base + channel * voxels) / c;
  let variance = 0;
  for (let channel = 0; channel < c; channel++) variance += (at(x.data, base + channel * voxels) - mean) ** 2 / c;
  return { mean, inverse: 1 / Math.sqrt(variance + epsilon) };
}

export const layerNorm: ReferenceKernel<OpAttributes['layerNorm']> = ({ instances, epsilon }, [x, gamma, beta], [y]) => {
  if (!x || !gamma || !beta || !y) return;
  const { c, voxels } = extents(x);
  forVoxels(x, instances, (base, parameterBase) => {
    const { mean, inverse } = moments(x, base, epsilon);
    for (let channel = 0; channel < c; channel++) {
      const index = base + channel * voxels;
      y.data[index] =
        at(gamma.data, parameterBase + channel) * (at(x.data, index) - mean) * inverse + at(beta.data, parameterBase + channel);
    }
  });
};

export const layerNormGrad: ReferenceKernel<OpAttributes['layerNormGrad']> = (
  { instances, epsilon },
  [dy, x, gamma],
  [dx, dGamma, dBeta],
) => {
  if (!dy || !x || !gamma || !dx || !dGamma || !dBeta) return;
  const { c, voxels } = extents(x);
  forVoxels(x, instances, (base, parameterBase) => {
    const { mean, inverse } = moments(x, base, epsilon);
    let sum = 0;
    let product = 0;
    for (let channel = 0; channel < c; channel++) {
      const index = base + channel * voxels;
      const normalised = (at(x.data, index) - mean) * inverse;
      const g = at(dy.data, index) * at(gamma.data, parameterBase + channel);
      sum += g / c;
      product += (g * normalised) / c;
      accumulate(dGamma.data, parameterBase + channel, at(dy.data, index) * normalised);
      accumulate(dBeta.data, parameterBase + channel, at(dy.data, index));
    }
    for (let channel = 0; channel < c; channel++) {
      const index = base + channel * voxels;
      const normalised = (at(x.data, index) - mean) * inverse;
      dx.data[index] = inverse * (at(dy.data, index) * at(gamma.data, parameterBase + channel) - sum - normalised * product);
    }
  });
};
