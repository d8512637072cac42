import type { Triple } from '../geometry/grid.ts';

/** Travel time of what no seed reaches. */
export const unreached = 0xffff_ffff;

/** Highest cost of a step of the region's smallest spacing. */
const dearest = 64;

/**
 * Times to get to each voxel from seeds, where a step costs what the voxel it leads to costs (`cost`, 1 … 64) per smallest spacing.
 * Dijkstra with a bucket for each time (Dial): times are whole numbers. Seeds can be added later; times only fall.
 */
export class Geodesic {
  readonly times: Uint32Array;
  readonly #size: Triple;
  readonly #cost: Uint8Array;
  readonly #step: Triple;
  readonly #barred: (at: number) => boolean;
  readonly #buckets: number[][];

  constructor(cost: Uint8Array, size: Triple, spacing: Triple, barred: (at: number) => boolean) {
    this.times = new Uint32Array(cost.length).fill(unreached);
    this.#size = size;
    this.#cost = cost;
    const finest = Math.min(...spacing);
    // A step across a thick slice is a long way, but not one that nothing crosses.
    this.#step = spacing.map((mm) => Math.min(4, mm / finest)) as unknown as Triple;
    this.#barred = barred;
    this.#buckets = Array.from({ length: dearest * 4 + 2 }, () => []);
  }

  /** Starts from further voxels. `isEnough` hears of every voxel in the order of the times; once it says so, later times are not final, and nothing can be added. */
  add(seeds: readonly number[], isEnough?: (at: number, time: number) => boolean): void {
    const { times } = this;
    const [ni, nj, nk] = this.#size;
    const buckets = this.#buckets;
    const span = buckets.length;
    let waiting = 0;
    for (const at of seeds) {
      if (times[at] === 0) continue;
      times[at] = 0;
      (buckets[0] as number[]).push(at);
      waiting++;
    }
    const [stepI, stepJ, stepK] = this.#step;
    let now = 0;
    const reach = (to: number, step: number): void => {
      const next = now + Math.max(1, Math.round((this.#cost[to] as number) * step));
      if (next >= (times[to] as number) || this.#barred(to)) return;
      times[to] = next;
      (buckets[next % span] as number[]).push(to);
      waiting++;
    };
    for (; waiting > 0; now++) {
      const bucket = buckets[now % span] as number[];
      for (const at of bucket) {
        waiting--;
        if (times[at] !== now) continue; // A shorter way was found since.
        if (isEnough?.(at, now) === true) return;
        const i = at % ni;
        const row = (at - i) / ni;
        const j = row % nj;
        const k = (row - j) / nj;
        if (i > 0) reach(at - 1, stepI);
        if (i + 1 < ni) reach(at + 1, stepI);
        if (j > 0) reach(at - ni, stepJ);
        if (j + 1 < nj) reach(at + ni, stepJ);
        if (k > 0) reach(at - ni * nj, stepK);
        if (k + 1 < nk) reach(at + ni * nj, stepK);
      }
      bucket.length = 0;
    }
  }
}

/** Costs of steps: 1 where a voxel surely belongs (`chance` 1), 64 where it surely does not. */
const base = 8;
export function costsOf(chance: Float32Array, inverse = false): Uint8Array {
  // Loops: `from` with a function takes ten times as long, and someone waits.
  const costs = new Uint8Array(chance.length);
  for (let at = 0; at < costs.length; at++) {
    const value = chance[at] as number;
    const against = inverse ? value : 1 - value;
    costs[at] = base + Math.round((dearest - base) * against * against);
  }
  return costs;
}
