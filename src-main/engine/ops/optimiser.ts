import { f32 } from '../tensor/tensorType.ts';
import type { OpDefinition } from './definition.ts';
import { input, requireSame } from './shapes.ts';

export const gradientNorm: OpDefinition<'gradientNorm'> = {
  infer: () => [f32(1)],
  gradient: 'not differentiable',
  storage: 'exact',
  lossBoundary: false,
  recompute: 'never',
};

export const adamW: OpDefinition<'adamW'> = {
  infer(_attributes, inputs) {
    for (const index of [1, 2, 3]) requireSame(inputs, 0, index);
    return [input(inputs, 0), input(inputs, 2), input(inputs, 3)];
  },
  gradient: 'not differentiable',
  overwrites: [0, 2, 3],
  storage: 'exact',
  lossBoundary: false,
  recompute: 'never',
};
