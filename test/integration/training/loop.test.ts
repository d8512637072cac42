import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { decodeCheckpoint, type RunState } from '#main/training/checkpoint.ts';
import { boxCases, cancelledAfter, MemoryStore, seenHooks, trainings, type SmallRun } from '../../support/training/runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'loop-'));
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

const saved = (store: MemoryStore): RunState => decodeCheckpoint(store.files.get('checkpoint') ?? new Uint8Array()).state;

/** The executor with one scalar read replaced by NaN, so that the guard has something to guard against. */
function poisoned(real: Executor, atRead: number): Executor {
  let reads = 0;
  return {
    name: real.name,
    description: real.description,
    reusesMemory: real.reusesMemory,
    unsupported: (graph) => real.unsupported(graph),
    storageBytes: (type) => real.storageBytes(type),
    dispose: () => undefined,
    prepare: async (plan) => {
      const session = await real.prepare(plan);
      return {
        bytes: session.bytes,
        write: (value, data) => session.write(value, data),
        run: () => session.run(),
        dispose: () => session.dispose(),
        read: async (value) => {
          const data = await session.read(value);
          return value.type.shape.join() === '1' && ++reads === atRead ? Float32Array.of(NaN) : data;
        },
      };
    },
  };
}

describe.each(Object.entries(trainings))('%s', (_kind, training) => {
  const run = (store: MemoryStore, more: Partial<SmallRun> = {}): SmallRun => ({ executor, store, cases, steps: 6, ...more });

  it('goes back to the checkpoint at half the rate when the loss is NaN', async () => {
    const seen = seenHooks();
    const store = new MemoryStore();
    const outcome = await training(run(store, { executor: poisoned(executor, 7) }), seen); // loss of the fourth step
    expect(outcome.steps).toBe(6);
    expect(seen.alarms).toHaveLength(1);
    expect(seen.alarms[0]).toMatch(/step 3 at 0.5 times/);
    expect(saved(store).rateScale).toBe(0.5);
  });

  it('gives up in words when it stays unstable', async () => {
    await expect(training(run(new MemoryStore(), { learningRate: 1e37, steps: 40 }), seenHooks())).rejects.toThrow(/unstable/);
  });

  it('keeps training, and the checkpoint before, when the disk is full', async () => {
    const seen = seenHooks();
    const store = new MemoryStore();
    store.failFrom = 4;
    const outcome = await training(run(store), seen);
    expect(outcome.steps).toBe(6);
    expect(seen.alarms[0]).toMatch(/disk is full/);
    expect(saved(store).step).toBe(2);
  });

  it('does not begin where nothing can be saved', async () => {
    const store = new MemoryStore();
    store.failFrom = 1;
    await expect(training(run(store), seenHooks())).rejects.toMatchObject({ code: 'disk-full' });
  });

  it('saves less often where saving takes long', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      const savesWhenEachTakes = async (seconds: number): Promise<number> => {
        const store = new MemoryStore();
        const save = store.save.bind(store);
        store.save = (name, bytes) => {
          now += 1000 * seconds;
          return save(name, bytes);
        };
        const aSecondEach = seenHooks({ turn: () => Promise.resolve(void (now += 1000)) });
        await training(run(store, { steps: 30, checkpointSeconds: 3 }), aSecondEach);
        return store.saves;
      };
      // The first, the last, and between them every third step, or after twenty times what the one before took.
      expect(await savesWhenEachTakes(0)).toBe(12);
      expect(await savesWhenEachTakes(0.5)).toBe(5);
    } finally {
      clock.mockRestore();
    }
  });

  it('leaves a checkpoint when cancelled, and ends from it as if it had not been', async () => {
    const whole = await training(run(new MemoryStore()), seenHooks());
    const store = new MemoryStore();
    await expect(training(run(store, { checkpointSeconds: 600 }), cancelledAfter(4))).rejects.toMatchObject({ code: 'cancelled' });
    expect(saved(store).step).toBe(4);
    const resumed = await training(run(store), seenHooks());
    for (const [name, { data }] of whole.weights) expect(resumed.weights.get(name)?.data, name).toEqual(data);
  });

  it('refuses a checkpoint of another run, and one that is damaged', async () => {
    const store = new MemoryStore();
    await training(run(store, { steps: 1 }), seenHooks());
    await expect(training(run(store, { steps: 1, seed: 2 }), seenHooks())).rejects.toMatchObject({ code: 'conflict' });
    for (const [, other] of Object.entries(trainings).filter(([, each]) => each !== training))
      await expect(other(run(store, { steps: 1 }), seenHooks())).rejects.toMatchObject({ code: 'conflict' });
    store.files.set('checkpoint', new Uint8Array(100));
    await expect(training(run(store), seenHooks())).rejects.toMatchObject({ code: 'corrupt' });
  });
});
