import { activation, f32 } from '../tensor/tensorType.ts';
import type { DiceCrossEntropyAttributes } from './attributes.ts';
import type { OpDefinition } from './definition.ts';
import { input, requireShape } from './shapes.ts';

/** logits (N,C,D,H,W), label: below C. */
const labels: OpDefinition<'diceCrossEntropy'>['indices'] = { 1: ([logits]) => logits?.shape[1] ?? 0 };
/** logits (B,Z,N,K,1), pseudo: below K; masked: 0 or 1. */
const pseudoLabels: OpDefinition<'pseudoLabelLoss'>['indices'] = { 1: ([logits]) => logits?.shape[3] ?? 0, 2: () => 2 };

/**
 * A class and all that it lies inside of, from the inside; undefined where that is no class or comes back to itself. The background, 0, lies in none
 * and holds none.
 */
export function around(inside: readonly number[], own: number): number[] | undefined {
  const classes = [own];
  for (let outer = inside[own] ?? 0; outer !== 0; outer = inside[outer] ?? 0) {
    if (own === 0 || !(outer in inside) || classes.includes(outer)) return undefined;
    classes.push(outer);
  }
  return classes;
}

/** By which the voxels of each class's region count, so that over all regions every voxel counts by its own class. */
export function regionWeights({ classWeights, inside }: DiceCrossEntropyAttributes, classes: number): number[] {
  const weight = (own: number): number => classWeights[own] ?? 1;
  return Array.from({ length: classes }, (_unused, own) => weight(own) - ((inside[own] ?? 0) === 0 ? 0 : weight(inside[own] ?? 0)));
}

export const diceCrossEntropy: OpDefinition<'diceCrossEntropy'> = {
  infer({ overBatch, classWeights, inside }, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    const label = input(inputs, 1);
    const weighs = classWeights.length === 0 || classWeights.length === c;
    const nests = inside.length === 0 || (inside.length === c && inside.every((_outer, own) => around(inside, own) !== undefined));
    requireShape(weighs && nests && label.element === 'i32' && label.shape.join() === [n, d, h, w].join(), 'diceCrossEntropy', inputs);
    return [f32(1), f32(1), f32(1), f32(overBatch ? 1 : n, c, 3)];
  },
  gradient({ builder, node, gradients: [upstream] }) {
    const [logits, label] = node.inputs;
    const sums = node.outputs[3];
    return logits && label && sums
      ? builder.node('diceCrossEntropyGrad', node.attributes, [logits, label, sums, ...(upstream ? [upstream] : [])], node.scope)
      : [];
  },
  indices: labels,
  storage: 'exact',
  lossBoundary: false,
  recompute: 'never',
};

export const diceCrossEntropyGrad: OpDefinition<'diceCrossEntropyGrad'> = {
  infer: (_attributes, inputs) => [input(inputs, 0)],
  gradient: 'not differentiable',
  mayReuse: [0],
  indices: labels,
  storage: 'exact',
  lossBoundary: true,
  recompute: 'never',
};

export const pseudoLabelLoss: OpDefinition<'pseudoLabelLoss'> = {
  infer(_attributes, inputs) {
    const [b, z, n, , one] = input(inputs, 0).shape;
    requireShape(
      one === 1 && input(inputs, 1).shape.join() === [b, z, n].join() && input(inputs, 2).shape.join() === [b, z].join(),
      'pseudoLabelLoss',
      inputs,
    );
    return [f32(1)];
  },
  gradient({ builder, node, gradients: [upstream] }) {
    return builder.node('pseudoLabelLossGrad', node.attributes, [...node.inputs, ...(upstream ? [upstream] : [])], node.scope);
  },
  indices: pseudoLabels,
  storage: 'exact',
  lossBoundary: false,
  recompute: 'never',
};

export const pseudoLabelLossGrad: OpDefinition<'pseudoLabelLossGrad'> = {
  infer: (_attributes, inputs) => [input(inputs, 0)],
  gradient: 'not differentiable',
  indices: pseudoLabels,
  storage: 'exact',
  lossBoundary: true,
  recompute: 'never',
};
