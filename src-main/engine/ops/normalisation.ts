import { activation, f32 } from '../tensor/tensorType.ts';
import type { OpDefinition } from './definition.ts';
import { input, requireShape } from './shapes.ts';

export const batchNormStatistics: OpDefinition<'batchNormStatistics'> = {
  infer({ instances }, inputs) {
    const x = activation(input(inputs, 0));
    requireShape(x.n % instances === 0, 'batchNormStatistics', inputs);
    return [f32(instances, x.c), f32(instances, x.c)];
  },
  // What flows through mean and variance is part of batchNormGradInput.
  gradient: 'not differentiable',
  storage: 'statistic',
  lossBoundary: false,
  recompute: 'never',
};

export const batchNormApply: OpDefinition<'batchNormApply'> = {
  infer({ instances }, inputs) {
    const x = activation(input(inputs, 0));
    for (const index of [1, 2, 3, 4]) {
      const [g, c] = input(inputs, index).shape;
      requireShape(g === instances && c === x.c, 'batchNormApply', inputs);
    }
    return [input(inputs, 0)];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [x, mean, variance, gamma, beta] = node.inputs;
    if (dy === undefined || !x || !mean || !variance || !gamma || !beta) return [];
    const saved = [dy, x, mean, variance, gamma, beta];
    const [dGamma, dBeta] = builder.node('batchNormGradStatistics', node.attributes, saved, node.scope);
    if (!wanted(0) || !dGamma || !dBeta) return [undefined, undefined, undefined, dGamma, dBeta];
    const [dx] = builder.node('batchNormGradInput', node.attributes, [...saved, dGamma, dBeta], node.scope);
    return [dx, undefined, undefined, dGamma, dBeta];
  },
  mayReuse: [0],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const batchNormGradStatistics: OpDefinition<'batchNormGradStatistics'> = {
  infer({ instances }, inputs) {
    const { c } = activation(input(inputs, 0));
    return [f32(instances, c), f32(instances, c)];
  },
  gradient: 'not differentiable',
  storage: 'statistic',
  lossBoundary: false,
  recompute: 'never',
};

export const batchNormGradInput: OpDefinition<'batchNormGradInput'> = {
  infer: (_attributes, inputs) => [input(inputs, 0)],
  gradient: 'not differentiable',
  mayReuse: [0],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const runningStatisticsUpdate: OpDefinition<'runningStatisticsUpdate'> = {
  infer: (_attributes, inputs) => [input(inputs, 0), input(inputs, 1)],
  gradient: 'not differentiable',
  overwrites: [0, 1],
  storage: 'exact',
  lossBoundary: false,
  recompute: 'never',
};

export const instanceNorm: OpDefinition<'instanceNorm'> = {
  infer(_attributes, inputs) {
    const x = activation(input(inputs, 0));
    for (const index of [1, 2]) {
      const [g, c] = input(inputs, index).shape;
      requireShape(g === 1 && c === x.c, 'instanceNorm', inputs);
    }
    return [input(inputs, 0)];
  },
  gradient({ builder, node, gradients: [dy] }) {
    const [x, gamma, beta] = node.inputs;
    return dy && x && gamma && beta ? builder.node('instanceNormGrad', node.attributes, [dy, x, gamma, beta], node.scope) : [];
  },
  mayReuse: [0],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const instanceNormGrad: OpDefinition<'instanceNormGrad'> = {
  infer: (_attributes, inputs) => [input(inputs, 0), input(inputs, 2), input(inputs, 3)],
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const layerNorm: OpDefinition<'layerNorm'> = {
  infer({ instances }, inputs) {
    const x = activation(input(inputs, 0));
    const [g, c] = input(inputs, 1).shape;
    requireShape(g === instances && c === x.c, 'layerNorm', inputs);
    return [input(inputs, 0)];
  },
  gradient({ builder, node, gradients: [dy] }) {
    const [x, gamma] = node.inputs;
    return dy && x && gamma ? builder.node('layerNormGrad', node.attributes, [dy, x, gamma], node.scope) : [];
  },
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const layerNormGrad: OpDefinition<'layerNormGrad'> = {
  infer(_attributes, inputs) {
    const gamma = input(inputs, 2);
    return [input(inputs, 0), gamma, gamma];
  },
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};
