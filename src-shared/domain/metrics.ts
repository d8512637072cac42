import { StudioError } from '../base/errors.ts';
import type { Triple } from '../geometry/grid.ts';
import { squaredDistanceTransform } from './distanceTransform.ts';

/**
 * How one label of a prediction agrees with the truth in one case. Conventions where a label is absent:
 * absent from both: dice and hd95 are null, and the case does not count for that label;
 * present in one only: dice is 0, hd95 is null (there is no distance), and the case counts.
 */
export interface LabelMetrics {
  readonly label: number;
  /** 2|A∩B| / (|A|+|B|), 0..1. */
  readonly dice: number | null;
  /** Larger of the two directed 95th percentiles of surface distances, mm. */
  readonly hd95: number | null;
  readonly truthMillilitres: number;
  readonly predictionMillilitres: number;
  /** (prediction − truth) / truth; null where the truth has none. */
  readonly volumeError: number | null;
}

export interface LabelSummary {
  readonly label: number;
  /** Cases that count (present in truth or prediction). */
  readonly cases: number;
  readonly dice: number | null;
  readonly hd95: number | null;
  /** Mean of the absolute relative volume errors. */
  readonly volumeError: number | null;
}

interface Box {
  readonly low: Triple;
  readonly size: Triple;
}

/** Bounding box of the voxels that hold `label` in either array, grown by nothing; undefined where there is none. */
function boundingBox(a: ArrayLike<number>, b: ArrayLike<number>, size: Triple, label: number): Box | undefined {
  const [ni, nj, nk] = size;
  const low = [ni, nj, nk];
  const high = [-1, -1, -1];
  for (let k = 0, at = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++, at++) {
        if (a[at] !== label && b[at] !== label) continue;
        const point = [i, j, k];
        for (let axis = 0; axis < 3; axis++) {
          const p = point[axis] as number;
          if (p < (low[axis] as number)) low[axis] = p;
          if (p > (high[axis] as number)) high[axis] = p;
        }
      }
    }
  }
  if ((high[0] as number) < 0) return undefined;
  const [i, j, k] = low as [number, number, number];
  return { low: [i, j, k], size: [(high[0] as number) - i + 1, (high[1] as number) - j + 1, (high[2] as number) - k + 1] };
}

/** 1 where `label` is, inside the box. */
function maskIn(box: Box, labels: ArrayLike<number>, size: Triple, label: number): Uint8Array {
  const [ni, nj, nk] = box.size;
  const mask = new Uint8Array(ni * nj * nk);
  for (let k = 0, at = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      let from = ((k + box.low[2]) * size[1] + j + box.low[1]) * size[0] + box.low[0];
      for (let i = 0; i < ni; i++, at++, from++) if (labels[from] === label) mask[at] = 1;
    }
  }
  return mask;
}

/** Mask voxels with a 6-neighbour outside the mask; beyond the box counts as outside. */
function surfaceOf(mask: Uint8Array, size: Triple): Uint8Array {
  const [ni, nj, nk] = size;
  const surface = new Uint8Array(mask.length);
  for (let k = 0, at = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++, at++) {
        if (mask[at] === 0) continue;
        const inside =
          i > 0 &&
          i < ni - 1 &&
          j > 0 &&
          j < nj - 1 &&
          k > 0 &&
          k < nk - 1 &&
          mask[at - 1] === 1 &&
          mask[at + 1] === 1 &&
          mask[at - ni] === 1 &&
          mask[at + ni] === 1 &&
          mask[at - ni * nj] === 1 &&
          mask[at + ni * nj] === 1;
        if (!inside) surface[at] = 1;
      }
    }
  }
  return surface;
}

/** The `fraction` quantile with linear interpolation between order statistics (numpy's default); sorts in place. */
export function quantile(values: Float64Array | Float32Array, fraction: number): number {
  values.sort();
  const position = (values.length - 1) * fraction;
  const below = Math.floor(position);
  const a = values[below] as number;
  return a + ((values[Math.min(below + 1, values.length - 1)] as number) - a) * (position - below);
}

function directed95(from: Uint8Array, squaredDistanceToOther: Float64Array): number {
  const distances = new Float64Array(from.reduce((sum, value) => sum + value, 0));
  for (let at = 0, next = 0; at < from.length; at++)
    if (from[at] === 1) distances[next++] = Math.sqrt(squaredDistanceToOther[at] as number);
  return quantile(distances, 0.95);
}

/** 95% Hausdorff distance in mm between two non-empty masks of one box: the larger of both directed 95th percentiles. */
function hausdorff95(a: Uint8Array, b: Uint8Array, size: Triple, spacing: Triple): number {
  const surfaceA = surfaceOf(a, size);
  const surfaceB = surfaceOf(b, size);
  return Math.max(
    directed95(surfaceA, squaredDistanceTransform(surfaceB, size, spacing)),
    directed95(surfaceB, squaredDistanceTransform(surfaceA, size, spacing)),
  );
}

/**
 * Agreement of `prediction` with `truth` for each of `labels`. Both arrays are on one grid of `size` voxels with `spacing` mm along
 * i, j, k (i fastest). `distances: false` leaves hd95 null and is quicker. `regions`: a label with the values of its region is
 * measured as their union. `invalid-argument` where the lengths differ.
 */
export function compareLabels(
  truth: ArrayLike<number>,
  prediction: ArrayLike<number>,
  size: Triple,
  spacing: Triple,
  labels: readonly number[],
  { distances = true, regions }: { distances?: boolean; regions?: ReadonlyMap<number, readonly number[]> | undefined } = {},
): LabelMetrics[] {
  const voxels = size[0] * size[1] * size[2];
  if (truth.length !== voxels || prediction.length !== voxels) {
    throw new StudioError('invalid-argument', 'Two masks can be compared only when they lie on the same grid.');
  }
  const highest = Math.max(0, ...labels);
  const both = new Float64Array(highest + 1);
  const inTruth = new Float64Array(highest + 1);
  const inPrediction = new Float64Array(highest + 1);
  for (let at = 0; at < voxels; at++) {
    const t = truth[at] as number;
    const p = prediction[at] as number;
    if (t <= highest) inTruth[t] = (inTruth[t] as number) + 1;
    if (p <= highest) inPrediction[p] = (inPrediction[p] as number) + 1;
    if (t === p && t <= highest) both[t] = (both[t] as number) + 1;
  }
  const millilitres = (spacing[0] * spacing[1] * spacing[2]) / 1000;
  return labels.map((label) => {
    const values = regions?.get(label) ?? [label];
    if (values.length > 1) {
      const union = (data: ArrayLike<number>): Uint8Array => Uint8Array.from(data, (value) => (values.includes(value) ? 1 : 0));
      const [one] = compareLabels(union(truth), union(prediction), size, spacing, [1], { distances });
      return { ...(one as LabelMetrics), label };
    }
    const t = inTruth[label] as number;
    const p = inPrediction[label] as number;
    const measurable = distances && t > 0 && p > 0;
    const box = measurable ? boundingBox(truth, prediction, size, label) : undefined;
    return {
      label,
      dice: t + p === 0 ? null : (2 * (both[label] as number)) / (t + p),
      hd95:
        box === undefined ? null : hausdorff95(maskIn(box, truth, size, label), maskIn(box, prediction, size, label), box.size, spacing),
      truthMillilitres: t * millilitres,
      predictionMillilitres: p * millilitres,
      volumeError: t === 0 ? null : (p - t) / t,
    };
  });
}

/** Mean of the values that are known; null where none is. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Per label over cases, in the order of the first case's labels; null where no case counts. */
export function summarise(cases: readonly (readonly LabelMetrics[])[]): LabelSummary[] {
  const labels = cases[0]?.map(({ label }) => label) ?? [];
  return labels.map((label) => {
    const rows = cases.flatMap((metrics) => metrics.filter((row) => row.label === label && row.dice !== null));
    return {
      label,
      cases: rows.length,
      dice: meanOf(rows.map((row) => row.dice)),
      hd95: meanOf(rows.map((row) => row.hd95)),
      volumeError: meanOf(rows.map((row) => (row.volumeError === null ? null : Math.abs(row.volumeError)))),
    };
  });
}

/** Mean Dice over the labels that some case has; null where none has. */
export function meanDice(summary: readonly LabelSummary[]): number | null {
  return meanOf(summary.map(({ dice }) => dice));
}

/**
 * Mean over the labels of Dice taken over all cases together, so that a sliver of a label in one of them counts for its voxels and no more; 0 where no
 * case has any.
 */
export function pooledDice(cases: readonly (readonly LabelMetrics[])[]): number {
  const pooled = new Map<number, { shared: number; both: number }>();
  for (const { label, dice, truthMillilitres, predictionMillilitres } of cases.flat()) {
    if (dice === null) continue;
    const { shared, both } = pooled.get(label) ?? { shared: 0, both: 0 };
    const volume = truthMillilitres + predictionMillilitres;
    pooled.set(label, { shared: shared + dice * volume, both: both + volume });
  }
  return meanOf([...pooled.values()].map(({ shared, both }) => shared / both)) ?? 0;
}

export function meanHd95(summary: readonly LabelSummary[]): number | null {
  return meanOf(summary.map(({ hd95 }) => hd95));
}
