import { LEAKY_SLOPE, type ActivationKind, type OpAttributes } from '../../ops/attributes.ts';
import type { Kernel } from './kernel.ts';
import type { Tensor, Tensors } from './tensors.ts';

/** ½(1 + erf(x/√2)) */
function normalDistribution(tf: Tensors, x: Tensor): Tensor {
  return tf.scale(tf.shift(tf.op('Erf', [tf.scale(x, Math.SQRT1_2)]), 1), 0.5);
}

export function activate(tf: Tensors, kind: ActivationKind, x: Tensor): Tensor {
  switch (kind) {
    case 'none':
      return x;
    case 'relu':
      return tf.op('Relu', [x]);
    case 'leakyRelu':
      return tf.wherePositive(x, x, tf.scale(x, LEAKY_SLOPE));
    case 'gelu':
      return tf.multiply(x, normalDistribution(tf, x));
  }
}

/** dy · f′(x) */
export function activateGradient(tf: Tensors, kind: ActivationKind, dy: Tensor, x: Tensor): Tensor {
  switch (kind) {
    case 'none':
      return dy;
    case 'relu':
      return tf.wherePositive(x, dy, tf.op('ZerosLike', [dy]));
    case 'leakyRelu':
      return tf.wherePositive(x, dy, tf.scale(dy, LEAKY_SLOPE));
    case 'gelu': {
      const density = tf.scale(tf.op('Exp', [tf.scale(tf.multiply(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI));
      return tf.multiply(dy, tf.add(normalDistribution(tf, x), tf.multiply(x, density)));
    }
  }
}

export const activation: Kernel<OpAttributes['activation']> = (tf, { kind }, [x]) => [activate(tf, kind, x)];
export const activationGrad: Kernel<OpAttributes['activationGrad']> = (tf, { kind }, [dy, x]) => [activateGradient(tf, kind, dy, x)];
export const add: Kernel<OpAttributes['add']> = (tf, _attributes, [a, b]) => [tf.add(a, b)];
export const multiply: Kernel<OpAttributes['multiply']> = (tf, _attributes, [a, b]) => [tf.multiply(a, b)];

export const concatChannels: Kernel<OpAttributes['concatChannels']> = (tf, _attributes, [a, b]) => [tf.concat([a, b], 1)];

export const sliceChannels: Kernel<OpAttributes['sliceChannels']> = (tf, { start, count }, [x]) => {
  const [n = 1, , ...size] = x.shape;
  return [tf.slice(x, [0, start, 0, 0, 0], [n, count, ...size])];
};

export const cubeSplit: Kernel<OpAttributes['cubeSplit']> = (tf, { split: s }, [x]) => {
  const [n = 1, c = 1, d = 1, h = 1, w = 1] = x.shape;
  // Axes beyond six are more than every Transpose takes, so one axis after the other.
  let y = tf.transpose(tf.reshape(x, n * c * d * h, s, w / s), 1, 0, 2);
  y = tf.transpose(tf.reshape(y, s, n * c * d, s, h / s, w / s), 2, 0, 1, 3, 4);
  y = tf.transpose(tf.reshape(y, s * s, n * c, s, d / s, (h / s) * (w / s)), 2, 0, 1, 3, 4);
  return [tf.reshape(y, s ** 3 * n, c, d / s, h / s, w / s)];
};

export const cubeMerge: Kernel<OpAttributes['cubeMerge']> = (tf, { split: s }, [x]) => {
  const [pieces = 1, c = 1, d = 1, h = 1, w = 1] = x.shape;
  const n = pieces / s ** 3;
  let y = tf.transpose(tf.reshape(x, s, s * s, n * c, d, h * w), 1, 2, 0, 3, 4);
  y = tf.transpose(tf.reshape(y, s, s, n * c * s * d, h, w), 1, 2, 0, 3, 4);
  y = tf.transpose(tf.reshape(y, s, n * c * s * d * s * h, w), 1, 0, 2);
  return [tf.reshape(y, n, c, s * d, s * h, s * w)];
};

export const permute: Kernel<OpAttributes['permute']> = (tf, { axes }, [x]) => [tf.transpose(x, ...axes)];

/** Along one axis: ¾ of the voxel itself and ¼ of its neighbour before (even outputs) or after (odd ones), clamped at the ends. */
function interleave(tf: Tensors, x: Tensor, axis: number): Tensor {
  const extent = x.shape[axis] ?? 1;
  const { before, after } = neighbours(tf, x, axis);
  const mixed = (neighbour: Tensor): Tensor => {
    const y = tf.add(tf.scale(x, 0.75), tf.scale(neighbour, 0.25));
    return tf.reshape(y, product(x.shape.slice(0, axis + 1)), 1, product(x.shape.slice(axis + 1)));
  };
  const shape = x.shape.map((size, index) => (index === axis ? 2 * extent : size));
  return tf.reshape(tf.concat([mixed(before), mixed(after)], 1), ...shape);
}

function neighbours(tf: Tensors, x: Tensor, axis: number): { readonly before: Tensor; readonly after: Tensor } {
  const extent = x.shape[axis] ?? 1;
  const cut = (start: number, count: number): Tensor =>
    tf.slice(
      x,
      x.shape.map((_size, index) => (index === axis ? start : 0)),
      x.shape.map((size, index) => (index === axis ? count : size)),
    );
  if (extent === 1) return { before: x, after: x };
  return { before: tf.concat([cut(0, 1), cut(0, extent - 1)], axis), after: tf.concat([cut(1, extent - 1), cut(extent - 1, 1)], axis) };
}

/** The transpose of `interleave`. */
function gather(tf: Tensors, dy: Tensor, axis: number): Tensor {
  const extent = (dy.shape[axis] ?? 2) / 2;
  const shape = dy.shape.map((size, index) => (index === axis ? extent : size));
  const [outer, inner] = [product(shape.slice(0, axis)), product(shape.slice(axis + 1))];
  const pairs = tf.reshape(dy, outer, extent, 2, inner);
  const [even, odd] = [0, 1].map((which) =>
    tf.reshape(tf.slice(pairs, [0, 0, which, 0], [outer, extent, 1, inner]), outer, extent, inner),
  ) as [Tensor, Tensor];
  const cut = (x: Tensor, start: number, count: number): Tensor => tf.slice(x, [0, start, 0], [outer, count, inner]);
  const own = tf.scale(tf.add(even, odd), 0.75);
  // An even output's quarter goes to the voxel before (the first keeps its own), an odd one's to the voxel after.
  const toBefore = tf.add(
    tf.pad(cut(even, 1, extent - 1), [
      [0, 0],
      [0, 1],
      [0, 0],
    ]),
    tf.pad(cut(even, 0, 1), [
      [0, 0],
      [0, extent - 1],
      [0, 0],
    ]),
  );
  const toAfter = tf.add(
    tf.pad(cut(odd, 0, extent - 1), [
      [0, 0],
      [1, 0],
      [0, 0],
    ]),
    tf.pad(cut(odd, extent - 1, 1), [
      [0, 0],
      [extent - 1, 0],
      [0, 0],
    ]),
  );
  return tf.reshape(tf.add(own, tf.scale(tf.add(toBefore, toAfter), 0.25)), ...shape);
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

export const upsample2: Kernel<OpAttributes['upsample2']> = (tf, _attributes, [x]) => [
  [2, 3, 4].reduce((y, axis) => interleave(tf, y, axis), x),
];
export const upsample2Grad: Kernel<OpAttributes['upsample2Grad']> = (tf, _attributes, [dy]) => [
  [2, 3, 4].reduce((y, axis) => gather(tf, y, axis), dy),
];
