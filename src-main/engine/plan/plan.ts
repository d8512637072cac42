import type { AnyNode, Graph, Value } from '../graph/graph.ts';

/** Where a value lives: `offset` bytes into the arena. Parameters, states and inputs have fixed places of their own. */
export interface Placement {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * A graph with its order and memory decided for one executor. Values that share a placement in time never overlap in space; an
 * in-place output has exactly the placement of the input that it overwrites.
 */
export interface Plan {
  readonly graph: Graph;
  readonly steps: readonly AnyNode[];
  readonly placements: ReadonlyMap<Value, Placement>;
  /** Bytes of the one arena that holds everything: parameters, states, inputs and intermediates. */
  readonly arenaBytes: number;
  /** What part of `arenaBytes` lives between runs (parameters, states). */
  readonly persistentBytes: number;
  /** Nodes that run twice because their results were cheaper to make again than to keep. */
  readonly recomputed: number;
}
