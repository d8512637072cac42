import type { Plan } from '../../plan/plan.ts';
import { expectedRates, type Rates } from './kernels/candidates.ts';
import { MemoryLayout } from './memory.ts';
import { lowerPlan, type Program } from './program.ts';
import { maxScratch } from './session.ts';

/** Work of all kernels of one class in a run. */
export interface KernelClassCount {
  readonly name: string;
  readonly dispatches: number;
  /** Two per multiply-accumulate. */
  readonly operations: number;
  /** Each operand once: what a perfect cache would move. */
  readonly bytes: number;
  /** What the workgroups of tiled kernels load, repeated loads counted; equal to `bytes` for the others. */
  readonly loaded: number;
}

/** A plan's kernels on a large GPU (2 GiB bindings, 48 KiB of workgroup memory), without one. */
export function lowerForLargeDevice(plan: Plan, rates: Rates = expectedRates(false)): Program {
  const limit = 2 ** 31 - 256;
  const layout = new MemoryLayout(plan, limit);
  return lowerPlan(plan, {
    pageOf: (value) => layout.pageOf(value),
    rates,
    workgroup: { bytes: 49152, threads: 256 },
    subgroups: true,
    maxBindings: 10,
    maxScratch: maxScratch(limit),
  });
}

/** Counts per kernel class, most operations first. */
export function countKernels({ kernels }: Program): KernelClassCount[] {
  const classes = new Map<string, KernelClassCount>();
  for (const { name, work } of kernels) {
    const known = classes.get(name) ?? { name, dispatches: 0, operations: 0, bytes: 0, loaded: 0 };
    classes.set(name, {
      name,
      dispatches: known.dispatches + 1,
      operations: known.operations + work.operations,
      bytes: known.bytes + work.bytes,
      loaded: known.loaded + (work.loaded ?? work.bytes),
    });
  }
  return [...classes.values()].sort((a, b) => b.operations - a.operations || b.bytes - a.bytes);
}
