import type { OpAttributes, OpKind } from '../ops/attributes.ts';
import type { TensorType } from '../tensor/tensorType.ts';

/** input: written before each run. parameter and state: kept between runs. intermediate: made and used inside a run. */
export type ValueRole = 'input' | 'parameter' | 'state' | 'intermediate';

/** One tensor of a graph. Identity matters: values are compared by reference. */
export interface Value {
  readonly id: number;
  readonly type: TensorType;
  readonly role: ValueRole;
  /** Unique among inputs, parameters and states; for intermediates a hint for people. */
  readonly name: string;
}

export interface Node<K extends OpKind = OpKind> {
  readonly op: K;
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Part of the network, for profiles and counts, e.g. 'glob.dec.1'. */
  readonly scope: string;
}

/** Adds nodes to a graph under construction: what gradient rules build with (builder.ts). */
export interface NodeBuilder {
  /** Adds a node and returns its outputs. Throws `internal` when the inputs do not fit the operation. */
  node<K extends OpKind>(op: K, attributes: OpAttributes[K], inputs: readonly Value[], scope: string): readonly Value[];
}

/** A node whose `op` discriminates its attributes. */
export type AnyNode = { [K in OpKind]: Node<K> }[OpKind];

/**
 * Nodes in an order that respects their dependencies. `outputs` are the values that can be read after a run; `updates` maps a
 * parameter or state to the intermediate that becomes its next value (always an in-place output of its node).
 */
export interface Graph {
  readonly inputs: readonly Value[];
  readonly parameters: readonly Value[];
  readonly states: readonly Value[];
  readonly nodes: readonly AnyNode[];
  readonly outputs: ReadonlyMap<string, Value>;
  readonly updates: ReadonlyMap<Value, Value>;
}
