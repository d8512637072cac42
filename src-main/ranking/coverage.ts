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

/** Sums of profiles: what a set of cases covers. */
export class Coverage {
  #slices = 0;
  readonly #counts: Map<number, number>[] = [];

  constructor(profiles: Iterable<CaseProfile> = []) {
    for (const profile of profiles) this.add(profile);
  }

  add(profile: CaseProfile): void {
    this.#slices += profile.slices;
    for (const [clusterer, counts] of profile.counts.entries()) {
      const sums = (this.#counts[clusterer] ??= new Map());
      for (const [cluster, count] of counts) sums.set(cluster, (sums.get(cluster) ?? 0) + count);
    }
  }

  get empty(): boolean {
    return this.#slices === 0;
  }

  /** Fraction of the covered slices that lie in a cluster. */
  share(clusterer: number, cluster: number): number {
    return this.#slices === 0 ? 0 : (this.#counts[clusterer]?.get(cluster) ?? 0) / this.#slices;
  }
}

/**
 * How much of a case is new, 0..1: over its slices and all clusterers, the mean of how far the cluster's share among the accepted cases
 * falls short of its share among all cases.
 */
export function novelty(profile: CaseProfile, accepted: Coverage, all: Coverage): number {
  return average(profile, (clusterer, cluster) => {
    const expected = all.share(clusterer, cluster);
    return expected === 0 ? 1 : Math.max(0, 1 - accepted.share(clusterer, cluster) / expected);
  });
}

/** How typical a case is of all: the mean share of the clusters that its slices lie in. */
export function typicality(profile: CaseProfile, all: Coverage): number {
  return average(profile, (clusterer, cluster) => all.share(clusterer, cluster));
}

function average(profile: CaseProfile, value: (clusterer: number, cluster: number) => number): number {
  let sum = 0;
  for (const [clusterer, counts] of profile.counts.entries()) for (const [cluster, count] of counts) sum += count * value(clusterer, cluster);
  return sum / Math.max(1, profile.slices * profile.counts.length);
}
