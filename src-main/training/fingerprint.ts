import { looksLikeCt } from '#shared/domain/modality.ts';
import { StudioError } from '#shared/base/errors.ts';
import { quantile } from '#shared/domain/metrics.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { reorientToCanonical, sameGrid } from '#shared/geometry/orientation.ts';

export type Modality = 'CT' | 'MR' | 'unknown';

/** What the plan needs to know of one labelled case. Axes are i, j, k of the orientation closest to RAS. */
export interface CaseFingerprint {
  readonly size: Triple;
  readonly spacing: Triple;
  readonly modality: Modality;
  /** Voxels of each label value that occurs, background left out. */
  readonly labelVoxels: Readonly<Record<number, number>>;
  readonly minimum: number;
  /** Evenly spread sample of the intensities under any label, at most 10,000. */
  readonly foreground: Float32Array;
}

const foregroundSample = 10_000;

/**
 * Looks at one case. Throws `invalid-file`, with a sentence that does not name the file, where image and mask are not on one grid,
 * an intensity is not finite, or the mask holds a value that is not in `labelValues`.
 */
export function fingerprintCase(image: Volume, labels: LabelVolume, modality: Modality, labelValues: readonly number[]): CaseFingerprint {
  if (!sameGrid(image.grid, labels.grid, 1e-2)) {
    const sizes = `${image.grid.size.join('×')} and ${labels.grid.size.join('×')}`;
    throw new StudioError('invalid-file', `image and mask do not lie on the same grid (${sizes} voxels): resample the mask to the image first`);
  }
  const known = new Set([0, ...labelValues]);
  const counts = new Map<number, number>();
  for (const value of labels.data) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of counts.keys()) {
    if (!known.has(value)) throw new StudioError('invalid-file', `the mask holds the value ${value}, which is not in the label set (${labelValues.join(', ')})`);
  }
  let minimum = Infinity;
  for (const value of image.data) {
    if (!Number.isFinite(value)) throw new StudioError('invalid-file', 'the image holds values that are not numbers (NaN or infinite)');
    if (value < minimum) minimum = value;
  }
  const canonical = reorientToCanonical(image).grid;
  return {
    size: canonical.size, spacing: spacingOf(canonical), modality, minimum,
    labelVoxels: Object.fromEntries([...counts].filter(([value]) => value !== 0)),
    foreground: foregroundIntensities(image, labels, labels.data.length - (counts.get(0) ?? 0)),
  };
}

function foregroundIntensities(image: Volume, labels: LabelVolume, count: number): Float32Array {
  const stride = Math.max(1, Math.ceil(count / foregroundSample));
  const sample = new Float32Array(count === 0 ? 0 : Math.floor((count - 1) / stride) + 1);
  for (let at = 0, seen = 0; at < labels.data.length; at++) {
    if (labels.data[at] === 0) continue;
    if (seen % stride === 0) sample[seen / stride] = image.data[at] as number;
    seen++;
  }
  return sample;
}

/** The data set as a whole. */
export interface DatasetFingerprint {
  readonly cases: number;
  readonly modality: 'CT' | 'MR';
  /** Median and 10th percentile over the cases, mm along i, j, k. */
  readonly medianSpacing: Triple;
  readonly fineSpacing: Triple;
  /** Median size in millimetres along i, j, k. */
  readonly medianExtent: Triple;
  /** 0.5th and 99.5th percentile of the intensities under labels. */
  readonly foregroundRange: readonly [number, number];
  /** Cases that hold each label value. */
  readonly casesWithLabel: Readonly<Record<number, number>>;
}

/** Sums up at least one case; throws `invalid-argument` without any. */
export function fingerprintDataset(fingerprints: readonly CaseFingerprint[]): DatasetFingerprint {
  if (fingerprints.length === 0) throw new StudioError('invalid-argument', 'There is no usable labelled case to learn from.');
  const over = (pick: (each: CaseFingerprint) => number, fraction: number): number => quantile(Float64Array.from(fingerprints, pick), fraction);
  const triple = (pick: (each: CaseFingerprint, axis: 0 | 1 | 2) => number, fraction: number): Triple => [
    over((each) => pick(each, 0), fraction), over((each) => pick(each, 1), fraction), over((each) => pick(each, 2), fraction),
  ];
  const foreground = new Float32Array(fingerprints.reduce((sum, each) => sum + each.foreground.length, 0));
  let at = 0;
  for (const { foreground: sample } of fingerprints) {
    foreground.set(sample, at);
    at += sample.length;
  }
  const casesWithLabel: Record<number, number> = {};
  for (const { labelVoxels } of fingerprints) for (const value of Object.keys(labelVoxels)) casesWithLabel[Number(value)] = (casesWithLabel[Number(value)] ?? 0) + 1;
  return {
    cases: fingerprints.length,
    modality: fingerprints.filter(({ modality, minimum }) => looksLikeCt(modality, minimum)).length * 2 > fingerprints.length ? 'CT' : 'MR',
    medianSpacing: triple((each, axis) => each.spacing[axis], 0.5),
    fineSpacing: triple((each, axis) => each.spacing[axis], 0.1),
    medianExtent: triple((each, axis) => each.size[axis] * each.spacing[axis], 0.5),
    foregroundRange: foreground.length === 0 ? [0, 1] : [quantile(foreground, 0.005), quantile(foreground, 0.995)],
    casesWithLabel,
  };
}
