import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { variant } from '#main/model/variants.ts';
import { encodeCase } from '#main/training/patches/caseFile.ts';
import type { CheckpointStore } from '#main/training/checkpoint.ts';
import { train, type TrainingSetup } from '#main/training/train.ts';
import { MemoryStore, seenHooks } from '../../support/training/runs.ts';

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
  writeFileSync(
    path,
    encodeCase(
      `case ${number}`,
      size,
      [1, 1, 2],
      image,
      Uint8Array.from({ length: voxels }, (_, at) => (inside(at) ? 1 : 0)),
    ),
  );
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

function setup(store: CheckpointStore, more: Partial<TrainingSetup> = {}): TrainingSetup {
  return {
    executor,
    store,
    architecture: variant('tiny', 2),
    plan: { spacing: [1, 1, 2], intensity: { kind: 'window', low: 0, high: 1 }, patch: [16, 32, 32], batch: 2 },
    recipe: { ...recipes.standard, averageSteps: 8 },
    budget: { steps: 6 },
    seed: 1,
    trainingCases: cases.slice(0, 3),
    validationCases: cases.slice(3),
    classes: [{ name: 'box', trainingCases: 3 }],
    mirrorAxes: [0],
    checkpointSeconds: 0,
    ...more,
  };
}

describe('train', { timeout: 600_000 }, () => {
  it('learns to find a box, measures it and keeps the best weights', async () => {
    const seen = seenHooks();
    const outcome = await train(setup(new MemoryStore(), { budget: { steps: 60 }, validateEvery: 20, checkpointSeconds: 600 }), seen);
    expect(outcome.steps).toBe(60);
    expect(outcome.validation?.score).toBeGreaterThan(0.5);
    const validated = outcome.curve.filter(({ dice }) => dice !== null);
    expect(validated.map(({ step }) => step)).toEqual([20, 40, 60]);
    expect(Math.max(...validated.map(({ dice }) => dice?.['box'] ?? 0))).toBeCloseTo(outcome.validation?.score ?? -1, 5);
    expect(seen.points.filter(({ dice }) => dice !== null)).toEqual(validated);
  });

  it('names the step whose weights it keeps, also where those of a later one found no room', async () => {
    const store = new MemoryStore();
    const seen = seenHooks();
    store.failFrom = 3; // after the first checkpoint and the best of step 10
    const outcome = await train(setup(store, { budget: { steps: 40 }, validateEvery: 10, checkpointSeconds: 600 }), seen);
    expect(seen.alarms[0]).toMatch(/disk is full/);
    expect(outcome.keptStep).toBe(10);
    const scores = outcome.curve.filter(({ dice }) => dice !== null).map(({ dice }) => dice?.['box'] ?? 0);
    expect(Math.max(...scores.slice(1))).toBeGreaterThan(scores[0] ?? 1);
    expect(outcome.validation?.score).toBeCloseTo(scores[0] ?? -1, 5);
  });
});
