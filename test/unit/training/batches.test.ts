import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { BatchMaker, emptyBatch, type Batch, type BatchSpecification } from '#main/training/patches/batches.ts';
import { BatchSource } from '#main/training/patches/batchSource.ts';
import { encodeCase } from '#main/training/patches/caseFile.ts';

const folder = mkdtempSync(join(tmpdir(), 'batches-'));
afterAll(() => rmSync(folder, { recursive: true }));

const size: Triple = [30, 20, 24];
const cases = [1, 2, 3].map((number) => {
  const path = join(folder, `${number}.case`);
  const voxels = size[0] * size[1] * size[2];
  // Class 1 is a small cube: hard to meet by chance.
  const classes = Uint8Array.from({ length: voxels }, (_, at) =>
    at % 30 < 4 && Math.floor(at / 30) % 20 < 4 && Math.floor(at / 600) < 4 ? 1 : 0,
  );
  writeFileSync(
    path,
    encodeCase(
      String(number),
      size,
      [1, 1, 1],
      Float32Array.from({ length: voxels }, (_, at) => Math.sin(at * number)),
      classes,
    ),
  );
  return path;
});

const specification: BatchSpecification = {
  cases,
  batch: 2,
  seed: 7,
  rule: { size: [16, 16, 16], augmentation: recipes.standard.augmentation, foregroundShare: 0.5, mirrorAxes: [0] },
};
/** The third channel is the first one times −40 plus 7; the second is missing. */
const several = join(folder, 'several.case');
{
  const first = Float32Array.from({ length: size[0] * size[1] * size[2] }, (_, at) => Math.sin(at));
  const third = first.map((value) => 7 - 40 * value);
  writeFileSync(
    several,
    encodeCase(
      'several',
      size,
      [1, 1, 1],
      [first, null, third],
      Uint8Array.from(first, (value) => (value > 0.9 ? 1 : 0)),
    ),
  );
}
const still = { ...recipes.standard.augmentation, gain: 1, offset: 0, gamma: 1, noise: 0 };

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

  it('of several channels are moved and turned alike, and changed in intensity channel by channel', () => {
    const rule = { ...specification.rule, channels: [2, 0], augmentation: still };
    const made = (change: Partial<typeof rule>): Batch => {
      const maker = new BatchMaker({ ...specification, cases: [several], rule: { ...rule, ...change } });
      const batch = emptyBatch({ batch: 2, rule });
      maker.make(3, batch);
      maker.close();
      return batch;
    };
    const voxels = 16 ** 3;
    const { image, classes } = made({});
    expect(image).toHaveLength(4 * voxels);
    for (let n = 0; n < 2; n++)
      for (let at = 0; at < voxels; at++) {
        const [third, first] = [image[2 * n * voxels + at], image[(2 * n + 1) * voxels + at]] as [number, number];
        // Outside the case each has its own lowest value.
        if (first > -0.9999) expect(third).toBeCloseTo(7 - 40 * first, 1);
      }
    const changed = made({ augmentation: recipes.standard.augmentation });
    expect(changed.classes).toEqual(classes);
    const ratio = (at: number): number => ((changed.image[at] as number) - 7) / (changed.image[voxels + at] as number);
    expect(new Set([5, 600, 3000].map((at) => Math.round(ratio(at)))).size).toBeGreaterThan(1);
  });

  it('leave out channels that cases may lack, never all of a patch, and nothing else changes', () => {
    const voxels = 16 ** 3;
    const rule = { ...specification.rule, channels: [0, 1, 2], augmentation: still };
    const maker = (share?: number) =>
      new BatchMaker({
        ...specification,
        batch: 1,
        cases: [several],
        rule: { ...rule, ...(share !== undefined && { dropout: { share, channels: [0, 2] } }) },
      });
    const zeros = (batch: Batch): boolean[] =>
      [0, 1, 2].map((channel) => batch.image.subarray(channel * voxels, (channel + 1) * voxels).every((value) => value === 0));
    const [always, sometimes, never] = [maker(1), maker(0.4), maker()];
    const counts: [number, number] = [0, 0];
    for (let step = 0; step < 60; step++) {
      const [a, b, c] = [emptyBatch({ batch: 1, rule }), emptyBatch({ batch: 1, rule }), emptyBatch({ batch: 1, rule })];
      always.make(step, a);
      sometimes.make(step, b);
      never.make(step, c);
      expect(zeros(a)).toEqual([true, true, false]); // the second is missing anyway
      expect(zeros(c)).toEqual([false, true, false]);
      expect(b.classes).toEqual(c.classes);
      const found = zeros(b);
      expect(found[0] && found[2]).toBe(false);
      counts[0] += found[0] ? 1 : 0;
      counts[1] += found[2] ? 1 : 0;
      if (!found[2]) expect(b.image.subarray(2 * voxels)).toEqual(c.image.subarray(2 * voxels));
    }
    expect(Math.min(...counts)).toBeGreaterThan(5);
    for (const each of [always, sometimes, never]) each.close();
  });

  it('are made by a worker that ends by its own hand, also in the middle of one', async () => {
    const started: Worker[] = [];
    const note = (worker: Worker): void => void started.push(worker);
    process.on('worker', note);
    const source = new BatchSource(specification, 0);
    await new Promise(setImmediate); // Node tells of it in the next tick.
    process.off('worker', note);
    const [worker] = started;
    if (worker === undefined) throw new Error('no worker');
    await new Promise((resolve) => worker.once('message', resolve));
    source.dispose();
    const [code] = (await once(worker, 'exit')) as [number];
    expect(code).toBe(0); // 1 where it was terminated
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
