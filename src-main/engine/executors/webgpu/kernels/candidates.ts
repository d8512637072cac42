import type { Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { gemmKernels, gemmPartition, gemmThreads, gemmWorkgroupBytes, type Gemm, type GemmTile } from './gemm.ts';
import { haloKernels, haloPartition, haloThreads, haloWorkgroupBytes, type HaloTile, type Stencil } from './halo.ts';
import { haloWeightKernels, haloWeightPartition, haloWeightThreads, haloWeightWorkgroupBytes, type HaloWeightTile } from './haloWeight.ts';
import type { Partition, ProductShape, ProductStorage } from './product.ts';

/** A way to compute a dense convolution. */
export type Candidate = (GemmTile | HaloTile | HaloWeightTile) & {
  /** Share of the best rate that is expected of a large product, until the device is tuned. */
  readonly expected: number;
};

export const candidates: readonly Candidate[] = [
  { kind: 'gemm', m: 64, n: 128, k: 8, tm: 8, tn: 8, expected: 1 },
  { kind: 'gemm', m: 128, n: 64, k: 8, tm: 8, tn: 8, expected: 1 },
  { kind: 'gemm', m: 64, n: 64, k: 16, tm: 4, tn: 4, expected: 0.75 },
  { kind: 'gemm', m: 32, n: 128, k: 8, tm: 4, tn: 8, expected: 0.85 },
  { kind: 'gemm', m: 16, n: 256, k: 8, tm: 4, tn: 8, expected: 0.7 },
  { kind: 'gemm', m: 32, n: 32, k: 16, tm: 4, tn: 4, expected: 0.5 },
  { kind: 'gemm', m: 16, n: 64, k: 16, tm: 4, tn: 4, expected: 0.45 },
  { kind: 'halo', channels: 64, depth: 4, height: 4, width: 8, perChannels: 8, perVoxels: 8, stage: 1, expected: 1.3 },
  { kind: 'halo', channels: 32, depth: 4, height: 8, width: 8, perChannels: 8, perVoxels: 8, stage: 2, expected: 1.3 },
  { kind: 'halo', channels: 16, depth: 8, height: 8, width: 8, perChannels: 8, perVoxels: 8, stage: 1, expected: 1.2 },
  { kind: 'halo', channels: 16, depth: 4, height: 8, width: 8, perChannels: 4, perVoxels: 8, stage: 2, expected: 1.1 },
  { kind: 'halo', channels: 64, depth: 2, height: 4, width: 4, perChannels: 8, perVoxels: 4, stage: 2, expected: 0.9 },
  { kind: 'halo', channels: 32, depth: 2, height: 4, width: 4, perChannels: 4, perVoxels: 4, stage: 2, expected: 0.7 },
  { kind: 'halo', channels: 64, depth: 3, height: 6, width: 8, perChannels: 8, perVoxels: 8, stage: 1, expected: 1 },
  { kind: 'halo weight', outputs: 32, inputs: 8, depth: 2, height: 4, width: 8, perOutputs: 4, expected: 1.1 },
  { kind: 'halo weight', outputs: 64, inputs: 8, depth: 2, height: 4, width: 8, perOutputs: 8, expected: 1.3 },
  { kind: 'halo weight', outputs: 32, inputs: 16, depth: 2, height: 4, width: 8, perOutputs: 8, expected: 1.2 },
  { kind: 'halo weight', outputs: 16, inputs: 16, depth: 2, height: 4, width: 8, perOutputs: 4, expected: 1.1 },
  { kind: 'halo weight', outputs: 32, inputs: 8, depth: 3, height: 3, width: 6, perOutputs: 4, expected: 1 },
];

/** Names a candidate in the remembered tuning: everything that its shader depends on. */
export function candidateId(candidate: Candidate): string {
  switch (candidate.kind) {
    case 'gemm': {
      const { m, n, k, tm, tn } = candidate;
      return `gemm ${m}×${n}×${k}, ${tm}×${tn}`;
    }
    case 'halo': {
      const { channels, depth, height, width, perChannels, perVoxels, stage } = candidate;
      return `halo ${channels} of ${depth}×${height}×${width}, ${perChannels}×${perVoxels}, ${stage} at a time`;
    }
    case 'halo weight': {
      const { outputs, inputs, depth, height, width, perOutputs } = candidate;
      return `halo weight ${outputs}×${inputs} over ${depth}×${height}×${width}, ${perOutputs}`;
    }
  }
}

export interface WorkgroupLimits {
  /** Bytes of memory that a workgroup may have. */
  readonly bytes: number;
  readonly threads: number;
}

/** What WebGPU promises on every device. */
export const leastLimits: WorkgroupLimits = { bytes: 16384, threads: 256 };

/** Whether a candidate computes products of this shape on a device with these limits. */
export function canCompute(candidate: Candidate, shape: ProductShape, limits: WorkgroupLimits): boolean {
  switch (candidate.kind) {
    case 'gemm':
      return gemmWorkgroupBytes(candidate) <= limits.bytes && gemmThreads(candidate) <= limits.threads;
    case 'halo':
      return (
        shape.pass !== 'weight gradient' &&
        shape.volume !== undefined &&
        haloWorkgroupBytes(candidate) <= limits.bytes &&
        haloThreads(candidate) <= limits.threads
      );
    case 'halo weight':
      return (
        shape.pass === 'weight gradient' &&
        shape.volume !== undefined &&
        haloWeightWorkgroupBytes(candidate) <= limits.bytes &&
        haloWeightThreads(candidate) <= limits.threads
      );
  }
}

/** How a candidate cuts a product; undefined where it cannot compute it. */
export function partitionOf(candidate: Candidate, shape: ProductShape): Partition | undefined {
  switch (candidate.kind) {
    case 'gemm':
      return gemmPartition(shape, candidate);
    case 'halo':
      return haloPartition(shape, candidate);
    case 'halo weight':
      return haloWeightPartition(shape, candidate);
  }
}

/** Multiply-accumulates with what is computed for places outside the product. */
export function paddedWork(candidate: Candidate, shape: ProductShape): number {
  const partition = partitionOf(candidate, shape);
  if (partition === undefined) return Infinity;
  const steps = partition.groups * partition.steps;
  switch (candidate.kind) {
    case 'gemm':
      return steps * candidate.m * candidate.n * candidate.k;
    case 'halo':
      return steps * candidate.channels * candidate.depth * candidate.height * candidate.width * candidate.stage * 27;
    case 'halo weight':
      return steps * candidate.outputs * candidate.inputs * 27 * candidate.depth * candidate.height * candidate.width;
  }
}

/** Products whose best candidate is looked for together: same shader, rows alike in number, enough columns to fill a device or not. */
export function shapeClass({ pass, kernel, stride, m, n, k }: ProductShape): string {
  const rows = m <= 16 ? 'few channels' : m <= 48 ? 'some channels' : 'many channels';
  const voxels = pass === 'weight gradient' ? k : n;
  return `${kernel}³${stride > 1 ? ` stride ${stride}` : ''} ${pass}, ${rows}, ${voxels >= 8192 ? 'large' : 'small'}`;
}

/** Padded multiply-accumulates per unit of time; 0 for a candidate that is not to be used. The unit is the class's own. */
export type Rates = (shapeClass: string, candidate: Candidate) => number;

/** Rates before any tuning. Drivers that compute on the processor are slow to compile large register tiles. */
export function expectedRates(software: boolean): Rates {
  return (_class, candidate) => (software && (candidate.kind !== 'gemm' || candidate.m * candidate.n > 1024) ? 1e-6 : candidate.expected);
}

/** The candidate of least padded work by its rate. */
export function chooseCandidate(shape: ProductShape, rates: Rates, limits: WorkgroupLimits): Candidate {
  const name = shapeClass(shape);
  const cost = (candidate: Candidate): number => paddedWork(candidate, shape) / rates(name, candidate);
  return candidates
    .filter((candidate) => canCompute(candidate, shape, limits))
    .reduce((best, candidate) => (cost(candidate) < cost(best) ? candidate : best));
}

/** A dense convolution's pass in every way there is; `stencil` and `haloWeight` for 3³ with stride 1 and padding 1. */
export interface Product {
  readonly gemm: Gemm;
  readonly stencil?: Stencil;
  readonly haloWeight?: ProductStorage;
}

/** Kernels of a product by the best candidate. */
export function computeProduct({ gemm, stencil, haloWeight }: Product, context: LoweringContext): Kernel[] {
  const candidate = chooseCandidate(gemm.shape, context.rates, context.workgroup);
  if (candidate.kind === 'halo' && stencil !== undefined) return haloKernels(stencil, candidate, context);
  if (candidate.kind === 'halo weight' && haloWeight !== undefined) return haloWeightKernels(haloWeight, candidate, context);
  if (candidate.kind === 'gemm') return gemmKernels(gemm, candidate, context);
  return [];
}
