import type { DiceCrossEntropyAttributes, OpAttributes } from '../../ops/attributes.ts';
import { around } from '../../ops/losses.ts';
import type { Kernel } from './kernel.ts';
import type { Tensor, Tensors } from './tensors.ts';

/** log softmax along an axis that stays. */
function logSoftmax(tf: Tensors, x: Tensor, axis: number): Tensor {
  const shifted = tf.subtract(x, tf.largest(x, axis));
  return tf.subtract(shifted, tf.op('Log', [tf.sum(tf.op('Exp', [shifted]), axis)]));
}

const exp = (tf: Tensors, x: Tensor): Tensor => tf.op('Exp', [x]);
/** (N,C,…) as (N,C,voxels). */
const rows = (tf: Tensors, x: Tensor): Tensor => tf.reshape(x, x.shape[0] ?? 1, x.shape[1] ?? 1, -1);

/** One-hot labels as (N,C,voxels). */
function truth(tf: Tensors, label: Tensor, classes: number): Tensor {
  return tf.transpose(tf.oneHot(tf.reshape(label, label.shape[0] ?? 1, -1), classes), 0, 2, 1);
}

export const softmax: Kernel<OpAttributes['softmax']> = (tf, _attributes, [x]) => [
  tf.reshape(exp(tf, logSoftmax(tf, rows(tf, x), 1)), ...x.shape),
];

/** (1,C,1): what a voxel of each class counts. */
function weightsOf(tf: Tensors, { classWeights }: DiceCrossEntropyAttributes, classes: number): Tensor {
  return tf.create(classWeights.length === 0 ? new Float32Array(classes).fill(1) : Float32Array.from(classWeights), [1, classes, 1]);
}

/** Rows (N,C,voxels) or (N,C,1) of classes as those of regions: of each the sum over the classes in it; `back`: of a class over the regions around it. */
function byRegion(tf: Tensors, { inside }: DiceCrossEntropyAttributes, x: Tensor, back = false): Tensor {
  if (inside.length === 0) return x;
  const [n = 1, , voxels = 1] = x.shape;
  const chains = inside.map((_outer, own) => around(inside, own) ?? []);
  const summed = chains.map((chain, own) => {
    const rows = back ? chain : chains.flatMap((other, inner) => (other.includes(own) ? [inner] : []));
    return rows.map((row) => tf.slice(x, [0, row, 0], [n, 1, voxels])).reduce((a, b) => tf.add(a, b));
  });
  return tf.concat(summed, 1);
}

export const diceCrossEntropy: Kernel<DiceCrossEntropyAttributes> = (tf, attributes, [logits, label]) => {
  const { diceWeight, crossEntropyWeight, epsilon, overBatch } = attributes;
  const [, c = 1] = logits.shape;
  const logP = logSoftmax(tf, rows(tf, logits), 1);
  const p = exp(tf, logP);
  const t = truth(tf, label, c);
  const axes = overBatch ? [0, 2] : [2];
  const [inRegion, marked] = [byRegion(tf, attributes, p), byRegion(tf, attributes, t)];
  const [overlap, probability, count] = [tf.multiply(inRegion, marked), inRegion, marked].map((x) => tf.sum(x, ...axes)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const ratio = tf.divide(tf.shift(tf.scale(overlap, 2), epsilon), tf.shift(tf.add(probability, count), epsilon));
  const one = (x: Tensor): Tensor => tf.reshape(x, 1);
  const dice = tf.shift(tf.scale(one(tf.mean(ratio, 0, 1, 2)), -1), 1);
  const weighted = tf.multiply(t, weightsOf(tf, attributes, c));
  const entropy = tf.scale(one(tf.divide(tf.sum(tf.multiply(weighted, logP), 0, 1, 2), tf.sum(weighted, 0, 1, 2))), -1);
  const loss = tf.add(tf.scale(dice, diceWeight), tf.scale(entropy, crossEntropyWeight));
  return [loss, dice, entropy, tf.concat([overlap, probability, count], 2)];
};

export const diceCrossEntropyGrad: Kernel<DiceCrossEntropyAttributes> = (tf, attributes, [logits, label, sums, upstream]) => {
  const { diceWeight, crossEntropyWeight, epsilon } = attributes;
  const [, c = 1] = logits.shape;
  const [n = 1] = sums.shape;
  const p = exp(tf, logSoftmax(tf, rows(tf, logits), 1));
  const t = truth(tf, label, c);
  const [overlap, probability, count] = [0, 1, 2].map((which) => tf.slice(sums, [0, 0, which], [n, c, 1])) as [Tensor, Tensor, Tensor];
  const denominator = tf.shift(tf.add(probability, count), epsilon);
  const ratio = tf.divide(tf.shift(tf.scale(overlap, 2), epsilon), denominator);
  const marked = byRegion(tf, attributes, t);
  const slopes = tf.scale(tf.divide(tf.subtract(tf.scale(marked, 2), ratio), denominator), -diceWeight / (n * c));
  const slope = byRegion(tf, attributes, slopes, true);
  const dice = tf.multiply(p, tf.subtract(slope, tf.sum(tf.multiply(p, slope), 1)));
  const weighted = tf.multiply(t, weightsOf(tf, attributes, c));
  const share = tf.divide(tf.sum(weighted, 1), tf.sum(weighted, 0, 1, 2));
  const entropy = tf.scale(tf.multiply(tf.subtract(p, t), share), crossEntropyWeight);
  return [tf.reshape(timesUpstream(tf, tf.add(dice, entropy), upstream), ...logits.shape)];
};

/** The upstream gradient of a loss, [1], where it is given. */
function timesUpstream(tf: Tensors, gradient: Tensor, upstream: Tensor | undefined): Tensor {
  return upstream === undefined ? gradient : tf.multiply(gradient, upstream);
}

/** (rows, K) of logits/τ and its one-hot labels, and 1 or 0 per row. */
function slices(
  tf: Tensors,
  temperature: number,
  logits: Tensor,
  pseudo: Tensor,
  masked: Tensor,
): { readonly logP: Tensor; readonly t: Tensor; readonly mask: Tensor } {
  const [b = 1, z = 1, n = 1, k = 1] = logits.shape;
  const spread = tf.add(tf.reshape(tf.cast(masked), b * z, 1), tf.create(new Float32Array(n), [1, n]));
  return {
    logP: logSoftmax(tf, tf.scale(tf.reshape(logits, b * z * n, k), 1 / temperature), 1),
    t: tf.reshape(tf.oneHot(pseudo, k), b * z * n, k),
    mask: tf.reshape(tf.op('Sign', [tf.op('Abs', [spread])]), b * z * n, 1),
  };
}

export const pseudoLabelLoss: Kernel<OpAttributes['pseudoLabelLoss']> = (tf, { temperature }, [logits, pseudo, masked]) => {
  const { logP, t, mask } = slices(tf, temperature, logits, pseudo, masked);
  return [tf.scale(tf.reshape(tf.sum(tf.multiply(tf.multiply(t, logP), mask), 0, 1), 1), -1)];
};

export const pseudoLabelLossGrad: Kernel<OpAttributes['pseudoLabelLossGrad']> = (
  tf,
  { temperature },
  [logits, pseudo, masked, upstream],
) => {
  const { logP, t, mask } = slices(tf, temperature, logits, pseudo, masked);
  const gradient = tf.scale(tf.multiply(tf.subtract(exp(tf, logP), t), mask), 1 / temperature);
  return [tf.reshape(timesUpstream(tf, gradient, upstream), ...logits.shape)];
};

export const gradientNorm: Kernel<OpAttributes['gradientNorm']> = (tf, _attributes, inputs) => {
  const squares = inputs.map((x) => {
    const flat = tf.reshape(x, -1);
    return tf.sum(tf.multiply(flat, flat), 0);
  });
  return [tf.op('Sqrt', [tf.sum(tf.concat(squares, 0), 0)])];
};

export const adamW: Kernel<OpAttributes['adamW']> = (
  tf,
  { beta1, beta2, epsilon, weightDecay },
  [parameter, gradient, m, v, norm, hyper],
) => {
  const at = (index: number): Tensor => tf.slice(hyper, [index], [1]);
  const [rate, correction1, correction2, maximum] = [at(0), at(1), at(2), at(3)];
  const limit = tf.op('Minimum', [tf.divide(maximum, tf.shift(norm, 1e-6)), tf.op('OnesLike', [norm])]);
  const g = tf.multiply(gradient, tf.wherePositive(maximum, limit, tf.op('OnesLike', [norm])));
  const nextM = tf.add(tf.scale(m, beta1), tf.scale(g, 1 - beta1));
  const nextV = tf.add(tf.scale(v, beta2), tf.scale(tf.multiply(g, g), 1 - beta2));
  const step = tf.divide(tf.divide(nextM, correction1), tf.shift(tf.op('Sqrt', [tf.divide(nextV, correction2)]), epsilon));
  const decayed = tf.subtract(parameter, tf.scale(tf.multiply(parameter, rate), weightDecay));
  const next = tf.subtract(decayed, tf.multiply(rate, step));
  const usable = tf.op('IsFinite', [norm]);
  const choose = (now: Tensor, before: Tensor): Tensor => tf.op('SelectV2', [usable, now, before]);
  return [choose(next, parameter), choose(nextM, m), choose(nextV, v)];
};
