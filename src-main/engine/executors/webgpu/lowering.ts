import type { Value } from '../../graph/graph.ts';
import type { Scratch } from './kernel.ts';
import type { Rates, WorkgroupLimits } from './kernels/candidates.ts';

/** Where a value begins inside its page of the arena, in elements. */
export interface PagePosition {
  readonly page: number;
  readonly start: number;
}

/** What lowering a node to kernels may ask for. */
export interface LoweringContext {
  readonly scratch: Scratch;
  readonly pageOf: (value: Value) => PagePosition;
  /** Rates of the ways to compute a dense convolution on this device. */
  readonly rates: Rates;
  readonly workgroup: WorkgroupLimits;
  /** Whether sums over a workgroup may go by subgroups. */
  readonly subgroups: boolean;
  /** Storage bindings that a kernel may have. */
  readonly maxBindings: number;
  /** Float32 elements that a step may take of the scratch buffer. */
  readonly maxScratch: number;
}
