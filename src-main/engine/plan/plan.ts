import type { AnyNode, Graph, Value } from '../graph/graph.ts';
import type { TensorType } from '../tensor/tensorType.ts';

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

/** What a plan depends on of the device that it is made for. */
export interface PlanTarget {
  /** Whether elementwise kernels may write their first output over an input that is not needed any more (`mayReuse`). */
  readonly reusesMemory: boolean;
  /**
   * Present where large intermediates are stored as float16: the graph with those values so typed. Gradients then need a loss scale
   * (training/lossScale.ts).
   */
  readonly narrow?: (graph: Graph) => Graph;
  /** Bytes that a tensor takes in the device's own layout (padding included, a multiple of its alignment). */
  storageBytes(type: TensorType): number;
}
