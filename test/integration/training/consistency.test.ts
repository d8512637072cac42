import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { Weights } from '#main/model/weights.ts';
import { boxCases, MemoryStore, seenHooks, trainings } from '../../support/training/runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'consistency-'));
let executor: Executor;
let cases: string[];

beforeAll(() => {
  executor = createCpuExecutor({ threads: 1 });
  cases = boxCases(folder, 5);
});
afterAll(() => {
  executor.dispose();
  rmSync(folder, { recursive: true });
});

async function run(kind: 'supervised' | 'consistency', given: readonly string[]): Promise<Weights> {
  const training = trainings[kind];
  const outcome = await training?.({ executor, store: new MemoryStore(), cases: given, steps: 16, checkpointSeconds: 600 }, seenHooks());
  return outcome?.weights ?? new Map();
}

const furthest = (a: Weights, b: Weights): number =>
  Math.max(
    ...[...a].map(([name, { data }]) =>
      [...data].reduce((most, value, at) => Math.max(most, Math.abs(value - (b.get(name)?.data[at] ?? NaN))), 0),
    ),
  );

// The first case has the mask. Where the teacher does not count, a step is bit for bit that of the masks (test/unit/model/consistencyLoss).
it('learns from its scans: another set of them is another network, and none is the supervised run', async () => {
  const masks = await run('supervised', cases.slice(0, 1));
  const [two, others] = [await run('consistency', cases.slice(0, 3)), await run('consistency', [...cases.slice(0, 1), ...cases.slice(3)])];
  expect(furthest(two, masks)).toBeGreaterThan(1e-3);
  expect(furthest(two, others)).toBeGreaterThan(1e-3);
  expect(furthest(two, await run('consistency', cases.slice(0, 3)))).toBe(0);
});
