import { neverCancelled, throwIfCancelled } from '#shared/base/cancellation.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import { plainInnerProducts, squaredNorms } from './innerProducts.ts';
import type { InnerProducts, MakeInnerProducts } from './innerProducts.ts';
import { seedByGram } from './seeding.ts';

export interface KMeansOptions {
  readonly clusters: number;
  readonly seed: number;
  /** Mini-batches (Table 2: 350). */
  readonly iterations?: number;
  readonly batch?: number;
  readonly products?: MakeInnerProducts;
  readonly cancellation?: Cancellation;
  readonly report?: (fraction: number) => void;
}

/** What k-means learned: K centres of `dimension` values, row-major. */
export interface Clusterer {
  readonly clusters: number;
  readonly dimension: number;
  readonly centres: Float32Array;
}

/** A centre that has seen fewer than this fraction of what the busiest has seen is put elsewhere. */
const REASSIGNMENT_RATIO = 0.01;

/**
 * Mini-batch k-means (Sculley 2010) with k-means++ seeding on `points` (count×dimension, row-major): every batch moves each centre to
 * the mean of all points that it was ever given; centres that starve are put onto random points of the batch. Throws
 * `invalid-argument` when there are fewer points than clusters.
 */
export async function miniBatchKMeans(points: Float32Array, dimension: number, options: KMeansOptions): Promise<Clusterer> {
  const { clusters, iterations = 350, products: make = plainInnerProducts, cancellation = neverCancelled } = options;
  const count = points.length / dimension;
  if (count < clusters)
    throw new StudioError('invalid-argument', `${count} slices cannot form ${clusters} clusters; add scans or ask for fewer clusters.`);
  const random = new Random(options.seed);
  const batch = Math.min(options.batch ?? 1024, count);
  // Around the mean, so that ‖x‖² + ‖c‖² − 2x·c does not cancel in float32.
  const mean = columnMeans(points, count, dimension);
  const gather = (index: (row: number) => number, rows: number, to: Float32Array): Float32Array => {
    for (let row = 0; row < rows; row++) {
      const from = index(row) * dimension;
      const base = row * dimension;
      for (let at = 0; at < dimension; at++) to[base + at] = (points[from + at] as number) - (mean[at] as number);
    }
    return to;
  };
  const centres = await seed(gather, count, dimension, clusters, batch, make, random);
  const seen = new Float64Array(clusters);
  const rows = new Float32Array(batch * dimension);
  const labels = new Int32Array(batch);
  const products = await make(batch, clusters, dimension);
  try {
    let sinceReassignment = 0;
    for (let iteration = 0; iteration < iterations; iteration++) {
      throwIfCancelled(cancellation);
      gather(() => random.integer(count), batch, rows);
      await nearest(products, rows, batch, centres, clusters, dimension, labels);
      moveCentres(centres, seen, rows, labels, dimension);
      sinceReassignment += batch;
      if (sinceReassignment >= (10 + minimum(seen)) * clusters) {
        sinceReassignment = 0;
        reassign(centres, seen, rows, batch, dimension, random);
      }
      options.report?.((iteration + 1) / iterations);
    }
  } finally {
    products.dispose();
  }
  for (let at = 0; at < centres.length; at++) centres[at] = (centres[at] as number) + (mean[at % dimension] as number);
  return { clusters, dimension, centres };
}

/** Nearest centre of each point, and the sum of squared distances to them. */
export async function assignClusters(
  clusterer: Clusterer,
  points: Float32Array,
  products: MakeInnerProducts = plainInnerProducts,
): Promise<{ labels: Int32Array; inertia: number }> {
  const { clusters, dimension, centres } = clusterer;
  const mean = columnMeans(centres, clusters, dimension);
  const around = centres.map((value, at) => value - (mean[at % dimension] as number));
  const count = points.length / dimension;
  const labels = new Int32Array(count);
  const chunk = Math.min(1024, count);
  if (count === 0) return { labels, inertia: 0 };
  const device = await products(chunk, clusters, dimension);
  let inertia = 0;
  try {
    const rows = new Float32Array(chunk * dimension);
    for (let first = 0; first < count; first += chunk) {
      const size = Math.min(chunk, count - first);
      for (let at = 0; at < size * dimension; at++)
        rows[at] = (points[first * dimension + at] as number) - (mean[at % dimension] as number);
      const found = new Int32Array(chunk);
      inertia += await nearest(device, rows, size, around, clusters, dimension, found);
      inertia += squaredNorms(rows, size, dimension).reduce((sum, value) => sum + value, 0);
      labels.set(found.subarray(0, size), first);
    }
  } finally {
    device.dispose();
  }
  return { labels, inertia };
}

/** k-means++ on at most three batches (at least three points a cluster). */
async function seed(
  gather: (index: (row: number) => number, rows: number, to: Float32Array) => Float32Array,
  count: number,
  dimension: number,
  clusters: number,
  batch: number,
  make: MakeInnerProducts,
  random: Random,
): Promise<Float32Array> {
  const size = Math.min(count, Math.max(3 * batch, 3 * clusters));
  const order = random.shuffle(Array.from({ length: count }, (_, point) => point)).slice(0, size);
  const block = Math.min(batch, size);
  const gram = new Float32Array(size * size);
  const products = await make(block, block, dimension);
  try {
    const [a, b] = [new Float32Array(block * dimension), new Float32Array(block * dimension)];
    const at =
      (first: number) =>
      (row: number): number =>
        order[Math.min(size - 1, first + row)] as number;
    for (let i = 0; i < size; i += block) {
      gather(at(i), block, a);
      for (let j = i; j < size; j += block) {
        const tile = await products.multiply(a, j === i ? a : gather(at(j), block, b));
        for (let r = 0; r < Math.min(block, size - i); r++)
          for (let c = 0; c < Math.min(block, size - j); c++) {
            const value = tile[r * block + c] as number;
            gram[(i + r) * size + j + c] = value;
            gram[(j + c) * size + i + r] = value;
          }
      }
    }
  } finally {
    products.dispose();
  }
  const chosen = seedByGram(gram, size, clusters, random);
  return gather((row) => order[chosen[row] as number] as number, clusters, new Float32Array(clusters * dimension));
}

/** Fills `labels` for the first `count` rows; returns the sum over them of ‖c‖² − 2x·c, which is the inertia short of Σ‖x‖². */
async function nearest(
  products: InnerProducts,
  rows: Float32Array,
  count: number,
  centres: Float32Array,
  clusters: number,
  dimension: number,
  labels: Int32Array,
): Promise<number> {
  const table = await products.multiply(rows, centres);
  const norms = squaredNorms(centres, clusters, dimension);
  let sum = 0;
  for (let row = 0; row < count; row++) {
    let best = 0;
    let bestValue = Infinity;
    for (let centre = 0, at = row * clusters; centre < clusters; centre++, at++) {
      const value = (norms[centre] as number) - 2 * (table[at] as number);
      if (value < bestValue) [best, bestValue] = [centre, value];
    }
    labels[row] = best;
    sum += bestValue;
  }
  return sum;
}

function moveCentres(centres: Float32Array, seen: Float64Array, rows: Float32Array, labels: Int32Array, dimension: number): void {
  const added = new Float64Array(seen.length);
  for (const label of labels) added[label] = (added[label] as number) + 1;
  // c·n/(n+m) once a batch, then x/(n+m) for each of its m points.
  for (let centre = 0; centre < seen.length; centre++) {
    const m = added[centre] as number;
    if (m === 0) continue;
    const keep = (seen[centre] as number) / ((seen[centre] as number) + m);
    for (let at = centre * dimension; at < (centre + 1) * dimension; at++) centres[at] = (centres[at] as number) * keep;
    seen[centre] = (seen[centre] as number) + m;
  }
  for (let row = 0; row < labels.length; row++) {
    const centre = labels[row] as number;
    const share = 1 / (seen[centre] as number);
    for (let at = centre * dimension, from = row * dimension, end = from + dimension; from < end; at++, from++)
      centres[at] = (centres[at] as number) + share * (rows[from] as number);
  }
}

function reassign(centres: Float32Array, seen: Float64Array, rows: Float32Array, batch: number, dimension: number, random: Random): void {
  const limit = REASSIGNMENT_RATIO * seen.reduce((most, value) => Math.max(most, value), 0);
  const starving = [...seen.keys()]
    .filter((centre) => (seen[centre] as number) < limit)
    .sort((a, b) => (seen[a] as number) - (seen[b] as number))
    .slice(0, batch >> 1);
  if (starving.length === 0) return;
  const starved = new Set(starving);
  const least = seen.reduce((low, value, centre) => (starved.has(centre) ? low : Math.min(low, value)), Infinity);
  const order = random.shuffle(Array.from({ length: batch }, (_, row) => row));
  for (const [place, centre] of starving.entries()) {
    const row = order[place] as number;
    centres.set(rows.subarray(row * dimension, (row + 1) * dimension), centre * dimension);
    seen[centre] = Number.isFinite(least) ? least : 1;
  }
}

function minimum(values: Float64Array): number {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}

function columnMeans(points: Float32Array, count: number, dimension: number): Float32Array {
  const sums = new Float64Array(dimension);
  for (let row = 0; row < count; row++)
    for (let at = 0, from = row * dimension; at < dimension; at++, from++) sums[at] = (sums[at] as number) + (points[from] as number);
  return Float32Array.from(sums, (sum) => sum / count);
}
