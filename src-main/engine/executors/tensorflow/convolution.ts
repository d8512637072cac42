import type { ConvolutionAttributes, DepthwiseAttributes, OpAttributes } from '../../ops/attributes.ts';
import { activate } from './elementwise.ts';
import type { Kernel } from './kernel.ts';
import type { Tensor, Tensors } from './tensors.ts';

const SAME_SHAPE = [0, 0] as const;

/** Host layout N,C,D,H,W to TensorFlow's N,D,H,W,C and back; its CPU kernels know no other. */
const channelsLast = (tf: Tensors, x: Tensor): Tensor => tf.transpose(x, 0, 2, 3, 4, 1);
const channelsFirst = (tf: Tensors, x: Tensor): Tensor => tf.transpose(x, 0, 4, 1, 2, 3);

/** Part `instance` of `count` equal parts along the first axis. */
function part(tf: Tensors, x: Tensor, instance: number, count: number): Tensor {
  if (count === 1) return x;
  const [n = 0, ...rest] = x.shape;
  return tf.slice(x, [instance * (n / count), ...rest.map(() => 0)], [n / count, ...rest]);
}

/** Instance g's weights (O,I,k,k,k) as TensorFlow's (k,k,k,I,O). */
function denseFilter(tf: Tensors, weight: Tensor, g: number): Tensor {
  const [, ...rest] = weight.shape;
  return tf.transpose(tf.reshape(part(tf, weight, g, weight.shape[0] ?? 1), ...rest), 2, 3, 4, 1, 0);
}

const strides = (tf: Tensors, stride: number): Parameters<Tensors['op']>[2] =>
  [tf.type('T'), tf.ints('strides', [1, stride, stride, stride, 1]), tf.text('padding', 'VALID'), tf.text('data_format', 'NDHWC'), tf.ints('dilations', [1, 1, 1, 1, 1])];

const padded = (tf: Tensors, x: Tensor, padding: number): Tensor =>
  tf.pad(x, [SAME_SHAPE, [padding, padding], [padding, padding], [padding, padding], SAME_SHAPE]);

const perInstance = (tf: Tensors, instances: number, work: (g: number) => Tensor): Tensor =>
  tf.concat(Array.from({ length: instances }, (_unused, g) => work(g)), 0);

export const conv3d: Kernel<OpAttributes['conv3d']> = (tf, { stride, padding, instances, activation }, [x, weight, bias]) => {
  const result = perInstance(tf, instances, (g) => {
    const y = tf.op('Conv3D', [padded(tf, channelsLast(tf, part(tf, x, g, instances)), padding), denseFilter(tf, weight, g)], strides(tf, stride));
    return channelsFirst(tf, tf.add(y, tf.reshape(part(tf, bias, g, instances), -1)));
  });
  return [activate(tf, activation, result)];
};

export const conv3dGradInput: Kernel<OpAttributes['conv3dGradInput']> = (tf, { stride, padding, instances, inputSize }, [dy, weight]) => [perInstance(tf, instances, (g) => {
  const own = channelsLast(tf, part(tf, dy, g, instances));
  const filter = denseFilter(tf, weight, g);
  const channels = filter.shape[3] ?? 1;
  const size = inputSize.map((extent) => extent + 2 * padding);
  const attributes = [...strides(tf, stride) ?? [], tf.type('Tshape', tf.binding.TF_INT32)];
  const dx = tf.op('Conv3DBackpropInputV2', [tf.list(own.shape[0] ?? 1, ...size, channels), filter, own], attributes);
  return channelsFirst(tf, tf.slice(dx, [0, padding, padding, padding, 0], [own.shape[0] ?? 1, ...inputSize, channels]));
})];

export const conv3dGradWeight: Kernel<ConvolutionAttributes> = (tf, { kernel, stride, padding, instances }, [x, dy]) => {
  const dWeight = perInstance(tf, instances, (g) => {
    const source = padded(tf, channelsLast(tf, part(tf, x, g, instances)), padding);
    const own = channelsLast(tf, part(tf, dy, g, instances));
    const sizes = [kernel, kernel, kernel, x.shape[1] ?? 1, dy.shape[1] ?? 1];
    const filter = tf.op('Conv3DBackpropFilterV2', [source, tf.list(...sizes), own], strides(tf, stride));
    return tf.reshape(tf.transpose(filter, 4, 3, 0, 1, 2), 1, dy.shape[1] ?? 1, x.shape[1] ?? 1, kernel, kernel, kernel);
  });
  return [dWeight, biasGradient(tf, dy, instances)];
};

/** Σ over samples and voxels, per instance and channel. */
function biasGradient(tf: Tensors, dy: Tensor, instances: number): Tensor {
  const channels = dy.shape[1] ?? 1;
  const grouped = tf.reshape(dy, instances, (dy.shape[0] ?? 1) / instances, channels, -1);
  return tf.reshape(tf.sum(grouped, 1, 3), instances, channels);
}

/** Rows and columns of one residue class become an image of their own, so that a dilated convolution is a plain one. */
function residues(tf: Tensors, x: Tensor, dilation: number): Tensor {
  if (dilation === 1) return x;
  return tf.op('SpaceToBatchND', [x, tf.list(dilation, dilation), crops(tf, x.shape, dilation)], [tf.type('T'), tf.type('Tblock_shape', tf.binding.TF_INT32), tf.type('Tpaddings', tf.binding.TF_INT32)]);
}

function whole(tf: Tensors, x: Tensor, shape: readonly number[], dilation: number): Tensor {
  if (dilation === 1) return x;
  return tf.op('BatchToSpaceND', [x, tf.list(dilation, dilation), crops(tf, shape, dilation)], [tf.type('T'), tf.type('Tblock_shape', tf.binding.TF_INT32), tf.type('Tcrops', tf.binding.TF_INT32)]);
}

function crops(tf: Tensors, [, h = 1, w = 1]: readonly number[], dilation: number): Tensor {
  const rest = (extent: number): number => (dilation - (extent % dilation)) % dilation;
  return tf.create(Int32Array.of(0, rest(h), 0, rest(w)), [2, 2]);
}

const planeAttributes = (tf: Tensors): Parameters<Tensors['op']>[2] =>
  [tf.type('T'), tf.ints('strides', [1, 1, 1, 1]), tf.text('padding', 'SAME'), tf.text('data_format', 'NHWC'), tf.ints('dilations', [1, 1, 1, 1])];

/** The depths that tap `offset` connects: outputs [to, to + count) with inputs [from, from + count). */
function overlap(depth: number, offset: number): { readonly from: number; readonly to: number; readonly count: number } {
  return { from: Math.max(0, offset), to: Math.max(0, -offset), count: Math.max(0, depth - Math.abs(offset)) };
}

/** Planes [start, start + count) of N,D,H,W,C as a batch of images. */
function planes(tf: Tensors, x: Tensor, start: number, count: number): Tensor {
  const [n = 1, , h = 1, w = 1, c = 1] = x.shape;
  return tf.reshape(tf.slice(x, [0, start, 0, 0, 0], [n, count, h, w, c]), n * count, h, w, c);
}

/** Sum over depth taps of 2D depthwise convolutions. */
function depthwise(tf: Tensors, { kernel, dilation, instances }: DepthwiseAttributes, x: Tensor, weight: Tensor): Tensor {
  const radius = (kernel - 1) / 2;
  return perInstance(tf, instances, (g) => {
    const source = channelsLast(tf, part(tf, x, g, instances));
    const [n = 1, d = 1, h = 1, w = 1, c = 1] = source.shape;
    const filters = tf.transpose(tf.reshape(part(tf, weight, g, instances), c, kernel, kernel, kernel), 1, 2, 3, 0);
    let total: Tensor | undefined;
    for (let tap = 0; tap < kernel; tap++) {
      const { from, to, count } = overlap(d, dilation * (tap - radius));
      if (count === 0) continue;
      const images = planes(tf, source, from, count);
      const filter = tf.reshape(tf.slice(filters, [tap, 0, 0, 0], [1, kernel, kernel, c]), kernel, kernel, c, 1);
      const y = whole(tf, tf.op('DepthwiseConv2dNative', [residues(tf, images, dilation), filter], planeAttributes(tf)), images.shape, dilation);
      const placed = tf.pad(tf.reshape(y, n, count, h, w, c), [SAME_SHAPE, [to, d - to - count], SAME_SHAPE, SAME_SHAPE, SAME_SHAPE]);
      total = total === undefined ? placed : tf.add(total, placed);
    }
    return channelsFirst(tf, total ?? source);
  });
}

export const depthwiseConv3d: Kernel<DepthwiseAttributes> = (tf, attributes, [x, weight, bias]) => {
  const { instances } = attributes;
  const y = depthwise(tf, attributes, x, weight);
  const [n = 1, c = 1] = y.shape;
  const grouped = tf.reshape(y, instances, n / instances, c, -1);
  return [tf.reshape(tf.add(grouped, tf.reshape(bias, instances, 1, c, 1)), ...y.shape)];
};

export const depthwiseConv3dGradInput: Kernel<DepthwiseAttributes> = (tf, attributes, [dy, weight]) => [depthwise(tf, attributes, dy, tf.reverse(weight, 2, 3, 4))];

export const depthwiseConv3dGradWeight: Kernel<DepthwiseAttributes> = (tf, { kernel, dilation, instances }, [x, dy]) => {
  const radius = (kernel - 1) / 2;
  const dWeight = perInstance(tf, instances, (g) => {
    const [source, own] = [channelsLast(tf, part(tf, x, g, instances)), channelsLast(tf, part(tf, dy, g, instances))];
    const [, d = 1, , , c = 1] = source.shape;
    const taps = Array.from({ length: kernel }, (_unused, tap) => {
      const { from, to, count } = overlap(d, dilation * (tap - radius));
      if (count === 0) return tf.create(new Float32Array(kernel * kernel * c), [1, kernel, kernel, c]);
      const [images, slopes] = [planes(tf, source, from, count), planes(tf, own, to, count)];
      const filter = tf.op('DepthwiseConv2dNativeBackpropFilter', [residues(tf, images, dilation), tf.list(kernel, kernel, c, 1), residues(tf, slopes, dilation)], planeAttributes(tf));
      return tf.reshape(filter, 1, kernel, kernel, c);
    });
    return tf.reshape(tf.transpose(tf.concat(taps, 0), 3, 0, 1, 2), 1, c, kernel, kernel, kernel);
  });
  return [dWeight, biasGradient(tf, dy, instances)];
};
