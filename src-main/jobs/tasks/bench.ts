import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { Random } from '#shared/base/random.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { benchmarkKernels, measureFmaPeak } from '#main/engine/executors/cpu/benchmark.ts';
import type { CpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import { buildModel } from '#main/model/build.ts';
import { countModel } from '#main/model/counts.ts';
import { paperLoss, paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights } from '#main/model/weights.ts';
import { TrainingNetwork } from '#main/training/trainingNetwork.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { benchRequest, type BenchConfig, type BenchResult, type NetworkResult } from '../requests/bench.ts';
import type { Task, TaskContext } from '../task.ts';

/** The networks and sizes that are compared with PyTorch (docs/explanation/performance.md). */
const networks: readonly Pick<NetworkResult, 'variant' | 'pass' | 'size' | 'batch'>[] = [
  { variant: 'normal', pass: 'forward', size: [96, 96, 96], batch: 1 },
  { variant: 'normal', pass: 'training step', size: [64, 64, 64], batch: 1 },
  { variant: 'small', pass: 'forward', size: [64, 64, 64], batch: 1 },
  { variant: 'small', pass: 'training step', size: [64, 64, 64], batch: 2 },
];
const classes = 14;

/** Times kernels (cpu alone), forward passes and training steps of a device. */
export const benchTask: Task<BenchConfig, BenchResult> = {
  kind: 'bench',
  parse: benchRequest.parse,
  run: (context) => withExecutor({ ...context.config, alarm: context.alarm }, (executor) => bench(executor, context)),
};

async function bench(executor: Executor, { config, cancellation, report }: TaskContext<BenchConfig>): Promise<BenchResult> {
  const { repetitions, only } = config;
  const cpu = executor.name === 'cpu' ? (executor as CpuExecutor) : undefined;
  const peakGflops = cpu === undefined ? null : measureFmaPeak(cpu);
  report({ phase: 'Timing kernels', fraction: 0 });
  const kernels = cpu === undefined || only === 'networks' ? [] : await benchmarkKernels(cpu, { repetitions });
  const results: NetworkResult[] = [];
  for (const [index, network] of (only === 'kernels' ? [] : networks).entries()) {
    throwIfCancelled(cancellation);
    report({
      phase: 'Timing networks',
      fraction: index / networks.length,
      detail: `${network.variant} ${network.pass} ${network.size.join('×')}`,
    });
    results.push(await timeNetwork(executor, network, repetitions, peakGflops));
  }
  return { device: executor.description, peakGflops, kernels, networks: results };
}

async function timeNetwork(
  executor: Executor,
  network: (typeof networks)[number],
  repetitions: number,
  peakGflops: number | null,
): Promise<NetworkResult> {
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
    const training = await TrainingNetwork.create(executor, architecture, {
      batch,
      patch: size,
      loss: paperLoss,
      optimiser: paperOptimiser,
    });
    await training.load(weights);
    await training.loadMoments(new Map());
    const label = Int32Array.from({ length: voxels }, () => random.integer(classes));
    for (let n = 0; n <= repetitions; n++)
      times.push(await timed(() => training.step({ x, label }, { learningRate: 1e-4, maximumNorm: 1, count: n + 1 })));
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
