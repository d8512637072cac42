/**
 * The GPU figures of docs/performance.md in one command, on a machine with a GPU:
 *   node test/bench/gpu.ts [--adapter NAME] [--python PYTHON --reference FOLDER] [--repeat 10]
 * Normal 96³: forward pass, and training step of batch 1 without and with a memory budget, against PyTorch where a Python with it and
 * the folder of reference.py are given. `--counts` prints operations and bytes per kernel class, which needs no GPU.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countKernels, lowerForLargeDevice } from '#main/engine/executors/webgpu/counts.ts';
import { createWebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { Graph } from '#main/engine/graph/graph.ts';
import { elementCount } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from '#main/model/build.ts';
import { paperLoss, paperOptimiser, trainingStep } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';

const { values } = parseArgs({ options: {
  adapter: { type: 'string' }, python: { type: 'string' }, reference: { type: 'string' }, repeat: { type: 'string', default: '10' },
  counts: { type: 'boolean', default: false }, size: { type: 'string', default: '96' }, variant: { type: 'string', default: 'normal' },
} });
const side = Number(values.size);
const size = [side, side, side] as const;
const target = { storageBytes: ({ shape }: { readonly shape: readonly number[] }) => Math.ceil(elementCount(shape) / 64) * 256, reusesMemory: true };

function forwardGraph(): Graph {
  const { builder, logits } = buildModel(variant(values.variant, 14), { batch: 1, size, mode: 'predict', head: { kind: 'segmentation' } });
  builder.output('logits', logits);
  return builder.build();
}

function stepGraph(): Graph {
  const model = buildModel(variant(values.variant, 14), { batch: 1, size, mode: 'train', head: { kind: 'segmentation' } });
  return trainingStep(model, { loss: paperLoss, optimiser: paperOptimiser }).graph;
}

function printCounts(name: string, graph: Graph, memoryBudgetBytes?: number): void {
  const plan = makePlan(graph, target, { memoryBudgetBytes });
  const program = lowerForLargeDevice(plan);
  const rows = countKernels(program);
  const sum = (of: (row: typeof rows[number]) => number): number => rows.reduce((total, row) => total + of(row), 0);
  console.log(`\n${name}: arena ${(plan.arenaBytes / 2 ** 30).toFixed(2)} GiB, scratch ${(program.scratchBytes / 2 ** 20).toFixed(0)} MiB, ${program.kernels.length} dispatches, ${plan.recomputed} steps recomputed\n`);
  console.log('| kernel class | dispatches | Gop | GB | op/byte |\n|---|---|---|---|---|');
  const line = (label: string, dispatches: number, operations: number, bytes: number): void =>
    console.log(`| ${label} | ${dispatches} | ${(operations / 1e9).toFixed(2)} | ${(bytes / 1e9).toFixed(3)} | ${bytes > 0 ? (operations / bytes).toFixed(1) : '–'} |`);
  rows.filter(({ operations, bytes }) => operations > 5e7 || bytes > 2e7).forEach((row) => line(row.name, row.dispatches, row.operations, row.bytes));
  line('**all**', sum(({ dispatches }) => dispatches), sum(({ operations }) => operations), sum(({ bytes }) => bytes));
}

async function measure(name: string, graph: Graph, memoryBudgetBytes?: number): Promise<number> {
  const executor = await createWebgpuExecutor({ adapter: values.adapter });
  try {
    const started = performance.now();
    const plan = makePlan(graph, executor, { memoryBudgetBytes });
    const session = await executor.prepare(plan);
    for (const value of [...graph.inputs, ...graph.parameters, ...graph.states]) {
      const count = elementCount(value.type.shape);
      if (value.type.element === 'i32') await session.write(value, Int32Array.from({ length: count }, (_unused, index) => index % 14));
      else if (value.name === 'hyper') await session.write(value, Float32Array.from([1e-4, 0.1, 0.001, 0]));
      else await session.write(value, Float32Array.from({ length: count }, () => (value.role === 'state' ? 0 : Math.random() * 0.02)));
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
    const median = times[Math.floor(times.length / 2)] ?? NaN;
    console.log(`\n${name} on ${executor.description}: median ${median.toFixed(1)} ms (best ${times[0]?.toFixed(1)}), ${(session.bytes / 2 ** 30).toFixed(2)} GiB on the device, first run ${cold.toFixed(0)} ms after the start`);
    const profile = await session.profile();
    const classes = new Map<string, { milliseconds: number; operations: number; bytes: number }>();
    session.program.kernels.forEach(({ name: kernel, work }, index) => {
      const entry = classes.get(kernel) ?? { milliseconds: 0, operations: 0, bytes: 0 };
      entry.milliseconds += profile[index] ?? 0;
      entry.operations += work.operations;
      entry.bytes += work.bytes;
      classes.set(kernel, entry);
    });
    console.log('\n| kernel class | ms (one by one) | GFLOP/s | GB/s |\n|---|---|---|---|');
    for (const [kernel, { milliseconds, operations, bytes }] of [...classes].sort((a, b) => b[1].milliseconds - a[1].milliseconds).slice(0, 24)) {
      console.log(`| ${kernel} | ${milliseconds.toFixed(2)} | ${(operations / milliseconds / 1e6).toFixed(0)} | ${(bytes / milliseconds / 1e6).toFixed(0)} |`);
    }
    session.dispose();
    return median;
  } finally {
    executor.dispose();
  }
}

if (values.counts) {
  printCounts('forward', forwardGraph());
  printCounts('training step', stepGraph());
  printCounts('training step in 2.5 GB', stepGraph(), 2.5e9);
} else {
  const results = { forward: await measure('forward', forwardGraph()), step: await measure('training step', stepGraph()), stepRecomputing: await measure('training step in 2.5 GB', stepGraph(), 2.5e9) };
  console.log(JSON.stringify(results));
  if (values.python !== undefined && values.reference !== undefined) {
    spawnSync(values.python, [join(import.meta.dirname, 'gpuTorch.py'), values.reference, String(side), values.repeat], { stdio: 'inherit' });
  }
}
