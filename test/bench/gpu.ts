/**
 * The GPU figures of docs/explanation/performance.md in one command, on a machine with a GPU:
 *   npm run bench:gpu -- [--adapter NAME] [--precision half] [--python PYTHON --reference FOLDER] [--repeat 10] [--tuning SECONDS]
 * Tunes the device, measures its peaks, then Normal 96³: forward pass, and training step of batch 1 without and with a memory budget, each
 * with its memory and the share of the roofline that every kernel class reaches; and the same in PyTorch where a Python with it and the
 * folder of reference.py are given. `--counts` prints operations and bytes per kernel class, for both precisions, which needs no GPU.
 * To try the script itself on a software driver: --variant tiny --size 32 --repeat 1 --tuning 0 --scale 0.001
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countKernels, lowerForLargeDevice } from '#main/engine/executors/webgpu/counts.ts';
import { createWebgpuExecutor, type WebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { tuneDevice, tunedChoices, tunedRates } from '#main/engine/executors/webgpu/tuning.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { Graph } from '#main/engine/graph/graph.ts';
import { withHalfStorage } from '#main/engine/plan/halfStorage.ts';
import { byteCount, elementCount, type TensorType } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from '#main/model/build.ts';
import { paperLoss, paperOptimiser, trainingStep } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { measurePeaks, type Peaks } from './gpuPeaks.ts';

const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    precision: { type: 'string', default: 'float32' },
    python: { type: 'string' },
    reference: { type: 'string' },
    repeat: { type: 'string', default: '10' },
    counts: { type: 'boolean', default: false },
    tuning: { type: 'string', default: '60' },
    scale: { type: 'string', default: '1' },
    size: { type: 'string', default: '96' },
    variant: { type: 'string', default: 'normal' },
  },
});
const side = Number(values.size);
const size = [side, side, side] as const;
const half = values.precision === 'half';

/** A device as the planner sees it, without one. */
function targetOf(narrow: boolean) {
  return {
    storageBytes: (type: TensorType) => Math.ceil(byteCount(type) / 256) * 256,
    reusesMemory: true,
    ...(narrow && { narrow: withHalfStorage }),
  };
}

function forwardGraph(): Graph {
  const { builder, logits } = buildModel(variant(values.variant, 14), { batch: 1, size, mode: 'predict', head: { kind: 'segmentation' } });
  builder.output('logits', logits);
  return builder.build();
}

function stepGraph(scaled: boolean): Graph {
  const model = buildModel(variant(values.variant, 14), { batch: 1, size, mode: 'train', head: { kind: 'segmentation' } });
  return trainingStep(model, { loss: paperLoss, optimiser: paperOptimiser, scaled }).graph;
}

function printCounts(name: string, graph: Graph, narrow: boolean, memoryBudgetBytes?: number): void {
  const plan = makePlan(graph, targetOf(narrow), { memoryBudgetBytes });
  const program = lowerForLargeDevice(plan);
  const rows = countKernels(program);
  const sum = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((total, row) => total + of(row), 0);
  console.log(
    `\n${name}, ${narrow ? 'half' : 'float32'}: arena ${(plan.arenaBytes / 2 ** 30).toFixed(2)} GiB, scratch ${(program.scratchBytes / 2 ** 20).toFixed(0)} MiB, ${program.kernels.length} dispatches, ${plan.recomputed} steps recomputed\n`,
  );
  console.log('| kernel class | dispatches | Gop | GB | op/byte | GB loaded |\n|---|---|---|---|---|---|');
  const line = (label: string, dispatches: number, operations: number, bytes: number, loaded: number): void =>
    console.log(
      `| ${label} | ${dispatches} | ${(operations / 1e9).toFixed(2)} | ${(bytes / 1e9).toFixed(3)} | ${bytes > 0 ? (operations / bytes).toFixed(1) : '–'} | ${(loaded / 1e9).toFixed(2)} |`,
    );
  rows
    .filter(({ operations, bytes }) => operations > 5e7 || bytes > 2e7)
    .forEach((row) => line(row.name, row.dispatches, row.operations, row.bytes, row.loaded));
  line(
    '**all**',
    sum(({ dispatches }) => dispatches),
    sum(({ operations }) => operations),
    sum(({ bytes }) => bytes),
    sum(({ loaded }) => loaded),
  );
}

/** Median milliseconds of a run; prints them with memory and roofline. */
async function measure(
  executor: WebgpuExecutor,
  peaks: Peaks,
  name: string,
  graph: Graph,
  memoryBudgetBytes?: number,
): Promise<{ readonly milliseconds: number; readonly gibibytes: number }> {
  const started = performance.now();
  const plan = makePlan(graph, executor, { memoryBudgetBytes });
  const session = await executor.prepare(plan);
  try {
    for (const value of [...graph.inputs, ...graph.parameters, ...graph.states]) {
      const count = elementCount(value.type.shape);
      if (value.type.element === 'i32')
        await session.write(
          value,
          Int32Array.from({ length: count }, (_unused, index) => index % 14),
        );
      else if (value.name === 'lossScale') await session.write(value, Float32Array.of(1024));
      else if (value.name === 'hyper') await session.write(value, Float32Array.from([1e-4, 0.1, 0.001, 0]));
      else
        await session.write(
          value,
          Float32Array.from({ length: count }, () => (value.role === 'state' ? 0 : Math.random() * 0.02)),
        );
    }
    await session.run();
    const cold = performance.now() - started;
    const times: number[] = [];
    for (let repetition = 0; repetition < Number(values.repeat); repetition++) {
      const start = performance.now();
      await session.run();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    const milliseconds = times[Math.floor(times.length / 2)] ?? NaN;
    const gibibytes = session.bytes / 2 ** 30;
    console.log(
      `\n${name} on ${executor.description}: median ${milliseconds.toFixed(1)} ms (best ${times[0]?.toFixed(1)}), ${gibibytes.toFixed(2)} GiB on the device at most, first run ${cold.toFixed(0)} ms after the start\n`,
    );
    console.log('| kernel class | ms | GFLOP/s | GB/s | bound by | of roofline |\n|---|---|---|---|---|---|');
    const rows = countKernels(session.program);
    const timed: { readonly row: (typeof rows)[number]; readonly ms: number }[] = [];
    for (const row of rows) {
      const kernels = session.program.kernels.flatMap((kernel, index) => (kernel.name === row.name ? [index] : []));
      await session.time(1, kernels);
      timed.push({ row, ms: await session.time(Math.max(1, Math.min(8, Number(values.repeat))), kernels) });
    }
    for (const {
      row: { name: kernel, operations, bytes },
      ms,
    } of timed.sort((a, b) => b.ms - a.ms).slice(0, 24)) {
      const [arithmetic, memory] = [operations / 1e6 / peaks.gigaflops, bytes / 1e6 / peaks.gigabytesPerSecond];
      console.log(
        `| ${kernel} | ${ms.toFixed(2)} | ${(operations / ms / 1e6).toFixed(0)} | ${(bytes / ms / 1e6).toFixed(0)} | ${arithmetic > memory ? 'arithmetic' : 'memory'} | ${((100 * Math.max(arithmetic, memory)) / ms).toFixed(0)}% |`,
      );
    }
    return { milliseconds, gibibytes };
  } finally {
    session.dispose();
  }
}

async function measureAll(): Promise<void> {
  const executor = await createWebgpuExecutor({ adapter: values.adapter, ...(half && { narrow: withHalfStorage }) });
  try {
    const peaks = await measurePeaks(executor.device, Number(values.scale));
    console.log(
      `${executor.description}: ${peaks.gigaflops.toFixed(0)} GFLOP/s in registers, ${peaks.gigabytesPerSecond.toFixed(0)} GB/s of memory`,
    );
    const started = performance.now();
    const tuning = await tuneDevice(executor, { seconds: Number(values.tuning) });
    executor.setRates(tunedRates(tuning, executor.software));
    console.log(
      `\nTuned in ${((performance.now() - started) / 1000).toFixed(1)} s\n\n| shape class | fastest | GFLOP/s, padding counted |\n|---|---|---|`,
    );
    for (const { shapeClass, candidate, rate } of tunedChoices(tuning))
      console.log(`| ${shapeClass} | ${candidate} | ${(2 * rate).toFixed(0)} |`);
    const forward = await measure(executor, peaks, 'forward', forwardGraph());
    const step = await measure(executor, peaks, 'training step', stepGraph(half));
    const recomputing = await measure(executor, peaks, 'training step in 2.5 GB', stepGraph(half), 2.5e9);
    console.log(JSON.stringify({ forward, step, recomputing }));
  } finally {
    executor.dispose();
  }
}

if (values.counts) {
  for (const narrow of [false, true]) {
    printCounts('forward', forwardGraph(), narrow);
    printCounts('training step', stepGraph(narrow), narrow);
    printCounts('training step in 2.5 GB', stepGraph(narrow), narrow, 2.5e9);
  }
} else {
  await measureAll();
  if (values.python !== undefined && values.reference !== undefined) {
    spawnSync(values.python, [join(import.meta.dirname, 'gpuTorch.py'), values.reference, String(side), values.repeat], {
      stdio: 'inherit',
    });
  }
}
