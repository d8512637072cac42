import { Random } from '#shared/base/random.ts';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { MakeInnerProducts } from './innerProducts.ts';
import { assignClusters, miniBatchKMeans } from './miniBatchKMeans.ts';
import type { Clusterer } from './miniBatchKMeans.ts';
import type { SliceStore } from './sliceStore.ts';

/** Table 2, with K bent to how many slices there are. */
export interface EnsembleSettings {
  readonly clusterers: number;
  readonly smallestK: number;
  readonly largestK: number;
  /** Fraction of all slices that each clusterer is trained on. */
  readonly fraction: number;
  readonly iterations: number;
  readonly seed: number;
}

const SLICES_PER_CLUSTER = 8;
/** A tenth of very few slices is too few to cluster: no subset is smaller, if there are as many. */
const SMALLEST_SUBSET = 256;

export function subsetSize(slices: number, fraction: number): number {
  return Math.min(slices, Math.max(SMALLEST_SUBSET, Math.round(slices * fraction)));
}

/**
 * The paper's settings (K from 80 to 500, subsets of 10%, 350 iterations) where there are slices enough for about eight to a cluster;
 * with fewer, both ends of K shrink alike. `largestK` is what the pre-training head can afford.
 */
export function chooseEnsemble(slices: number, clusterers: number, seed: number, largestK = 500): EnsembleSettings {
  const fraction = 0.1;
  const most = Math.max(2, Math.min(500, largestK, Math.floor(subsetSize(slices, fraction) / SLICES_PER_CLUSTER)));
  return {
    clusterers,
    largestK: most,
    smallestK: Math.max(2, Math.min(80, Math.round((most * 80) / 500) + 2, most)),
    fraction,
    iterations: 350,
    seed,
  };
}

export interface TrainedClusterer extends Clusterer {
  readonly seed: number;
}

/** Trains clusterer `index`: its K, its subset and its seeding follow from the ensemble's seed and its index alone. */
export async function trainClusterer(
  store: SliceStore,
  settings: EnsembleSettings,
  index: number,
  options: {
    readonly products?: MakeInnerProducts;
    readonly cancellation?: Cancellation;
    readonly report?: (fraction: number) => void;
  } = {},
): Promise<TrainedClusterer> {
  const random = new Random((settings.seed + Math.imul(index + 1, 0x9e3779b1)) >>> 0);
  const clusters = settings.smallestK + random.integer(settings.largestK - settings.smallestK + 1);
  const size = Math.max(clusters, subsetSize(store.rows, settings.fraction));
  const rows = random
    .shuffle(Array.from({ length: store.rows }, (_, row) => row))
    .slice(0, size)
    .sort((a, b) => a - b);
  const seed = random.uint32();
  const clusterer = await miniBatchKMeans(store.pick(rows), store.dimension, {
    clusters,
    seed,
    iterations: settings.iterations,
    ...options,
  });
  return { ...clusterer, seed };
}

/** The nearest cluster of every slice of the store, streamed; with the inertia over all. */
export async function labelSlices(
  store: SliceStore,
  clusterer: Clusterer,
  options: { readonly products?: MakeInnerProducts; readonly cancellation?: Cancellation } = {},
): Promise<{ labels: Uint16Array; inertia: number }> {
  const labels = new Uint16Array(store.rows);
  const chunk = 4096;
  let inertia = 0;
  for (let first = 0; first < store.rows; first += chunk) {
    if (options.cancellation !== undefined) throwIfCancelled(options.cancellation);
    const part = await assignClusters(clusterer, store.read(first, Math.min(chunk, store.rows - first)), options.products);
    labels.set(part.labels, first);
    inertia += part.inertia;
  }
  return { labels, inertia };
}
