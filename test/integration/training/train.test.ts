import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neverCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { variant } from '#main/model/variants.ts';
import { encodeCase } from '#main/training/caseFile.ts';
import { decodeCheckpoint, type CheckpointStore } from '#main/training/checkpoint.ts';
import { train, type TrainingHooks, type TrainingSetup } from '#main/training/train.ts';

const folder = mkdtempSync(join(tmpdir(), 'train-'));
let executor: Executor;
let cases: string[];

/** A bright box in noise; the network has to find it. */
function writeCase(number: number): string {
  const size: Triple = [30, 28, 14];
  const path = join(folder, `${number}.case`);
  const inside = (at: number): boolean => {
    const [i, j, k] = [at % 30, Math.floor(at / 30) % 28, Math.floor(at / 840)];
    return i > 6 + number && i < 20 + number && j > 8 && j < 20 && k > 3 && k < 11;
  };
  const voxels = size[0] * size[1] * size[2];
  const image = Float32Array.from({ length: voxels }, (_, at) => (inside(at) ? 1 : -0.3) + 0.3 * Math.sin(at * 12.9898 * number));
  writeFileSync(path, encodeCase(`case ${number}`, size, [1, 1, 2], image, Uint8Array.from({ length: voxels }, (_, at) => (inside(at) ? 1 : 0))));
  return path;
}

beforeAll(() => {
  executor = createCpuExecutor({ threads: 1 });
  cases = [1, 2, 3, 4].map(writeCase);
});
afterAll(() => {
  executor.dispose();
  rmSync(folder, { recursive: true });
});

class MemoryStore implements CheckpointStore {
  readonly files = new Map<string, Uint8Array>();
  saves = 0;
  failFrom = Infinity;

  load(name: 'checkpoint' | 'best'): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.files.get(name));
  }

  save(name: 'checkpoint' | 'best', bytes: Uint8Array): Promise<void> {
    if (++this.saves >= this.failFrom) return Promise.reject(new StudioError('disk-full', 'The disk is full.'));
    this.files.set(name, bytes);
    return Promise.resolve();
  }
}

function setup(store: CheckpointStore, more: Partial<TrainingSetup> = {}): TrainingSetup {
  return {
    executor, store, architecture: variant('tiny', 2), plan: { spacing: [1, 1, 2], intensity: { kind: 'window', low: 0, high: 1 }, patch: [16, 32, 32], batch: 2 },
    recipe: { ...recipes.standard, averageSteps: 8 }, budget: { steps: 6 }, seed: 1, trainingCases: cases.slice(0, 3), validationCases: cases.slice(3),
    classes: [{ name: 'box', trainingCases: 3 }], mirrorAxes: [0], checkpointSeconds: 0, ...more,
  };
}

function hooks(more: Partial<TrainingHooks> = {}): TrainingHooks & { alarms: string[]; points: CurvePoint[] } {
  const alarms: string[] = [];
  const points: CurvePoint[] = [];
  return {
    alarms, points, report: () => undefined, point: (point) => points.push(point), alarm: (_severity, message) => alarms.push(message),
    cancellation: neverCancelled, turn: () => Promise.resolve(), ...more,
  };
}

/** The executor with one scalar read replaced by NaN, so that the guard has something to guard against. */
function poisoned(real: Executor, atRead: number): Executor {
  let reads = 0;
  return {
    name: real.name, description: real.description, reusesMemory: real.reusesMemory,
    unsupported: (graph) => real.unsupported(graph), storageBytes: (type) => real.storageBytes(type), dispose: () => undefined,
    prepare: async (plan) => {
      const session = await real.prepare(plan);
      return {
        bytes: session.bytes, write: (value, data) => session.write(value, data), run: () => session.run(), dispose: () => session.dispose(),
        read: async (value) => {
          const data = await session.read(value);
          return value.type.shape.join() === '1' && ++reads === atRead ? Float32Array.of(NaN) : data;
        },
      };
    },
  };
}

describe('train', { timeout: 600_000 }, () => {
  it('learns to find a box, measures it and keeps the best weights', async () => {
    const seen = hooks();
    const outcome = await train(setup(new MemoryStore(), { budget: { steps: 60 }, validateEvery: 20, checkpointSeconds: 600 }), seen);
    expect(outcome.steps).toBe(60);
    expect(outcome.validation?.score).toBeGreaterThan(0.5);
    const validated = outcome.curve.filter(({ dice }) => dice !== null);
    expect(validated.map(({ step }) => step)).toEqual([20, 40, 60]);
    expect(Math.max(...validated.map(({ dice }) => dice?.['box'] ?? 0))).toBeCloseTo(outcome.validation?.score ?? -1, 5);
    expect(seen.points.filter(({ dice }) => dice !== null)).toEqual(validated);
  });

  it('goes back to the checkpoint at half the rate when the loss is no number', async () => {
    const seen = hooks();
    const store = new MemoryStore();
    const outcome = await train(setup(store, { executor: poisoned(executor, 7) }), seen); // loss of the fourth step
    expect(outcome.steps).toBe(6);
    expect(seen.alarms).toHaveLength(1);
    expect(seen.alarms[0]).toMatch(/step 3 at 0.5 times/);
    expect(decodeCheckpoint(store.files.get('checkpoint') ?? new Uint8Array()).state.rateScale).toBe(0.5);
  });

  it('gives up in words when it stays unstable', async () => {
    const run = train(setup(new MemoryStore(), { recipe: { ...recipes.standard, learningRate: 1e30, warmUp: 0 }, budget: { steps: 40 } }), hooks());
    await expect(run).rejects.toThrow(/unstable/);
  });

  it('keeps training, and the checkpoint before, when the disk is full', async () => {
    const seen = hooks();
    const store = new MemoryStore();
    store.failFrom = 4;
    const outcome = await train(setup(store, { validationCases: [] }), seen);
    expect(outcome.steps).toBe(6);
    expect(seen.alarms[0]).toMatch(/disk is full/);
    expect(decodeCheckpoint(store.files.get('checkpoint') ?? new Uint8Array()).state.step).toBe(2);
  });

  it('leaves a checkpoint when cancelled, and ends from it as if it had not been', async () => {
    const whole = await train(setup(new MemoryStore()), hooks());
    const store = new MemoryStore();
    const cancellation: Cancellation & { aborted: boolean } = { aborted: false };
    let turns = 0;
    const cancelled = train(setup(store, { checkpointSeconds: 600 }), hooks({ cancellation, turn: () => {
      if (++turns === 4) cancellation.aborted = true;
      return Promise.resolve();
    } }));
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(decodeCheckpoint(store.files.get('checkpoint') ?? new Uint8Array()).state.step).toBe(4);
    const resumed = await train(setup(store), hooks());
    for (const [name, { data }] of whole.weights) expect(resumed.weights.get(name)?.data, name).toEqual(data);
  });

  it('refuses a checkpoint of another run', async () => {
    const store = new MemoryStore();
    await train(setup(store, { budget: { steps: 1 } }), hooks());
    await expect(train(setup(store, { budget: { steps: 1 }, seed: 2 }), hooks())).rejects.toMatchObject({ code: 'conflict' });
    store.files.set('checkpoint', new Uint8Array(100));
    await expect(train(setup(store), hooks())).rejects.toMatchObject({ code: 'corrupt' });
  });
});
