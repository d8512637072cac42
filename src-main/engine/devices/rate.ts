import type { Executor } from '../executors/executor.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { makePlan } from '../plan/makePlan.ts';
import { elementCount, f32 } from '../tensor/tensorType.ts';

const CHANNELS = 32;
const SIDE = 48;
const LAYERS = 4;
const REPETITIONS = 4;

/** GFLOP/s of a short chain of 3³ convolutions, the kernel that most of the network's time goes to. The best of a few runs after a warm-up. */
export async function measureRate(executor: Executor): Promise<number> {
  const builder = new GraphBuilder();
  let x = builder.input('x', f32(1, CHANNELS, SIDE, SIDE, SIDE));
  for (let layer = 0; layer < LAYERS; layer++) {
    const weight = builder.parameter(`w${String(layer)}`, f32(1, CHANNELS, CHANNELS, 3, 3, 3));
    x = builder.apply(
      'conv3d',
      { kernel: 3, stride: 1, padding: 1, instances: 1, activation: 'none' },
      [x, weight, builder.parameter(`b${String(layer)}`, f32(1, CHANNELS))],
      'rate',
    );
  }
  builder.output('y', x);
  const graph = builder.build();
  const session = await executor.prepare(makePlan(graph, executor));
  try {
    for (const value of [...graph.inputs, ...graph.parameters])
      await session.write(value, new Float32Array(elementCount(value.type.shape)).fill(0.01));
    let best = Infinity;
    for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
      const started = performance.now();
      await session.run();
      if (repetition > 0) best = Math.min(best, performance.now() - started);
    }
    return (2 * LAYERS * CHANNELS * CHANNELS * 27 * SIDE ** 3) / (best * 1e6);
  } finally {
    session.dispose();
  }
}
