import { activation, f32 } from '../tensor/tensorType.ts';
import type { ConvolutionAttributes } from './attributes.ts';
import type { OpDefinition } from './definition.ts';
import { input, requireShape } from './shapes.ts';

function outputExtent(extent: number, { kernel, stride, padding }: ConvolutionAttributes): number {
  return Math.floor((extent + 2 * padding - kernel) / stride) + 1;
}

export const conv3d: OpDefinition<'conv3d'> = {
  infer(attributes, inputs) {
    const x = activation(input(inputs, 0));
    const [g, o, i, k] = input(inputs, 1).shape;
    requireShape(
      g === attributes.instances && i === x.c && k === attributes.kernel && x.n % attributes.instances === 0 && o !== undefined,
      'conv3d',
      inputs,
    );
    return [f32(x.n, o, outputExtent(x.d, attributes), outputExtent(x.h, attributes), outputExtent(x.w, attributes))];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [x, weight] = node.inputs;
    if (dy === undefined || x === undefined || weight === undefined) return [];
    const { kernel, stride, padding, instances } = node.attributes;
    const convolution = { kernel, stride, padding, instances };
    const [dWeight, dBias] = builder.node('conv3dGradWeight', convolution, [x, dy], node.scope);
    if (!wanted(0)) return [undefined, dWeight, dBias];
    const { d, h, w } = activation(x.type);
    const [dx] = builder.node('conv3dGradInput', { ...convolution, inputSize: [d, h, w] }, [dy, weight], node.scope);
    return [dx, dWeight, dBias];
  },
  storage: 'activation',
  lossBoundary: false,
  // A 1³ convolution is worth a few passes over its memory; larger kernels dominate the network's arithmetic.
  recompute: ({ kernel }) => (kernel === 1 ? 'moderate' : 'expensive'),
};

export const conv3dGradInput: OpDefinition<'conv3dGradInput'> = {
  infer({ inputSize }, inputs) {
    const dy = activation(input(inputs, 0));
    const [, o, i] = input(inputs, 1).shape;
    requireShape(o === dy.c && i !== undefined, 'conv3dGradInput', inputs);
    return [f32(dy.n, i, ...inputSize)];
  },
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const conv3dGradWeight: OpDefinition<'conv3dGradWeight'> = {
  infer({ kernel, instances }, inputs) {
    const x = activation(input(inputs, 0));
    const dy = activation(input(inputs, 1));
    requireShape(x.n === dy.n && x.n % instances === 0, 'conv3dGradWeight', inputs);
    return [f32(instances, dy.c, x.c, kernel, kernel, kernel), f32(instances, dy.c)];
  },
  gradient: 'not differentiable',
  storage: 'statistic',
  lossBoundary: false,
  recompute: 'never',
};

export const depthwiseConv3d: OpDefinition<'depthwiseConv3d'> = {
  infer({ kernel, instances }, inputs) {
    const x = activation(input(inputs, 0));
    const [g, c, k] = input(inputs, 1).shape;
    requireShape(g === instances && c === x.c && k === kernel && kernel % 2 === 1, 'depthwiseConv3d', inputs);
    return [input(inputs, 0)];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [x, weight] = node.inputs;
    if (dy === undefined || x === undefined || weight === undefined) return [];
    const [dWeight, dBias] = builder.node('depthwiseConv3dGradWeight', node.attributes, [x, dy], node.scope);
    if (!wanted(0)) return [undefined, dWeight, dBias];
    const [dx] = builder.node('depthwiseConv3dGradInput', node.attributes, [dy, weight], node.scope);
    return [dx, dWeight, dBias];
  },
  storage: 'activation',
  lossBoundary: false,
  recompute: 'moderate',
};

export const depthwiseConv3dGradInput: OpDefinition<'depthwiseConv3dGradInput'> = {
  infer: (_attributes, inputs) => [input(inputs, 0)],
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const depthwiseConv3dGradWeight: OpDefinition<'depthwiseConv3dGradWeight'> = {
  infer({ kernel, instances }, inputs) {
    const { c } = activation(input(inputs, 0));
    return [f32(instances, c, kernel, kernel, kernel), f32(instances, c)];
  },
  gradient: 'not differentiable',
  storage: 'statistic',
  lossBoundary: false,
  recompute: 'never',
};
