/**
 * What further channels cost: training steps of one network with 1, 2, 3 and 4 channels, in turns, on one thread.
 *   taskset -c 0 node test/bench/channels.ts [--variant small] [--side 64] [--batch 2] [--rounds 20]
 * Prints the median of a step's wall and processor time, and how it compares with one channel's. No input is read.
 */
import { parseArgs } from 'node:util';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { paperLoss, paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights } from '#main/model/weights.ts';
import { TrainingNetwork } from '#main/training/trainingNetwork.ts';

const { values } = parseArgs({
  options: {
    variant: { type: 'string', default: 'small' },
    side: { type: 'string', default: '64' },
    batch: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '20' },
  },
});
const [side, batch, rounds] = [Number(values.side), Number(values.batch), Number(values.rounds)];
const classes = 14;
const random = new Random(1);
const voxels = batch * side ** 3;
const label = Int32Array.from({ length: voxels }, () => random.integer(classes));
const executor = createCpuExecutor({ threads: 1 });

const runs = [];
for (const channels of [1, 2, 3, 4]) {
  const network = await TrainingNetwork.create(executor, variant(values.variant, classes, channels), {
    batch,
    patch: [side, side, side],
    loss: paperLoss,
    optimiser: paperOptimiser,
  });
  await network.load(initialWeights(network.model, new Random(1)));
  await network.loadMoments(new Map());
  const x = Float32Array.from({ length: channels * voxels }, () => random.next());
  runs.push({ channels, network, x, wall: [] as number[], cpu: [] as number[] });
}
for (let round = 0; round <= rounds; round++)
  for (const { network, x, wall, cpu } of runs) {
    const [begun, used] = [performance.now(), process.cpuUsage()];
    await network.step({ x, label }, { learningRate: 1e-4, maximumNorm: 1, count: round + 1 });
    const { user, system } = process.cpuUsage(used);
    if (round === 0) continue; // touches memory for the first time
    wall.push(performance.now() - begun);
    cpu.push((user + system) / 1000);
  }
const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? NaN;
const [one] = runs.map(({ wall, cpu }) => ({ wall: median(wall), cpu: median(cpu) }));
for (const { channels, network, wall, cpu } of runs) {
  const ratio = (ours: number, theirs: number | undefined): string => (ours / (theirs ?? NaN)).toFixed(3);
  console.log(
    `${channels} channels: wall ${median(wall).toFixed(1)} ms (${ratio(median(wall), one?.wall)}), processor ${median(cpu).toFixed(1)} ms (${ratio(median(cpu), one?.cpu)})`,
  );
  network.dispose();
}
executor.dispose();
