import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noAugmentation } from '#shared/domain/trainConfig.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { isStatistic, type Weights } from '#main/model/weights.ts';
import { withStatisticsOf } from '#main/training/normStatistics.ts';
import type { BatchSpecification } from '#main/training/patches/batches.ts';
import { boxCases, MemoryStore, seenHooks, smallest, trainings } from '../../support/training/runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'norms-'));
let executor: Executor;
let cases: string[];

beforeAll(() => {
  executor = createCpuExecutor({ threads: 1 });
  cases = boxCases(folder, 3);
});
afterAll(() => {
  executor.dispose();
  rmSync(folder, { recursive: true });
});

const batchesOf = (more: Partial<BatchSpecification['rule']> = {}): BatchSpecification => ({
  cases,
  batch: 2,
  seed: 5,
  rule: { size: [16, 16, 16], augmentation: noAugmentation, foregroundShare: 0.5, mirrorAxes: [], ...more },
});

const retaken = (weights: Weights, batches: BatchSpecification): Promise<Weights> =>
  withStatisticsOf(executor, smallest, weights, batches, 12, seenHooks());

/** Mean difference of the running statistics, relative to the first one's. */
function apart(a: Weights, b: Weights): number {
  const differences = [...a].flatMap(([name, { data }]) =>
    isStatistic(name)
      ? [...data].map((value, at) => Math.abs(value - (b.get(name)?.data[at] ?? NaN)) / Math.max(1e-3, Math.abs(value)))
      : [],
  );
  return differences.reduce((sum, value) => sum + value, 0) / differences.length;
}

it('a trained model has the statistics of patches as they lie, and not those of its changed ones', async () => {
  const { weights } =
    (await trainings['supervised']?.({ executor, store: new MemoryStore(), cases, steps: 80, checkpointSeconds: 600 }, seenHooks())) ?? {};
  if (weights === undefined) throw new Error('no training');
  const changes = { ...noAugmentation, rotation: 12, scale: 1.15, spatialShare: 0.6, gain: 1.3, offset: 0.2, gamma: 1.3, noise: 0.1 };
  const plain = apart(weights, await retaken(weights, batchesOf()));
  expect(plain).toBeLessThan(0.5 * apart(weights, await retaken(weights, batchesOf({ augmentation: changes }))));
});

it('only the statistics change, whatever they were', async () => {
  const { weights } =
    (await trainings['supervised']?.({ executor, store: new MemoryStore(), cases, steps: 4, checkpointSeconds: 600 }, seenHooks())) ?? {};
  if (weights === undefined) throw new Error('no training');
  const spoilt: Weights = new Map(
    [...weights].map(([name, tensor]) => [
      name,
      isStatistic(name) ? { ...tensor, data: new Float32Array(tensor.data.length).fill(9) } : tensor,
    ]),
  );
  const [first, second] = [await retaken(weights, batchesOf()), await retaken(spoilt, batchesOf())];
  expect([...second.keys()]).toEqual([...weights.keys()]);
  for (const [name, { data }] of first) {
    expect([name, second.get(name)?.data]).toEqual([name, data]);
    if (!isStatistic(name)) expect(data).toEqual(weights.get(name)?.data);
  }
});
