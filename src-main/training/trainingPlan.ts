import type { IntensityRule } from '#shared/domain/modelCard.ts';
import type { RecipeName } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { DatasetFingerprint } from './fingerprint.ts';

/** How this data set is trained on: derived from its fingerprint, as nnU-Net does, and fixed for the model's life. */
export interface TrainingPlan {
  /** mm along i, j, k. */
  readonly spacing: Triple;
  readonly intensity: IntensityRule;
  /** Voxels along D, H, W. */
  readonly patch: Triple;
  readonly batch: number;
}

export interface PlanConstraints {
  readonly recipe: RecipeName;
  /** Every side is a multiple of this: 16 with three stages, 32 with four. */
  readonly multiple: number;
  /** Most voxels of one patch that are worth while, e.g. 96³. */
  readonly largestPatch: number;
  readonly batch: number;
  /** Whether a step with this patch and batch fits the memory budget. */
  readonly fits: (patch: Triple, batch: number) => boolean;
}

/** An axis this many times as coarse as the finest is treated as a stack of slices. */
const anisotropic = 3;

/** Median spacing; along a much coarser axis the 10th percentile, so that thin-slice cases are not blurred (nnU-Net's rule). */
export function chooseSpacing(fingerprint: DatasetFingerprint): Triple {
  const finest = Math.min(...fingerprint.medianSpacing);
  return fingerprint.medianSpacing.map((mm, axis) => (mm / finest > anisotropic ? Math.max(finest, fingerprint.fineSpacing[axis as 0 | 1 | 2]) : mm)) as unknown as Triple;
}

/** CT: a window around what lies under the labels (the paper: −1000 to 1000). MR: percentile clip and z-score per volume. */
export function chooseIntensity(fingerprint: DatasetFingerprint, recipe: RecipeName): IntensityRule {
  if (fingerprint.modality === 'MR') return { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 };
  if (recipe === 'paper') return { kind: 'window', low: -1000, high: 1000 };
  const [low, high] = fingerprint.foregroundRange;
  const margin = Math.max(50, 0.25 * (high - low));
  return { kind: 'window', low: Math.round(low - margin), high: Math.round(high + margin) };
}

/**
 * The multiple nearest to the median case along D, H, W (covering it wholly would spend most of a small case's time on padding), shrunk
 * (always the axis that covers most of its case) until it is no larger than asked for and fits the memory; then the batch shrinks.
 */
export function choosePatch(fingerprint: DatasetFingerprint, spacing: Triple, constraints: PlanConstraints): { patch: Triple; batch: number } {
  const { multiple, largestPatch, fits } = constraints;
  const extent = ([2, 1, 0] as const).map((axis) => fingerprint.medianExtent[axis] / spacing[axis]);
  const patch = extent.map((voxels) => Math.max(multiple, Math.round(voxels / multiple) * multiple)) as [number, number, number];
  let batch = constraints.batch;
  const tooLarge = (): boolean => patch[0] * patch[1] * patch[2] > largestPatch || !fits(patch, batch);
  while (tooLarge()) {
    const shrinkable = patch.some((side) => side > multiple);
    const keepsContext = patch[0] * patch[1] * patch[2] > largestPatch / 2;
    if (batch > 1 && (!shrinkable || !keepsContext)) batch--;
    else if (shrinkable) shrinkOne(patch, extent, multiple);
    else break;
  }
  return { patch, batch };
}

function shrinkOne(patch: [number, number, number], extent: readonly number[], multiple: number): void {
  const cover = patch.map((side, axis) => (side > multiple ? side / (extent[axis] as number) : 0));
  // A patch that covers its case on every axis loses from its longest side first.
  const score = cover.map((value, axis) => (value > 0 ? Math.min(1, value) * 1e6 + (patch[axis] as number) : 0));
  const axis = score.indexOf(Math.max(...score)) as 0 | 1 | 2;
  patch[axis] -= multiple;
}

export function makeTrainingPlan(fingerprint: DatasetFingerprint, constraints: PlanConstraints): TrainingPlan {
  const spacing = chooseSpacing(fingerprint);
  return { spacing, intensity: chooseIntensity(fingerprint, constraints.recipe), ...choosePatch(fingerprint, spacing, constraints) };
}
