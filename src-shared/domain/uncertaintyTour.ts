import type { Triple } from '../geometry/grid.ts';

/** One stop: a connected region that the model is unsure of. */
export interface UncertainRegion {
  /** A voxel (i, j, k) of the region, the nearest to its middle. */
  readonly centre: Triple;
  readonly voxels: number;
  /** Uncertainty summed over the region, in voxels of full uncertainty: what looking at it may gain. */
  readonly score: number;
}

export interface TourOptions {
  /** Least uncertainty (0..255) of a region's voxels; undefined: the most uncertain fifth of all that are uncertain at all. */
  readonly threshold?: number;
  readonly minimumVoxels?: number;
  readonly limit?: number;
}

/** Below this (of 255) the model counts as sure. */
const SURE = 26;
/** No region begins below this, however sure the rest is. */
const LEAST_THRESHOLD = 90;

/**
 * Connected regions (6 neighbours) of an uncertainty map (0..255, size along i, j, k, i fastest), most worth a look first. The map is
 * averaged over 3³ voxels beforehand: the thin, always uncertain rim of every organ is no stop, a thick patch is.
 */
export function uncertaintyTour(uncertainty: Uint8Array, size: Triple, options: TourOptions = {}): UncertainRegion[] {
  const { minimumVoxels = 8, limit = 100 } = options;
  const smooth = blur(uncertainty, size);
  const threshold = options.threshold ?? Math.max(LEAST_THRESHOLD, upperFifth(smooth));
  const regions: UncertainRegion[] = [];
  const queue: number[] = [];
  const [ni, nj, nk] = size;
  const plane = ni * nj;
  for (let start = 0; start < smooth.length; start++) {
    if ((smooth[start] as number) < threshold) continue;
    queue.length = 0;
    queue.push(start);
    let score = smooth[start] as number;
    smooth[start] = 0; // visited
    for (let head = 0; head < queue.length; head++) {
      const at = queue[head] as number;
      const [i, j, k] = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / plane)];
      const visit = (inside: boolean, next: number): void => {
        if (!inside || (smooth[next] as number) < threshold) return;
        score += smooth[next] as number;
        smooth[next] = 0;
        queue.push(next);
      };
      visit(i > 0, at - 1);
      visit(i < ni - 1, at + 1);
      visit(j > 0, at - ni);
      visit(j < nj - 1, at + ni);
      visit(k > 0, at - plane);
      visit(k < nk - 1, at + plane);
    }
    if (queue.length >= minimumVoxels) regions.push({ centre: middle(queue, ni, nj), voxels: queue.length, score: score / 255 });
  }
  return regions.sort((a, b) => b.score - a.score).slice(0, limit);
}

/** Mean over the 3³ neighbourhood, what lies outside counting as sure. Separable: one axis after the other. */
function blur(source: Uint8Array, [ni, nj, nk]: Triple): Uint8Array {
  let from: Uint16Array = Uint16Array.from(source);
  for (const [step, extent] of [
    [1, ni],
    [ni, nj],
    [ni * nj, nk],
  ] as const) {
    const to = new Uint16Array(from.length);
    for (let at = 0; at < from.length; at++) {
      const place = Math.floor(at / step) % extent;
      to[at] =
        (from[at] as number) + (place > 0 ? (from[at - step] as number) : 0) + (place < extent - 1 ? (from[at + step] as number) : 0);
    }
    from = to;
  }
  return Uint8Array.from(from, (sum) => Math.round(sum / 27));
}

function upperFifth(values: Uint8Array): number {
  const histogram = new Uint32Array(256);
  for (const value of values) histogram[value] = (histogram[value] as number) + 1;
  let left = 0.2 * histogram.subarray(SURE).reduce((sum, count) => sum + count, 0);
  for (let value = 255; value >= SURE; value--) {
    left -= histogram[value] as number;
    if (left <= 0) return value;
  }
  return SURE;
}

function middle(voxels: readonly number[], ni: number, nj: number): Triple {
  const point = (at: number): Triple => [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
  const mean = [0, 0, 0];
  for (const at of voxels) for (const [axis, value] of point(at).entries()) mean[axis] = (mean[axis] ?? 0) + value / voxels.length;
  const squared = (at: number): number => point(at).reduce((sum, value, axis) => sum + (value - (mean[axis] ?? 0)) ** 2, 0);
  let best = voxels[0] ?? 0;
  for (const at of voxels) if (squared(at) < squared(best)) best = at;
  return point(best);
}
