import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { Random } from '#shared/base/random.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { benchmarkKernels, measureFmaPeak, type KernelResult } from '#main/engine/executors/cpu/benchmark.ts';
import type { CpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { buildModel } from '#main/model/build.ts';
import { countModel } from '#main/model/counts.ts';
import { paperLoss, paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights } from '#main/model/weights.ts';
import { TrainingNetwork } from '#main/training/trainingNetwork.ts';
import { openExecutor, type DeviceOptions } from './openExecutor.ts';

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
  readonly kernels: readonly KernelResult[];
  readonly networks: readonly NetworkResult[];
}

export interface BenchOptions extends DeviceOptions {
  readonly device: string;
  readonly repetitions: number;
  /** Leave the single kernels out, or the networks. */
  readonly only?: 'kernels' | 'networks';
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

/** The networks and sizes that are compared with PyTorch (docs/performance.md). */
const networks: readonly Pick<NetworkResult, 'variant' | 'pass' | 'size' | 'batch'>[] = [
  { variant: 'normal', pass: 'forward', size: [96, 96, 96], batch: 1 },
  { variant: 'normal', pass: 'training step', size: [64, 64, 64], batch: 1 },
  { variant: 'small', pass: 'forward', size: [64, 64, 64], batch: 1 },
  { variant: 'small', pass: 'training step', size: [64, 64, 64], batch: 2 },
];
const classes = 14;

/** Times kernels (cpu alone), forward passes and training steps of a device. */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const { device, threads, repetitions, only, cancellation, report } = options;
  const executor = await openExecutor(device, { threads });
  try {
    const cpu = executor.name === 'cpu' ? executor as CpuExecutor : undefined;
    const peakGflops = cpu === undefined ? null : measureFmaPeak(cpu);
    report({ phase: 'Timing kernels', fraction: 0 });
    const kernels = cpu === undefined || only === 'networks' ? [] : await benchmarkKernels(cpu, { repetitions });
    const results: NetworkResult[] = [];
    for (const [index, network] of (only === 'kernels' ? [] : networks).entries()) {
      throwIfCancelled(cancellation);
      report({ phase: 'Timing networks', fraction: index / networks.length, detail: `${network.variant} ${network.pass} ${network.size.join('×')}` });
      results.push(await timeNetwork(executor, network, repetitions, peakGflops));
    }
    return { device: executor.description, peakGflops, kernels, networks: results };
  } finally {
    executor.dispose();
  }
}

async function timeNetwork(executor: Executor, network: (typeof networks)[number], repetitions: number, peakGflops: number | null): Promise<NetworkResult> {
  const { size, batch, pass } = network;
  const architecture = variant(network.variant, classes);
  const voxels = batch * size[0] * size[1] * size[2];
  const random = new Random(1);
  const x = Float32Array.from({ length: voxels }, () => random.next());
  const weights = initialWeights(buildModel(architecture, { batch, size, mode: 'train' }), random);
  const times: number[] = [];
  let memoryBytes: number | null = null;
  if (pass === 'forward') {
    const predictor = await NetworkPredictor.create(executor, architecture, size, weights);
    for (let n = 0; n <= repetitions; n++) times.push(await timed(() => predictor.predict(x)));
    predictor.dispose();
  } else {
    const training = await TrainingNetwork.create(executor, architecture, { batch, patch: size, loss: paperLoss, optimiser: paperOptimiser });
    await training.load(weights);
    await training.loadMoments(new Map());
    const label = Int32Array.from({ length: voxels }, () => random.integer(classes));
    for (let n = 0; n <= repetitions; n++) times.push(await timed(() => training.step({ x, label }, { learningRate: 1e-4, maximumNorm: 1, count: n + 1 })));
    memoryBytes = training.arenaBytes;
    training.dispose();
  }
  // The first run touches memory for the first time.
  const milliseconds = times.slice(1).sort((a, b) => a - b)[Math.floor(repetitions / 2)] ?? NaN;
  const gflops = (countModel(architecture, size, batch).macs * 2 * (pass === 'forward' ? 1 : 3)) / milliseconds / 1e6;
  return { ...network, milliseconds, gflops, peakFraction: peakGflops === null ? null : gflops / peakGflops, memoryBytes };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
