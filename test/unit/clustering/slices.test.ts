import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { chooseEnsemble, labelSlices, trainClusterer } from '#main/clustering/ensemble.ts';
import { assignClusters } from '#main/clustering/miniBatchKMeans.ts';
import { choosePlane, sliceLength, sliceVectors } from '#main/clustering/slices.ts';
import { writeText } from '#main/files/durable.ts';
import { SliceStore, SliceWriter } from '#main/clustering/sliceStore.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slices-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('slices', () => {
  it('are the planes of constant i, k slowest', () => {
    const [ni, nj, nk] = [2, 3, 4];
    const data = Float32Array.from({ length: ni * nj * nk }, (_, at) => at);
    const vectors = sliceVectors([{ data, background: -1 }], [ni, nj, nk], { rows: nk, columns: nj, factor: 1 });
    for (let i = 0; i < ni; i++)
      for (let k = 0; k < nk; k++) for (let j = 0; j < nj; j++) expect(vectors[i * 12 + k * nj + j]).toBe(i + ni * (j + nj * k));
  });

  it('are laid centre on centre, padded with the background, averaged', () => {
    const data = new Float32Array(2 * 2).fill(5); // 1×2×2
    expect([...sliceVectors([{ data, background: -1 }], [1, 2, 2], { rows: 4, columns: 4, factor: 1 })]).toEqual([
      -1, -1, -1, -1, -1, 5, 5, -1, -1, 5, 5, -1, -1, -1, -1, -1,
    ]);
    expect([
      ...sliceVectors([{ data: Float32Array.of(1, 2, 3, 6), background: 0 }], [1, 2, 2], { rows: 1, columns: 1, factor: 2 }),
    ]).toEqual([3]);
    expect([
      ...sliceVectors([{ data: Float32Array.from({ length: 16 }, (_, at) => at), background: 0 }], [1, 4, 4], {
        rows: 2,
        columns: 2,
        factor: 1,
      }),
    ]).toEqual([5, 6, 9, 10]);
  });

  it('hold all channels of a slice, one after the other (Channel·X·Y), each with its own background', () => {
    const channels = [
      { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), background: -1 },
      { data: Float32Array.of(11, 12, 13, 14, 15, 16, 17, 18), background: -7 },
    ];
    const plane = choosePlane([[2, 2, 2]], 2);
    expect([plane, sliceLength(plane)]).toEqual([{ rows: 2, columns: 2, factor: 1, channels: 2 }, 8]);
    expect([...sliceVectors(channels, [2, 2, 2], plane)]).toEqual([1, 3, 5, 7, 11, 13, 15, 17, 2, 4, 6, 8, 12, 14, 16, 18]);
    const wide = sliceVectors(channels, [2, 2, 2], { ...plane, columns: 4 });
    expect([...wide.subarray(8, 16)]).toEqual([-7, 11, 13, -7, -7, 15, 17, -7]);
  });

  it('choose a plane that covers the median case', () => {
    expect(
      choosePlane([
        [35, 50, 36],
        [30, 48, 40],
        [33, 52, 38],
      ]),
    ).toEqual({ rows: 38, columns: 50, factor: 1 });
    expect(choosePlane([[512, 512, 300]])).toEqual({ rows: 38, columns: 64, factor: 8 });
  });
});

describe('the store of slices', () => {
  it('gives back rows from disk, and refuses an unfinished or truncated one', () => {
    const plane = { rows: 1, columns: 3, factor: 1 };
    const writer = new SliceWriter(folder, plane);
    writer.add('a', Float32Array.of(1, 2, 3, 4, 5, 6));
    writer.add('b', Float32Array.of(7, 8, 9));
    expect(SliceStore.exists(folder)).toBe(false);
    expect(() => new SliceStore(folder)).toThrow(/damaged/);
    writer.finish(writeText);
    const store = new SliceStore(folder);
    expect([store.rows, store.dimension]).toEqual([3, 3]);
    expect(store.cases).toEqual([
      { id: 'a', first: 0, count: 2 },
      { id: 'b', first: 2, count: 1 },
    ]);
    expect([...store.pick([2, 0])]).toEqual([7, 8, 9, 1, 2, 3]);
    writeFileSync(join(folder, 'slices.f32'), new Uint8Array(20));
    expect(() => store.read(0, 3)).toThrow(/damaged/);
    store.dispose();
  });
});

describe('the ensemble', () => {
  it("is the paper's where there are slices enough, and smaller where there are few", () => {
    expect(chooseEnsemble(50_000, 80, 1)).toMatchObject({ smallestK: 80, largestK: 500, fraction: 0.1, iterations: 350 });
    const few = chooseEnsemble(5600, 8, 1);
    expect(few.largestK).toBe(70);
    expect(few.smallestK).toBeLessThan(few.largestK);
    expect(chooseEnsemble(50_000, 8, 1, 32)).toMatchObject({ largestK: 32 });
    expect(chooseEnsemble(10, 8, 1).largestK).toBeGreaterThanOrEqual(2);
  });

  it('labels every slice with its nearest cluster; members differ, each repeats itself', async () => {
    const random = new Random(1);
    const writer = new SliceWriter(folder, { rows: 2, columns: 4, factor: 1 });
    for (const id of ['a', 'b', 'c'])
      writer.add(
        id,
        Float32Array.from({ length: 120 * 8 }, () => random.normal()),
      );
    writer.finish(writeText);
    const store = new SliceStore(folder);
    const settings = { ...chooseEnsemble(store.rows, 2, 7), iterations: 20 };
    const [first, again, second] = [
      await trainClusterer(store, settings, 0),
      await trainClusterer(store, settings, 0),
      await trainClusterer(store, settings, 1),
    ];
    expect(again).toEqual(first);
    expect(second.seed).not.toBe(first.seed);
    const { labels } = await labelSlices(store, first);
    expect([...labels]).toEqual([...(await assignClusters(first, store.read(0, store.rows))).labels]);
    store.dispose();
  });
});
