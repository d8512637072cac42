import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { BatchMaker, type Batch, type BatchSpecification } from '#main/training/batches.ts';
import { BatchSource } from '#main/training/batchSource.ts';
import { encodeCase } from '#main/training/caseFile.ts';

const folder = mkdtempSync(join(tmpdir(), 'batches-'));
afterAll(() => rmSync(folder, { recursive: true }));

const size: Triple = [30, 20, 24];
const cases = [1, 2, 3].map((number) => {
  const path = join(folder, `${number}.case`);
  const voxels = size[0] * size[1] * size[2];
  // Class 1 is a small cube: hard to meet by chance.
  const classes = Uint8Array.from({ length: voxels }, (_, at) => (at % 30 < 4 && Math.floor(at / 30) % 20 < 4 && Math.floor(at / 600) < 4 ? 1 : 0));
  writeFileSync(path, encodeCase(String(number), size, [1, 1, 1], Float32Array.from({ length: voxels }, (_, at) => Math.sin(at * number)), classes));
  return path;
});

const specification: BatchSpecification = {
  cases, batch: 2, seed: 7,
  rule: { size: [16, 16, 16], augmentation: recipes.standard.augmentation, foregroundShare: 0.5, mirrorAxes: [0] },
};
const empty = (): Batch => ({ image: new Float32Array(2 * 16 ** 3), classes: new Int32Array(2 * 16 ** 3) });

function make(step: number, change: Partial<BatchSpecification> = {}): Batch {
  const maker = new BatchMaker({ ...specification, ...change });
  const batch = empty();
  maker.make(step, batch);
  maker.close();
  return batch;
}

describe('batches', () => {
  it('are a function of seed and step alone', () => {
    expect(make(5)).toEqual(make(5));
    expect(make(5).image).not.toEqual(make(6).image);
    expect(make(5).image).not.toEqual(make(5, { seed: 8 }).image);
  });

  it('come from the worker thread as they are made here, also from the middle of a run', async () => {
    const source = new BatchSource(specification, 3);
    try {
      for (const step of [3, 4, 5, 6, 7, 8]) {
        const expected = make(step);
        await source.take(step, (batch) => {
          expect(batch.image).toEqual(expected.image);
          expect(batch.classes).toEqual(expected.classes);
          return Promise.resolve();
        });
      }
    } finally {
      source.dispose();
    }
  });

  it('meet small classes as often as the recipe asks', () => {
    const share = (foregroundShare: number): number => {
      let met = 0;
      for (let step = 0; step < 60; step++) {
        const { classes } = make(step, { rule: { ...specification.rule, foregroundShare } });
        for (const half of [classes.subarray(0, 16 ** 3), classes.subarray(16 ** 3)]) if (half.some((value) => value === 1)) met++;
      }
      return met / 120;
    };
    expect(share(1)).toBeGreaterThan(0.97);
    expect(share(0)).toBeLessThan(0.7);
  });

  it('say what is wrong with a case that cannot be read', async () => {
    const source = new BatchSource({ ...specification, cases: [join(folder, 'missing.case')] }, 0);
    await expect(source.take(0, () => Promise.resolve())).rejects.toThrow();
    source.dispose();
  });
});
