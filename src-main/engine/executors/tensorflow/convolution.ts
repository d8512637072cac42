import type { Axes, BoxConvolutionAttributes, ConvolutionAttributes, DepthwiseAttributes, OpAttributes } from '../../ops/attributes.ts';
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

const cube = (extent: number): Axes => [extent, extent, extent];

const strides = (tf: Tensors, stride: Axes): Parameters<Tensors['op']>[2] => [
  tf.type('T'),
  tf.ints('strides', [1, ...stride, 1]),
  tf.text('padding', 'VALID'),
  tf.text('data_format', 'NDHWC'),
  tf.ints('dilations', [1, 1, 1, 1, 1]),
];

const padded = (tf: Tensors, x: Tensor, [d, h, w]: Axes): Tensor => tf.pad(x, [SAME_SHAPE, [d, d], [h, h], [w, w], SAME_SHAPE]);

const perInstance = (tf: Tensors, instances: number, work: (g: number) => Tensor): Tensor =>
  tf.concat(
    Array.from({ length: instances }, (_unused, g) => work(g)),
    0,
  );

/** One instance's convolution in host layout, without bias; and its two gradients. */
function convolve(tf: Tensors, { stride, padding }: BoxConvolutionAttributes, x: Tensor, filter: Tensor): Tensor {
  return channelsFirst(tf, tf.op('Conv3D', [padded(tf, channelsLast(tf, x), padding), filter], strides(tf, stride)));
}

function inputGradient(tf: Tensors, { stride, padding }: BoxConvolutionAttributes, inputSize: Axes, dy: Tensor, filter: Tensor): Tensor {
  const own = channelsLast(tf, dy);
  const channels = filter.shape[3] ?? 1;
  const size = inputSize.map((extent, axis) => extent + 2 * (padding[axis] ?? 0));
  const attributes = [...(strides(tf, stride) ?? []), tf.type('Tshape', tf.binding.TF_INT32)];
  const dx = tf.op('Conv3DBackpropInputV2', [tf.list(own.shape[0] ?? 1, ...size, channels), filter, own], attributes);
  return channelsFirst(tf, tf.slice(dx, [0, ...padding, 0], [own.shape[0] ?? 1, ...inputSize, channels]));
}

function weightGradient(tf: Tensors, { kernel, stride, padding }: BoxConvolutionAttributes, x: Tensor, dy: Tensor): Tensor {
  const source = padded(tf, channelsLast(tf, x), padding);
  const [ins, outs] = [x.shape[1] ?? 1, dy.shape[1] ?? 1];
  const filter = tf.op('Conv3DBackpropFilterV2', [source, tf.list(...kernel, ins, outs), channelsLast(tf, dy)], strides(tf, stride));
  return tf.reshape(tf.transpose(filter, 4, 3, 0, 1, 2), 1, outs, ins, ...kernel);
}

/** (N,C,D,H,W) plus (1,C) or (C). */
const withBias = (tf: Tensors, y: Tensor, bias: Tensor): Tensor => tf.add(y, tf.reshape(bias, 1, y.shape[1] ?? 1, 1, 1, 1));

const boxOf = ({ kernel, stride, padding }: ConvolutionAttributes): BoxConvolutionAttributes => ({
  kernel: cube(kernel),
  stride: cube(stride),
  padding: cube(padding),
});

export const conv3d: Kernel<OpAttributes['conv3d']> = (tf, attributes, [x, weight, bias]) => {
  const { instances, activation } = attributes;
  const result = perInstance(tf, instances, (g) =>
    withBias(tf, convolve(tf, boxOf(attributes), part(tf, x, g, instances), denseFilter(tf, weight, g)), part(tf, bias, g, instances)),
  );
  return [activate(tf, activation, result)];
};

export const conv3dGradInput: Kernel<OpAttributes['conv3dGradInput']> = (tf, attributes, [dy, weight]) => [
  perInstance(tf, attributes.instances, (g) =>
    inputGradient(tf, boxOf(attributes), attributes.inputSize, part(tf, dy, g, attributes.instances), denseFilter(tf, weight, g)),
  ),
];

export const conv3dGradWeight: Kernel<ConvolutionAttributes> = (tf, attributes, [x, dy]) => {
  const { instances } = attributes;
  const dWeight = perInstance(tf, instances, (g) =>
    weightGradient(tf, boxOf(attributes), part(tf, x, g, instances), part(tf, dy, g, instances)),
  );
  return [dWeight, biasGradient(tf, dy, instances)];
};

export const boxConv3d: Kernel<OpAttributes['boxConv3d']> = (tf, attributes, inputs) => {
  const [x, weight] = inputs;
  const y = convolve(tf, attributes, x, denseFilter(tf, weight, 0));
  return [activate(tf, attributes.activation, inputs.length > 2 ? withBias(tf, y, inputs[2]) : y)];
};

export const boxConv3dGradInput: Kernel<OpAttributes['boxConv3dGradInput']> = (tf, attributes, [dy, weight]) => [
  inputGradient(tf, attributes, attributes.inputSize, dy, denseFilter(tf, weight, 0)),
];

export const boxConv3dGradWeight: Kernel<OpAttributes['boxConv3dGradWeight']> = (tf, attributes, [x, dy]) => [
  weightGradient(tf, attributes, x, dy),
  biasGradient(tf, dy, 1),
];

/** Blocks of `stride` voxels that touch and do not overlap. */
const blocks = (stride: Axes): BoxConvolutionAttributes => ({ kernel: stride, stride, padding: cube(0) });

/** The transpose of a convolution from y to x. */
export const transposedConv3d: Kernel<OpAttributes['transposedConv3d']> = (tf, { stride }, inputs) => {
  const [x, weight] = inputs;
  const [, , d = 1, h = 1, w = 1] = x.shape;
  const size: Axes = [d * stride[0], h * stride[1], w * stride[2]];
  const y = inputGradient(tf, blocks(stride), size, x, denseFilter(tf, weight, 0));
  return [inputs.length > 2 ? withBias(tf, y, inputs[2]) : y];
};

export const transposedConv3dGradWeight: Kernel<OpAttributes['transposedConv3dGradWeight']> = (tf, { stride }, [x, dy]) => [
  weightGradient(tf, blocks(stride), dy, x),
  biasGradient(tf, dy, 1),
];

/** (N,C,D,H,W) with every side as (boxes, voxels of a box). */
function boxed(tf: Tensors, [n = 1, c = 1, d = 1, h = 1, w = 1]: readonly number[], [kd, kh, kw]: Axes, x: Tensor, inside: Axes): Tensor {
  return tf.reshape(x, n * c, d / kd, inside[0], h / kh, inside[1], w / kw, inside[2]);
}

export const averagePool3d: Kernel<OpAttributes['averagePool3d']> = (tf, { kernel }, [x]) => {
  const [n = 1, c = 1, d = 1, h = 1, w = 1] = x.shape;
  const means = tf.mean(boxed(tf, x.shape, kernel, x, kernel), 2, 4, 6);
  return [tf.reshape(means, n, c, d / kernel[0], h / kernel[1], w / kernel[2])];
};

export const averagePool3dGrad: Kernel<OpAttributes['averagePool3dGrad']> = (tf, { kernel }, [dy]) => {
  const [n = 1, c = 1, d = 1, h = 1, w = 1] = dy.shape;
  const shape = [n, c, d * kernel[0], h * kernel[1], w * kernel[2]];
  const share = new Float32Array(kernel[0] * kernel[1] * kernel[2]).fill(1 / (kernel[0] * kernel[1] * kernel[2]));
  const spread = tf.multiply(boxed(tf, shape, kernel, dy, cube(1)), tf.create(share, [1, 1, kernel[0], 1, kernel[1], 1, kernel[2]]));
  return [tf.reshape(spread, ...shape)];
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
  return tf.op(
    'SpaceToBatchND',
    [x, tf.list(dilation, dilation), crops(tf, x.shape, dilation)],
    [tf.type('T'), tf.type('Tblock_shape', tf.binding.TF_INT32), tf.type('Tpaddings', tf.binding.TF_INT32)],
  );
}

function whole(tf: Tensors, x: Tensor, shape: readonly number[], dilation: number): Tensor {
  if (dilation === 1) return x;
  return tf.op(
    'BatchToSpaceND',
    [x, tf.list(dilation, dilation), crops(tf, shape, dilation)],
    [tf.type('T'), tf.type('Tblock_shape', tf.binding.TF_INT32), tf.type('Tcrops', tf.binding.TF_INT32)],
  );
}

function crops(tf: Tensors, [, h = 1, w = 1]: readonly number[], dilation: number): Tensor {
  const rest = (extent: number): number => (dilation - (extent % dilation)) % dilation;
  return tf.create(Int32Array.of(0, rest(h), 0, rest(w)), [2, 2]);
}

const planeAttributes = (tf: Tensors): Parameters<Tensors['op']>[2] => [
  tf.type('T'),
  tf.ints('strides', [1, 1, 1, 1]),
  tf.text('padding', 'SAME'),
  tf.text('data_format', 'NHWC'),
  tf.ints('dilations', [1, 1, 1, 1]),
];

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
      const y = whole(
        tf,
        tf.op('DepthwiseConv2dNative', [residues(tf, images, dilation), filter], planeAttributes(tf)),
        images.shape,
        dilation,
      );
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

export const depthwiseConv3dGradInput: Kernel<DepthwiseAttributes> = (tf, attributes, [dy, weight]) => [
  depthwise(tf, attributes, dy, tf.reverse(weight, 2, 3, 4)),
];

export const depthwiseConv3dGradWeight: Kernel<DepthwiseAttributes> = (tf, { kernel, dilation, instances }, [x, dy]) => {
  const radius = (kernel - 1) / 2;
  const dWeight = perInstance(tf, instances, (g) => {
    const [source, own] = [channelsLast(tf, part(tf, x, g, instances)), channelsLast(tf, part(tf, dy, g, instances))];
    const [, d = 1, , , c = 1] = source.shape;
    const taps = Array.from({ length: kernel }, (_unused, tap) => {
      const { from, to, count } = overlap(d, dilation * (tap - radius));
      if (count === 0) return tf.create(new Float32Array(kernel * kernel * c), [1, kernel, kernel, c]);
      const [images, slopes] = [planes(tf, source, from, count), planes(tf, own, to, count)];
      const filter = tf.op(
        'DepthwiseConv2dNativeBackpropFilter',
        [residues(tf, images, dilation), tf.list(kernel, kernel, c, 1), residues(tf, slopes, dilation)],
        planeAttributes(tf),
      );
      return tf.reshape(filter, 1, kernel, kernel, c);
    });
    return tf.reshape(tf.transpose(tf.concat(taps, 0), 3, 0, 1, 2), 1, c, kernel, kernel, kernel);
  });
  return [dWeight, biasGradient(tf, dy, instances)];
};
