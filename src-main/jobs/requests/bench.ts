import * as v from 'valibot';
import type { Triple } from '#shared/geometry/grid.ts';
import { deviceFields } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  ...deviceFields,
  repetitions: v.number(),
  /** Leave the rest out. */
  only: v.optional(v.picklist(['kernels', 'networks'])),
});
export type BenchConfig = v.InferOutput<typeof schema>;

export interface KernelTime {
  /** For a person, e.g. '3³ 32→64, 96³'. */
  readonly name: string;
  readonly pass: 'forward' | 'input gradient' | 'weight gradient';
  /** Fastest of the repetitions. */
  readonly milliseconds: number;
  /** Taps in the padding counted, as is usual. */
  readonly gflops: number;
  /** Of the measured multiply-add peak of the same threads. */
  readonly peakFraction: number;
  /** The same per second of CPU time: on a busy machine the number that says what the kernel can do. */
  readonly cpuPeakFraction: number;
}

export interface NetworkResult {
  readonly variant: string;
  readonly pass: 'forward' | 'training step';
  /** Voxels along D, H, W. */
  readonly size: Triple;
  readonly batch: number;
  /** Median over the repetitions. */
  readonly milliseconds: number;
  /** Two operations per multiply-accumulate of the convolutions; three passes in a training step. */
  readonly gflops: number;
  /** Of the measured multiply-add peak; null where the device has none to measure. */
  readonly peakFraction: number | null;
  readonly memoryBytes: number | null;
}

export interface BenchResult {
  readonly device: string;
  /** Multiply-add peak of the threads in use, GFLOP/s, measured. */
  readonly peakGflops: number | null;
  readonly kernels: readonly KernelTime[];
  readonly networks: readonly NetworkResult[];
}

export const benchRequest = defineRequest<BenchResult>()('measurement', schema);
