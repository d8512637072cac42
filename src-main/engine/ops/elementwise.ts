import type { OpDefinition } from './definition.ts';
import { input, requireSame } from './shapes.ts';

export const activationOp: OpDefinition<'activation'> = {
  infer: (_attributes, inputs) => [input(inputs, 0)],
  gradient({ builder, node, gradients: [dy] }) {
    const [x] = node.inputs;
    return dy && x ? builder.node('activationGrad', node.attributes, [dy, x], node.scope) : [];
  },
  mayReuse: [0],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const activationGrad: OpDefinition<'activationGrad'> = {
  infer(_attributes, inputs) {
    requireSame(inputs, 0, 1);
    return [input(inputs, 0)];
  },
  gradient: 'not differentiable',
  mayReuse: [0, 1],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const add: OpDefinition<'add'> = {
  infer(_attributes, inputs) {
    requireSame(inputs, 0, 1);
    return [input(inputs, 0)];
  },
  gradient: ({ gradients: [dy] }) => [dy, dy],
  mayReuse: [0, 1],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const multiply: OpDefinition<'multiply'> = {
  infer(_attributes, inputs) {
    requireSame(inputs, 0, 1);
    return [input(inputs, 0)];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [a, b] = node.inputs;
    if (!dy || !a || !b) return [];
    return [
      wanted(0) ? builder.node('multiply', {}, [dy, b], node.scope)[0] : undefined,
      wanted(1) ? builder.node('multiply', {}, [dy, a], node.scope)[0] : undefined,
    ];
  },
  mayReuse: [0, 1],
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const softmax: OpDefinition<'softmax'> = {
  infer: (_attributes, inputs) => [input(inputs, 0)],
  gradient: 'not differentiable',
  mayReuse: [0],
  storage: 'exact',
  lossBoundary: false,
  recompute: 'never',
};
