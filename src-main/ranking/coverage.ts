/**
 * What the clusterers say about a case: for each clusterer, how many of its slices lie in which cluster. Two cases whose slices lie in
 * the same clusters look alike.
 */
export interface CaseProfile {
  readonly slices: number;
  /** Per clusterer: cluster → number of slices. */
  readonly counts: readonly ReadonlyMap<number, number>[];
}

/** `pseudo`: slices × clusterers, clusterer fastest. */
export function profileOf(pseudo: Uint16Array, clusterers: number): CaseProfile {
  const counts = Array.from({ length: clusterers }, () => new Map<number, number>());
  for (const [at, cluster] of pseudo.entries()) {
    const own = counts[at % clusterers];
    own?.set(cluster, (own.get(cluster) ?? 0) + 1);
  }
  return { slices: pseudo.length / clusterers, counts };
}

/** Profiles of several cases taken together. */
class Sums {
  slices = 0;
  readonly counts: Map<number, number>[] = [];

  add(profile: CaseProfile): void {
    this.slices += profile.slices;
    for (const [clusterer, counts] of profile.counts.entries()) {
      const sums = (this.counts[clusterer] ??= new Map());
      for (const [cluster, count] of counts) sums.set(cluster, (sums.get(cluster) ?? 0) + count);
    }
  }

  of(clusterer: number, cluster: number): number {
    return this.counts[clusterer]?.get(cluster) ?? 0;
  }
}

/**
 * How much of what all cases show a growing part of them shows, 0..1: the intersection of their histograms over the clusters, mean over
 * the clusterers. It is 1 where every cluster has the same share of both.
 */
export class Coverage {
  readonly #all = new Sums();
  readonly #own = new Sums();
  /** What the cases so far add to the intersection, by the number of slices that they are a share of. */
  readonly #parts = new Map<number, number>();

  constructor(all: Iterable<CaseProfile>) {
    for (const profile of all) this.#all.add(profile);
  }

  add(profile: CaseProfile): void {
    this.#own.add(profile);
    this.#parts.clear();
  }

  get empty(): boolean {
    return this.#own.slices === 0;
  }

  get reach(): number {
    return this.empty ? 0 : this.#part(this.#own.slices) / this.#own.counts.length;
  }

  /** The reach with one more case. */
  reachWith(profile: CaseProfile): number {
    const slices = this.#own.slices + profile.slices;
    let sum = this.#part(slices);
    for (const [clusterer, counts] of profile.counts.entries()) {
      for (const [cluster, count] of counts) {
        const [own, share] = [this.#own.of(clusterer, cluster), this.#all.of(clusterer, cluster) / this.#all.slices];
        sum += Math.min((own + count) / slices, share) - Math.min(own / slices, share);
      }
    }
    return sum / profile.counts.length;
  }

  #part(slices: number): number {
    let sum = this.#parts.get(slices);
    if (sum === undefined) {
      sum = 0;
      for (const [clusterer, counts] of this.#own.counts.entries()) {
        for (const [cluster, count] of counts) sum += Math.min(count / slices, this.#all.of(clusterer, cluster) / this.#all.slices);
      }
      this.#parts.set(slices, sum);
    }
    return sum;
  }
}
