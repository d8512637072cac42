import type { NormAttributes, OpAttributes } from '../../ops/attributes.ts';
import { activate, activateGradient } from './elementwise.ts';
import type { Kernel } from './kernel.ts';
import type { Tensor, Tensors } from './tensors.ts';

/** (N,C,…) as (instances, batch, C, voxels). */
function grouped(tf: Tensors, x: Tensor, instances: number): Tensor {
  return tf.reshape(x, instances, (x.shape[0] ?? 1) / instances, x.shape[1] ?? 1, -1);
}

/** (G,C) so that it spreads over `grouped`. */
function perChannel(tf: Tensors, parameter: Tensor): Tensor {
  const [g = 1, c = 1] = parameter.shape;
  return tf.reshape(parameter, g, 1, c, 1);
}

const flat = (tf: Tensors, x: Tensor): Tensor => tf.reshape(x, x.shape[0] ?? 1, x.shape[2] ?? 1);

export const batchNormStatistics: Kernel<OpAttributes['batchNormStatistics']> = (tf, { instances }, [x]) => {
  const values = grouped(tf, x, instances);
  const mean = tf.mean(values, 1, 3);
  const centred = tf.subtract(values, mean);
  return [flat(tf, mean), flat(tf, tf.mean(tf.multiply(centred, centred), 1, 3))];
};

interface Normalised {
  readonly normalised: Tensor;
  readonly z: Tensor;
  readonly inverse: Tensor;
  readonly gamma: Tensor;
}

function normalise(
  tf: Tensors,
  { instances, epsilon }: NormAttributes,
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  gamma: Tensor,
  beta: Tensor,
): Normalised {
  const inverse = tf.op('Rsqrt', [tf.shift(perChannel(tf, variance), epsilon)]);
  const normalised = tf.multiply(tf.subtract(grouped(tf, x, instances), perChannel(tf, mean)), inverse);
  const factor = perChannel(tf, gamma);
  return { normalised, inverse, gamma: factor, z: tf.add(tf.multiply(normalised, factor), perChannel(tf, beta)) };
}

export const batchNormApply: Kernel<NormAttributes> = (tf, attributes, [x, mean, variance, gamma, beta]) => [
  tf.reshape(activate(tf, attributes.activation, normalise(tf, attributes, x, mean, variance, gamma, beta).z), ...x.shape),
];

export const batchNormGradStatistics: Kernel<NormAttributes> = (tf, attributes, [dy, x, mean, variance, gamma, beta]) => {
  const { normalised, z } = normalise(tf, attributes, x, mean, variance, gamma, beta);
  const g = activateGradient(tf, attributes.activation, grouped(tf, dy, attributes.instances), z);
  return [flat(tf, tf.sum(tf.multiply(g, normalised), 1, 3)), flat(tf, tf.sum(g, 1, 3))];
};

export const batchNormGradInput: Kernel<NormAttributes> = (tf, attributes, [dy, x, mean, variance, gamma, beta, dGamma, dBeta]) => {
  const { normalised, z, inverse, gamma: factor } = normalise(tf, attributes, x, mean, variance, gamma, beta);
  const g = activateGradient(tf, attributes.activation, grouped(tf, dy, attributes.instances), z);
  const share = tf.elements(mean) / tf.elements(x);
  const level = tf.scale(perChannel(tf, dBeta), share);
  const slope = tf.multiply(normalised, tf.scale(perChannel(tf, dGamma), share));
  return [tf.reshape(tf.multiply(tf.multiply(factor, inverse), tf.subtract(tf.subtract(g, level), slope)), ...x.shape)];
};

export const runningStatisticsUpdate: Kernel<OpAttributes['runningStatisticsUpdate']> = (
  tf,
  { momentum, count },
  [runningMean, runningVariance, mean, variance],
) => {
  const mix = (old: Tensor, now: Tensor, factor: number): Tensor => tf.add(tf.scale(old, 1 - momentum), tf.scale(now, momentum * factor));
  return [mix(runningMean, mean, 1), mix(runningVariance, variance, count > 1 ? count / (count - 1) : 1)];
};

/** x̂ of every sample's channel and 1/σ, in (samples, 1, C, voxels), and gamma and beta beside them. */
function instanceMoments(tf: Tensors, x: Tensor, epsilon: number, gamma: Tensor, beta: Tensor): Normalised {
  const values = grouped(tf, x, x.shape[0] ?? 1);
  const centred = tf.subtract(values, tf.mean(values, 3));
  const inverse = tf.op('Rsqrt', [tf.shift(tf.mean(tf.multiply(centred, centred), 3), epsilon)]);
  const normalised = tf.multiply(centred, inverse);
  const factor = perChannel(tf, gamma);
  return { normalised, inverse, gamma: factor, z: tf.add(tf.multiply(normalised, factor), perChannel(tf, beta)) };
}

export const instanceNorm: Kernel<OpAttributes['instanceNorm']> = (tf, { epsilon, activation }, [x, gamma, beta]) => [
  tf.reshape(activate(tf, activation, instanceMoments(tf, x, epsilon, gamma, beta).z), ...x.shape),
];

export const instanceNormGrad: Kernel<OpAttributes['instanceNormGrad']> = (tf, { epsilon, activation }, [dy, x, gamma, beta]) => {
  const { normalised, inverse, gamma: factor, z } = instanceMoments(tf, x, epsilon, gamma, beta);
  const g = activateGradient(tf, activation, grouped(tf, dy, x.shape[0] ?? 1), z);
  const product = tf.multiply(g, normalised);
  const inner = tf.subtract(tf.subtract(g, tf.mean(g, 3)), tf.multiply(normalised, tf.mean(product, 3)));
  return [
    tf.reshape(tf.multiply(tf.multiply(factor, inverse), inner), ...x.shape),
    tf.reshape(tf.sum(product, 0, 3), ...gamma.shape),
    tf.reshape(tf.sum(g, 0, 3), ...beta.shape),
  ];
};

/** x̂ over channels and 1/σ, in (instances, batch, C, voxels). */
function layerMoments(
  tf: Tensors,
  x: Tensor,
  instances: number,
  epsilon: number,
): { readonly normalised: Tensor; readonly inverse: Tensor } {
  const values = grouped(tf, x, instances);
  const centred = tf.subtract(values, tf.mean(values, 2));
  const inverse = tf.op('Rsqrt', [tf.shift(tf.mean(tf.multiply(centred, centred), 2), epsilon)]);
  return { normalised: tf.multiply(centred, inverse), inverse };
}

export const layerNorm: Kernel<OpAttributes['layerNorm']> = (tf, { instances, epsilon }, [x, gamma, beta]) => {
  const { normalised } = layerMoments(tf, x, instances, epsilon);
  return [tf.reshape(tf.add(tf.multiply(normalised, perChannel(tf, gamma)), perChannel(tf, beta)), ...x.shape)];
};

export const layerNormGrad: Kernel<OpAttributes['layerNormGrad']> = (tf, { instances, epsilon }, [dy, x, gamma]) => {
  const { normalised, inverse } = layerMoments(tf, x, instances, epsilon);
  const slopes = grouped(tf, dy, instances);
  const g = tf.multiply(slopes, perChannel(tf, gamma));
  const inner = tf.subtract(tf.subtract(g, tf.mean(g, 2)), tf.multiply(normalised, tf.mean(tf.multiply(g, normalised), 2)));
  return [
    tf.reshape(tf.multiply(inverse, inner), ...x.shape),
    flat(tf, tf.sum(tf.multiply(slopes, normalised), 1, 3)),
    flat(tf, tf.sum(slopes, 1, 3)),
  ];
};
