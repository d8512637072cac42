import type { Value } from '../../graph/graph.ts';
import type { Scratch } from './kernel.ts';
import type { Tile } from './kernels/gemm.ts';

/** Where a value begins inside its page of the arena, in elements. */
export interface PagePosition {
  readonly page: number;
  readonly start: number;
}

/** What lowering a node to kernels may ask for. */
export interface LoweringContext {
  readonly scratch: Scratch;
  readonly pageOf: (value: Value) => PagePosition;
  /** Relative rate of a matrix tile on this device (1 unless tuned). */
  readonly tileSpeed: (tile: Tile) => number;
  /** Storage bindings that a kernel may have. */
  readonly maxBindings: number;
  /** Float32 elements that a step may take of the scratch buffer. */
  readonly maxScratch: number;
}
