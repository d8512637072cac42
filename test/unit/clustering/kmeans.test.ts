import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { engineInnerProducts } from '#main/clustering/engineInnerProducts.ts';
import { dot, plainInnerProducts } from '#main/clustering/innerProducts.ts';
import { assignClusters, miniBatchKMeans } from '#main/clustering/miniBatchKMeans.ts';
import { seedByGram } from '#main/clustering/seeding.ts';

/** `clusters` well separated balls of points; `truth[i]` is the ball of point i. */
function balls(clusters: number, each: number, dimension: number, seed: number, shift = 0): { points: Float32Array; truth: number[] } {
  const random = new Random(seed);
  const centres = Array.from({ length: clusters }, () => Array.from({ length: dimension }, () => 10 * random.normal() + shift));
  const truth = random.shuffle(Array.from({ length: clusters * each }, (_, index) => index % clusters));
  const points = Float32Array.from(truth.flatMap((ball) => (centres[ball] as number[]).map((value) => value + 0.5 * random.normal())));
  return { points, truth };
}

/** Fraction of pairs on which two labellings agree about "same cluster". */
function randIndex(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [agree, pairs] = [0, 0];
  for (let i = 0; i < a.length; i++) for (let j = 0; j < i; j++, pairs++) if ((a[i] === a[j]) === (b[i] === b[j])) agree++;
  return agree / pairs;
}

describe('inner products', () => {
  it('agree with their definition, on the engine too, for sizes that are no multiple of anything', async () => {
    const [rows, centres, dimension] = [7, 5, 13];
    const random = new Random(3);
    const a = Float32Array.from({ length: rows * dimension }, () => random.normal());
    const b = Float32Array.from({ length: centres * dimension }, () => random.normal());
    for (const make of [plainInnerProducts, engineInnerProducts(createReferenceExecutor())]) {
      const products = await make(rows, centres, dimension);
      const table = await products.multiply(a, b);
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < centres; c++) expect(table[r * centres + c]).toBeCloseTo(dot(a, r * dimension, b, c * dimension, dimension), 4);
      products.dispose();
    }
  });
});

describe('k-means++', () => {
  it('puts one seed into each far ball', () => {
    const { points, truth } = balls(6, 30, 4, 5);
    const n = truth.length;
    const gram = Float32Array.from({ length: n * n }, (_, at) => dot(points, Math.floor(at / n) * 4, points, (at % n) * 4, 4));
    for (let seed = 0; seed < 5; seed++)
      expect(new Set(seedByGram(gram, n, 6, new Random(seed)).map((point) => truth[point])).size).toBe(6);
  });

  it('bears points that are all the same', () => {
    expect(seedByGram(new Float32Array(16).fill(1), 4, 3, new Random(0))).toHaveLength(3);
  });
});

describe('mini-batch k-means', () => {
  it('finds the balls again, far from the origin too', async () => {
    for (const shift of [0, 1000]) {
      const { points, truth } = balls(8, 50, 6, 11, shift);
      const clusterer = await miniBatchKMeans(points, 6, { clusters: 8, seed: 1, iterations: 60, batch: 128 });
      const { labels, inertia } = await assignClusters(clusterer, points);
      expect(randIndex(labels, truth)).toBeGreaterThan(0.999);
      expect(inertia / truth.length / 6).toBeCloseTo(0.25, 1); // the variance that was put in
    }
  });

  it('depends on its seed alone', async () => {
    const { points } = balls(5, 40, 3, 2);
    const run = async (seed: number): Promise<Float32Array> =>
      (await miniBatchKMeans(points, 3, { clusters: 9, seed, iterations: 20, batch: 32 })).centres;
    expect(await run(4)).toEqual(await run(4));
    expect(await run(4)).not.toEqual(await run(5));
  });

  it('leaves no centre unused where points abound', async () => {
    const { points } = balls(3, 300, 2, 7);
    const clusterer = await miniBatchKMeans(points, 2, { clusters: 12, seed: 1, iterations: 100, batch: 256 });
    expect(new Set((await assignClusters(clusterer, points)).labels).size).toBeGreaterThanOrEqual(11);
  });

  it('refuses more clusters than points and stops when it is cancelled', async () => {
    await expect(miniBatchKMeans(new Float32Array(8), 2, { clusters: 5, seed: 0 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(miniBatchKMeans(new Float32Array(8), 2, { clusters: 2, seed: 0, cancellation: { aborted: true } })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});
