import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { isStatistic, type Weights } from '#main/model/weights.ts';
import { decodeCheckpoint } from '#main/training/checkpoint.ts';
import { boxCases, MemoryStore, seenHooks, trainings } from '../../support/training/runs.ts';

/**
 * What version 0.1.0 made of 20 steps: SHA-256 of the trained numbers (the norms' statistics are taken otherwise since), by the plain instruction set, whose sums every x64 processor adds up alike.
 * `checkpoint`: what it left in the store when it was cancelled after 12 of them.
 */
const fixtures = join(import.meta.dirname, '../../fixtures/versions/0.1.0/training');
const pinned = JSON.parse(readFileSync(join(fixtures, 'weights.json'), 'utf8')) as Readonly<Record<string, string>>;
const folder = mkdtempSync(join(tmpdir(), 'pinned-'));
let executor: Executor;
let cases: string[];

beforeAll(() => {
  executor = createCpuExecutor({ threads: 1, ...(arch() === 'x64' && { instructionSet: 'baseline' }) });
  cases = boxCases(folder, 3);
});
afterAll(() => {
  executor.dispose();
  rmSync(folder, { recursive: true });
});

function hash(weights: Weights): string {
  const sum = createHash('sha256');
  const trained = [...weights].filter(([name]) => !isStatistic(name));
  for (const [name, { shape, data }] of trained.sort(([a], [b]) => (a < b ? -1 : 1))) {
    sum.update(`${name} ${shape.join('x')} `).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return sum.digest('hex');
}

describe.each(Object.keys(pinned))('%s of version 0.1.0', (kind) => {
  const training = trainings[kind];

  it.skipIf(arch() !== 'x64' || platform() !== 'linux')('has the same weights after 20 steps', async () => {
    const outcome = await training?.({ executor, store: new MemoryStore(), cases, steps: 20 }, seenHooks());
    expect(hash(outcome?.weights ?? new Map())).toBe(pinned[kind]);
  });

  it('resumes from its checkpoint', async () => {
    const store = new MemoryStore();
    store.files.set('checkpoint', readFileSync(join(fixtures, `${kind}.safetensors`)));
    expect(decodeCheckpoint(store.files.get('checkpoint') ?? new Uint8Array()).state.step).toBe(12);
    const outcome = await training?.({ executor, store, cases, steps: 20 }, seenHooks());
    expect(outcome?.steps).toBe(20);
    if (arch() === 'x64' && platform() === 'linux') expect(hash(outcome?.weights ?? new Map())).toBe(pinned[kind]);
  });
});
