/**
 * The CPU figures of docs/explanation/performance.md in one command:
 *   node test/bench/cpu.ts --python PYTHON --reference FOLDER      forward passes and training steps beside PyTorch, the same cores for both
 *   node test/bench/cpu.ts --memory [--budget GB]                one Normal 96³ training step: planned and true peak memory
 * FOLDER holds baseline_speed.py, which prints {case: {seconds}} for the cases named here.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { BenchResult } from '#main/jobs/requests/bench.ts';
import { paperLoss, paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { TrainingNetwork } from '#main/training/trainingNetwork.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    reference: { type: 'string' },
    memory: { type: 'boolean', default: false },
    budget: { type: 'string' },
  },
});
const root = resolve(import.meta.dirname, '../..');

/** Our network of `logonet bench` ↔ the case of the PyTorch script, and how many volumes that case takes at once. */
const pairs = [
  { variant: 'normal', pass: 'forward', torch: 'normal-forward', batch: 1 },
  { variant: 'normal', pass: 'training step', torch: 'normal-step', batch: 1 },
  { variant: 'small', pass: 'forward', torch: 'small-forward', batch: 2 },
  { variant: 'small', pass: 'training step', torch: 'small-step', batch: 2 },
] as const;

function speed(python: string, reference: string): void {
  const pinned = process.platform === 'linux' ? ['taskset', '-c', '0,1'] : [];
  const run = (cwd: string, ...command: string[]): string => {
    const [program = '', ...args] = [...pinned, ...command];
    return execFileSync(program, args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, OMP_PROC_BIND: 'close', OMP_PLACES: 'cores' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  };
  const ours = JSON.parse(
    run(root, process.execPath, join(root, 'src-main/cli/main.ts'), 'bench', '--only', 'networks', '--json'),
  ) as BenchResult;
  const torch = JSON.parse(run(reference, python, 'baseline_speed.py', ...pairs.map((pair) => pair.torch))) as Record<
    string,
    { seconds: number }
  >;
  console.log(`${ours.device}, multiply-add peak ${ours.peakGflops?.toFixed(0)} GFLOP/s`);
  for (const pair of pairs) {
    const network = ours.networks.find((each) => each.variant === pair.variant && each.pass === pair.pass);
    if (network === undefined) continue;
    const seconds = network.milliseconds / 1000 / network.batch;
    const theirs = (torch[pair.torch]?.seconds ?? NaN) / pair.batch;
    console.log(
      `${pair.torch.padEnd(15)} ours ${seconds.toFixed(3)} s  PyTorch ${theirs.toFixed(3)} s  (per volume)  ${(theirs / seconds).toFixed(2)} times as fast  ${network.gflops.toFixed(0)} GFLOP/s`,
    );
  }
}

async function memory(budgetGigabytes: number | undefined): Promise<void> {
  const executor = createCpuExecutor({});
  const network = await TrainingNetwork.create(executor, variant('normal', 14), {
    batch: 1,
    patch: [96, 96, 96],
    loss: paperLoss,
    optimiser: paperOptimiser,
    memoryBudgetBytes: budgetGigabytes === undefined ? undefined : budgetGigabytes * 1e9,
  });
  const voxels = 96 ** 3;
  const begun = performance.now();
  await network.step(
    {
      x: new Float32Array(voxels).map((_value, index) => Math.sin(index)),
      label: new Int32Array(voxels).map((_value, index) => index % 14),
    },
    { learningRate: 1e-4, maximumNorm: 1, count: 1 },
  );
  const seconds = (performance.now() - begun) / 1000;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  console.log(
    `budget ${budgetGigabytes ?? 'none'}: planned ${(network.arenaBytes / 1e9).toFixed(2)} GB, peak of the process ${(peak / 1e9).toFixed(2)} GB, first step ${seconds.toFixed(1)} s`,
  );
  network.dispose();
}

if (values.memory) await memory(values.budget === undefined ? undefined : Number(values.budget));
else if (values.python !== undefined && values.reference !== undefined) speed(resolve(values.python), resolve(values.reference));
else console.error('Give --python PYTHON --reference FOLDER, or --memory [--budget GB].');
