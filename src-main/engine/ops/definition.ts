import type { Node, NodeBuilder, Value } from '../graph/graph.ts';
import type { TensorType } from '../tensor/tensorType.ts';
import type { OpAttributes, OpKind } from './attributes.ts';

/** What a gradient rule may use: the forward node and the gradients of its outputs (undefined where none flows). */
export interface GradientContext<K extends OpKind> {
  readonly builder: NodeBuilder;
  readonly node: Node<K>;
  /** dLoss/dOutput; for a loss operation the upstream gradient, undefined for 1. */
  readonly gradients: readonly (Value | undefined)[];
  /** Whether a gradient of that input is wanted at all. */
  readonly wanted: (input: number) => boolean;
}

/** dLoss/dInput for each input, in order; undefined where the input has none. */
export type GradientRule<K extends OpKind> = (context: GradientContext<K>) => readonly (Value | undefined)[];

/**
 * How an operation's values may be stored where the device has float16 (arithmetic is float32 in any case):
 * - `activation`: reads float16; output 0 is an activation or the gradient of one, for which float16 is enough.
 * - `statistic`: reads float16, writes float32: sums over many values, gradients of parameters.
 * - `exact`: reads and writes float32: the loss, its probabilities, and what decides about the weights.
 */
export type StorageClass = 'activation' | 'statistic' | 'exact';

/** What running an operation again costs: a pass over its memory, a few, or a part of the network's arithmetic. */
export type RecomputeCost = 'cheap' | 'moderate' | 'expensive';

/**
 * An operation: shapes, gradient, and what the planner may do with it. One kernel per executor belongs to it.
 * - `lossBoundary`: whether it is the gradient of a loss, with which the backward pass begins.
 * - `recompute`: what it costs to run again rather than keep its result; `never` where it is not to be run twice.
 * - `indices`: inputs (i32) whose values are indices, and of how many: what the host writes into them is held to it (executors/hostData.ts),
 *   because kernels read and write memory by them. Every i32 input has one.
 * - `overwrites`: output → input that it updates in place, always.
 * - `mayReuse`: inputs whose memory output 0 may take over when nobody else needs them (elementwise kernels).
 */
export interface OpDefinition<K extends OpKind> {
  readonly infer: (attributes: OpAttributes[K], inputs: readonly TensorType[]) => readonly TensorType[];
  readonly gradient: GradientRule<K> | 'not differentiable';
  readonly storage: StorageClass;
  readonly lossBoundary: boolean;
  readonly recompute: RecomputeCost | 'never' | ((attributes: OpAttributes[K]) => RecomputeCost);
  readonly indices?: Readonly<Record<number, (inputs: readonly TensorType[]) => number>>;
  readonly overwrites?: readonly number[];
  readonly mayReuse?: readonly number[];
}
