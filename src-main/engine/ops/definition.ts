import type { GraphBuilder } from '../graph/builder.ts';
import type { Node, Value } from '../graph/graph.ts';
import type { TensorType } from '../tensor/tensorType.ts';
import type { OpAttributes, OpKind } from './attributes.ts';

/** What a gradient rule may use: the forward node and the gradients of its outputs (undefined where none flows). */
export interface GradientContext<K extends OpKind> {
  readonly builder: GraphBuilder;
  readonly node: Node<K>;
  /** dLoss/dOutput; for a loss operation the upstream gradient, undefined for 1. */
  readonly gradients: readonly (Value | undefined)[];
  /** Whether a gradient of that input is wanted at all. */
  readonly wanted: (input: number) => boolean;
}

/** dLoss/dInput for each input, in order; undefined where the input has none. */
export type GradientRule<K extends OpKind> = (context: GradientContext<K>) => readonly (Value | undefined)[];

/**
 * An operation: shapes, gradient, and what the planner may do with it. One kernel per executor belongs to it.
 * - `overwrites`: output → input that it updates in place, always.
 * - `mayReuse`: inputs whose memory output 0 may take over when nobody else needs them (elementwise kernels).
 * - `recompute`: how dear it is to run again rather than keep its result.
 */
export interface OpDefinition<K extends OpKind> {
  readonly infer: (attributes: OpAttributes[K], inputs: readonly TensorType[]) => readonly TensorType[];
  readonly gradient: GradientRule<K> | 'not differentiable';
  readonly overwrites?: readonly number[];
  readonly mayReuse?: readonly number[];
  readonly recompute?: 'cheap' | 'moderate' | 'dear';
}
