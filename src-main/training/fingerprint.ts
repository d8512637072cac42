import { looksLikeCt } from '#shared/domain/modality.ts';
import { StudioError } from '#shared/base/errors.ts';
import { quantile } from '#shared/domain/metrics.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Grid, LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { axisMapTo, permuteGrid, sameGrid, type AxisMap } from '#shared/geometry/orientation.ts';

export type Modality = 'CT' | 'MR' | 'unknown';

/** What the plan needs to know of one labelled case. Axes are i, j, k of the orientation closest to RAS. */
export interface CaseFingerprint {
  readonly size: Triple;
  readonly spacing: Triple;
  /** In the order of the network's input; null: the case lacks it. */
  readonly channels: readonly (ChannelFingerprint | null)[];
  /** Voxels of each label value that occurs, background and what is ignored left out. */
  readonly labelVoxels: Readonly<Record<number, number>>;
  /** Voxels that nobody marked; none unless given. */
  readonly ignoredVoxels?: number;
  /** Where the middle of each label value lies, mm from the left end of the image. */
  readonly labelPlaces?: Readonly<Record<number, number>>;
}

export interface ChannelFingerprint {
  readonly modality: Modality;
  readonly minimum: number;
  /** Evenly spread sample of the intensities under any label, at most 10,000. */
  readonly foreground: Float32Array;
}

/** An image of a case, on the case's grid. */
export interface ChannelImage {
  readonly volume: Volume;
  readonly modality: Modality;
}

const foregroundSample = 10_000;

/**
 * Looks at one case, whose images lie on `grid`. Throws `invalid-file`, with a sentence that does not name the file, where images and mask are
 * not on one grid, an intensity is not finite, or the mask holds a value that is not in `labelValues`. `ignore`: the value of voxels that nobody marked.
 */
export function fingerprintCase(
  grid: Grid,
  channels: readonly (ChannelImage | null)[],
  labels: LabelVolume,
  labelValues: readonly number[],
  ignore?: number,
): CaseFingerprint {
  if (!sameGrid(grid, labels.grid, 1e-2)) {
    const sizes = `${grid.size.join('×')} and ${labels.grid.size.join('×')}`;
    throw new StudioError(
      'invalid-file',
      `image and mask do not lie on the same grid (${sizes} voxels): resample the mask to the image first`,
    );
  }
  const known = new Set([0, ...labelValues, ...(ignore === undefined ? [] : [ignore])]);
  const counts = new Map<number, number>();
  for (const value of labels.data) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of counts.keys()) {
    if (!known.has(value))
      throw new StudioError('invalid-file', `the mask holds the value ${value}, which is not in the label set (${labelValues.join(', ')})`);
  }
  const minima = channels.map((channel) => (channel === null ? 0 : minimumOf(channel.volume)));
  const ignoredVoxels = ignore === undefined ? 0 : (counts.get(ignore) ?? 0);
  const isLabel = (value: number): boolean => value !== 0 && value !== ignore;
  const marked = labels.data.length - (counts.get(0) ?? 0) - ignoredVoxels;
  const map = axisMapTo(grid, 'RAS');
  const canonical = permuteGrid(grid, map);
  return {
    size: canonical.size,
    spacing: spacingOf(canonical),
    channels: channels.map((channel, n) =>
      channel === null
        ? null
        : {
            modality: channel.modality,
            minimum: minima[n] ?? 0,
            foreground: foregroundIntensities(channel.volume, labels, marked, isLabel),
          },
    ),
    labelVoxels: Object.fromEntries([...counts].filter(([value]) => isLabel(value))),
    ...(ignoredVoxels > 0 && { ignoredVoxels }),
    labelPlaces: placesFromLeft(labels, map, isLabel),
  };
}

/** The mean place of each label's voxels along the axis from left to right, mm. */
function placesFromLeft(
  { grid, data }: LabelVolume,
  { source, flip }: AxisMap,
  isLabel: (value: number) => boolean,
): Record<number, number> {
  const axis = source[0] as 0 | 1 | 2;
  const length = grid.size[axis];
  const stride = grid.size.slice(0, axis).reduce((voxels, side) => voxels * side, 1);
  const sums = new Map<number, { voxels: number; places: number }>();
  for (let at = 0; at < data.length; at++) {
    const value = data[at] as number;
    if (!isLabel(value)) continue;
    const sum = sums.get(value) ?? { voxels: 0, places: 0 };
    sum.voxels++;
    sum.places += Math.floor(at / stride) % length;
    sums.set(value, sum);
  }
  const mm = spacingOf(grid)[axis];
  return Object.fromEntries(
    [...sums].map(([value, { voxels, places }]) => [value, mm * (flip[0] ? length - 1 - places / voxels : places / voxels)]),
  );
}

function minimumOf({ data }: Volume): number {
  let minimum = Infinity;
  for (const value of data) {
    if (!Number.isFinite(value)) throw new StudioError('invalid-file', 'the image holds values that are not numbers (NaN or infinite)');
    if (value < minimum) minimum = value;
  }
  return minimum;
}

function foregroundIntensities(image: Volume, labels: LabelVolume, count: number, isLabel: (value: number) => boolean): Float32Array {
  const stride = Math.max(1, Math.ceil(count / foregroundSample));
  const sample = new Float32Array(count === 0 ? 0 : Math.floor((count - 1) / stride) + 1);
  for (let at = 0, seen = 0; at < labels.data.length; at++) {
    if (!isLabel(labels.data[at] as number)) continue;
    if (seen % stride === 0) sample[seen / stride] = image.data[at] as number;
    seen++;
  }
  return sample;
}

/** A channel over all cases that have it. */
export interface ChannelSummary {
  readonly cases: number;
  readonly modality: 'CT' | 'MR';
  /** 0.5th and 99.5th percentile of the intensities under labels. */
  readonly foregroundRange: readonly [number, number];
}

/** The data set as a whole. */
export interface DatasetFingerprint {
  readonly cases: number;
  readonly channels: readonly ChannelSummary[];
  /** Median and 10th percentile over the cases, mm along i, j, k. */
  readonly medianSpacing: Triple;
  readonly fineSpacing: Triple;
  /** Median size in millimetres along i, j, k. */
  readonly medianExtent: Triple;
  /** Part of all voxels, but those that nobody marked, that each label value has, 0..1. */
  readonly labelShare: Readonly<Record<number, number>>;
  /** Part of the voxels that somebody marked, 0..1. */
  readonly markedShare: number;
  /** Cases that hold each label value. */
  readonly casesWithLabel: Readonly<Record<number, number>>;
  /** Whether some label lies to the same side of another in all cases, at least three, at nearly the same distance: mirrored they look like no case. */
  readonly oneSided: boolean;
}

/** Sums up at least one case; throws `invalid-argument` without any. */
export function fingerprintDataset(fingerprints: readonly CaseFingerprint[]): DatasetFingerprint {
  if (fingerprints.length === 0) throw new StudioError('invalid-argument', 'There is no usable labelled case to learn from.');
  const over = (pick: (each: CaseFingerprint) => number, fraction: number): number =>
    quantile(Float64Array.from(fingerprints, pick), fraction);
  const triple = (pick: (each: CaseFingerprint, axis: 0 | 1 | 2) => number, fraction: number): Triple => [
    over((each) => pick(each, 0), fraction),
    over((each) => pick(each, 1), fraction),
    over((each) => pick(each, 2), fraction),
  ];
  const casesWithLabel: Record<number, number> = {};
  const labelShare: Record<number, number> = {};
  const all = fingerprints.reduce((sum, { size }) => sum + size[0] * size[1] * size[2], 0);
  const marked = all - fingerprints.reduce((sum, { ignoredVoxels = 0 }) => sum + ignoredVoxels, 0);
  for (const { labelVoxels } of fingerprints)
    for (const [value, count] of Object.entries(labelVoxels)) {
      casesWithLabel[Number(value)] = (casesWithLabel[Number(value)] ?? 0) + 1;
      labelShare[Number(value)] = (labelShare[Number(value)] ?? 0) + count / Math.max(1, marked);
    }
  const medianExtent = triple((each, axis) => each.size[axis] * each.spacing[axis], 0.5);
  return {
    cases: fingerprints.length,
    channels: (fingerprints[0]?.channels ?? []).map((_first, n) => summaryOf(fingerprints.flatMap(({ channels }) => channels[n] ?? []))),
    medianSpacing: triple((each, axis) => each.spacing[axis], 0.5),
    fineSpacing: triple((each, axis) => each.spacing[axis], 0.1),
    medianExtent,
    labelShare,
    markedShare: marked / all,
    casesWithLabel,
    oneSided: isOneSided(fingerprints, Object.keys(casesWithLabel).map(Number), medianExtent[0]),
  };
}

const fewestToTellSides = 3;
/** The mean distance from left to right must exceed so many of its standard deviations, and this part of the image's width. */
const clearlyAside = { deviations: 3, ofWidth: 1 / 20 };

function isOneSided(fingerprints: readonly CaseFingerprint[], values: readonly number[], width: number): boolean {
  const asideOf = (one: number, other: number): number[] =>
    fingerprints.flatMap(({ labelPlaces: { [one]: a, [other]: b } = {} }) => (a === undefined || b === undefined ? [] : [a - b]));
  return values.some((one, at) =>
    values.slice(at + 1).some((other) => {
      const aside = asideOf(one, other);
      const mean = aside.reduce((sum, mm) => sum + mm, 0) / aside.length;
      const deviation = Math.sqrt(aside.reduce((sum, mm) => sum + (mm - mean) ** 2, 0) / aside.length);
      const least = Math.max(clearlyAside.deviations * deviation, clearlyAside.ofWidth * width);
      return aside.length >= fewestToTellSides && Math.abs(mean) > least;
    }),
  );
}

function summaryOf(found: readonly ChannelFingerprint[]): ChannelSummary {
  const foreground = new Float32Array(found.reduce((sum, each) => sum + each.foreground.length, 0));
  let at = 0;
  for (const { foreground: sample } of found) {
    foreground.set(sample, at);
    at += sample.length;
  }
  return {
    cases: found.length,
    modality: found.filter(({ modality, minimum }) => looksLikeCt(modality, minimum)).length * 2 > found.length ? 'CT' : 'MR',
    foregroundRange: foreground.length === 0 ? [0, 1] : [quantile(foreground, 0.005), quantile(foreground, 0.995)],
  };
}
