import { activation, f32 } from '../tensor/tensorType.ts';
import type { Axes, BoxConvolutionAttributes } from './attributes.ts';
import type { OpDefinition } from './definition.ts';
import { input, requireShape } from './shapes.ts';

const NO_PADDING: Axes = [0, 0, 0];

function outputExtents(extents: Axes, { kernel, stride, padding }: BoxConvolutionAttributes): Axes {
  const along = (axis: 0 | 1 | 2): number => Math.floor((extents[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis]) + 1;
  return [along(0), along(1), along(2)];
}

const same = (shape: readonly number[], kernel: Axes): boolean => kernel.every((extent, axis) => shape[3 + axis] === extent);

export const boxConv3d: OpDefinition<'boxConv3d'> = {
  infer(attributes, inputs) {
    const x = activation(input(inputs, 0));
    const weight = input(inputs, 1).shape;
    const [g, o = 0, i] = weight;
    requireShape(g === 1 && i === x.c && same(weight, attributes.kernel), 'boxConv3d', inputs);
    const extents = outputExtents([x.d, x.h, x.w], attributes);
    requireShape(Math.min(...extents) > 0, 'boxConv3d', inputs);
    return [f32(x.n, o, ...extents)];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [x, weight] = node.inputs;
    if (dy === undefined || x === undefined || weight === undefined) return [];
    const { kernel, stride, padding } = node.attributes;
    const [dWeight, dBias] = builder.node('boxConv3dGradWeight', { kernel, stride, padding }, [x, dy], node.scope);
    if (!wanted(0)) return [undefined, dWeight, dBias];
    const { d, h, w } = activation(x.type);
    const [dx] = builder.node('boxConv3dGradInput', { kernel, stride, padding, inputSize: [d, h, w] }, [dy, weight], node.scope);
    return [dx, dWeight, dBias];
  },
  storage: 'activation',
  lossBoundary: false,
  recompute: ({ kernel }) => (kernel.every((extent) => extent === 1) ? 'moderate' : 'expensive'),
};

export const boxConv3dGradInput: OpDefinition<'boxConv3dGradInput'> = {
  infer({ inputSize }, inputs) {
    const dy = activation(input(inputs, 0));
    const [, o, i = 0] = input(inputs, 1).shape;
    requireShape(o === dy.c, 'boxConv3dGradInput', inputs);
    return [f32(dy.n, i, ...inputSize)];
  },
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const boxConv3dGradWeight: OpDefinition<'boxConv3dGradWeight'> = {
  infer({ kernel }, inputs) {
    const x = activation(input(inputs, 0));
    const dy = activation(input(inputs, 1));
    requireShape(x.n === dy.n, 'boxConv3dGradWeight', inputs);
    return [f32(1, dy.c, x.c, ...kernel), f32(1, dy.c)];
  },
  gradient: 'not differentiable',
  storage: 'statistic',
  lossBoundary: false,
  recompute: 'never',
};

export const transposedConv3d: OpDefinition<'transposedConv3d'> = {
  infer({ stride }, inputs) {
    const x = activation(input(inputs, 0));
    const weight = input(inputs, 1).shape;
    const [g, i, o = 0] = weight;
    requireShape(g === 1 && i === x.c && same(weight, stride), 'transposedConv3d', inputs);
    return [f32(x.n, o, x.d * stride[0], x.h * stride[1], x.w * stride[2])];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [x, weight] = node.inputs;
    if (dy === undefined || x === undefined || weight === undefined) return [];
    const { stride } = node.attributes;
    const [dWeight, dBias] = builder.node('transposedConv3dGradWeight', { stride }, [x, dy], node.scope);
    if (!wanted(0)) return [undefined, dWeight, dBias];
    const convolution = { kernel: stride, stride, padding: NO_PADDING, activation: 'none' } as const;
    return [builder.node('boxConv3d', convolution, [dy, weight], node.scope)[0], dWeight, dBias];
  },
  storage: 'activation',
  lossBoundary: false,
  recompute: 'moderate',
};

export const transposedConv3dGradWeight: OpDefinition<'transposedConv3dGradWeight'> = {
  infer({ stride }, inputs) {
    const x = activation(input(inputs, 0));
    const dy = activation(input(inputs, 1));
    requireShape(
      x.n === dy.n && x.d * stride[0] === dy.d && x.h * stride[1] === dy.h && x.w * stride[2] === dy.w,
      'transposedConv3dGradWeight',
      inputs,
    );
    return [f32(1, x.c, dy.c, ...stride), f32(1, dy.c)];
  },
  gradient: 'not differentiable',
  storage: 'statistic',
  lossBoundary: false,
  recompute: 'never',
};
