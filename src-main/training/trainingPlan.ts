import type { NnunetPipeline } from '#shared/domain/importedModel.ts';
import type { IntensityRule, LossRule, ModelCard, ModelChannel } from '#shared/domain/modelCard.ts';
import {
  classWeighting,
  sliceAugmentation,
  type Augmentation,
  type ClassWeighting,
  type ContrastRule,
  type LossName,
  type RecipeName,
  type SliceRule,
} from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { ChannelSummary, DatasetFingerprint } from './fingerprint.ts';

/** Slices that lie far apart. */
export interface ThickSlices {
  readonly axis: 0 | 1 | 2;
  /** Into how many each slice is divided; 1: kept as it is. */
  readonly parts: number;
}

/** How this data set is trained on: derived from its fingerprint, as nnU-Net does, and fixed for the model's life. */
export interface TrainingPlan {
  /** mm along i, j, k. */
  readonly spacing: Triple;
  /** Of the first channel. */
  readonly intensity: IntensityRule;
  /** As `ModelCard` has them: absent where the leading image is the only one. */
  readonly channels?: readonly ModelChannel[];
  /** Voxels along D, H, W. */
  readonly patch: Triple;
  readonly batch: number;
  /** Where one axis is over three times as coarse as the finest. */
  readonly slices?: ThickSlices;
  /** As `ModelCard` has it. */
  readonly oneSided?: true;
  /** Numbers of the recipe's augmentation that are otherwise for this data. */
  readonly augmentation?: Partial<Augmentation>;
  /** Part of the training cases' voxels that each class has, background first. Absent in plans of earlier versions. */
  readonly classShares?: readonly number[];
  /** Part of the voxels that somebody marked, where there are others, which the loss ignores. */
  readonly markedShare?: number;
  /** Of an imported model that goes on: what cases go through, in place of `spacing` and the rules of intensity, which are then for reports alone. */
  readonly pipeline?: NnunetPipeline;
  /** Absent in plans of earlier versions: the paper's. */
  readonly loss?: LossRule;
}

/** What a model's card says of a network and of the plan that it is trained by. */
export function cardOf(
  network: Pick<ModelCard, 'variant' | 'architecture' | 'labelSet' | 'classToLabel'>,
  { spacing, intensity, channels, patch, oneSided }: Pick<TrainingPlan, 'spacing' | 'intensity' | 'channels' | 'patch' | 'oneSided'>,
): Omit<ModelCard, 'history' | 'datasetHash'> {
  return { format: 1, ...network, spacing, intensity, ...(channels && { channels }), patch, ...(oneSided && { oneSided }) };
}

export interface PlanConstraints {
  /** Names of the channels, where they have any. */
  readonly channels?: readonly string[] | undefined;
  readonly recipe: RecipeName;
  /** `sliceRuleOf` unless given. */
  readonly slices?: SliceRule | undefined;
  /** How MR intensities are made alike; 'slice' where slices are thick unless given (docs/explanation/training.md), else 'volume'. */
  readonly contrast?: ContrastRule | undefined;
  /** mm along i, j, k, instead of what the fingerprint leads to. */
  readonly spacing?: Triple | undefined;
  /** Every side is a multiple of this: 16 with three stages, 32 with four. */
  readonly multiple: number;
  /** Most voxels of one patch that are worth while, e.g. 96³. */
  readonly largestPatch: number;
  /** Voxels along D, H, W, where they are not chosen here. */
  readonly patch?: Triple | undefined;
  readonly batch: number;
  /** Whether a step with this patch and batch fits the memory budget. */
  readonly fits: (patch: Triple, batch: number) => boolean;
}

/** An axis this many times as coarse as the finest is treated as a stack of slices. */
const anisotropic = 3;

/** Median spacing; along a much coarser axis the 10th percentile, so that thin-slice cases are not blurred (nnU-Net's rule). */
export function chooseSpacing(fingerprint: DatasetFingerprint): Triple {
  const finest = Math.min(...fingerprint.medianSpacing);
  return fingerprint.medianSpacing.map((mm, axis) =>
    mm / finest > anisotropic ? Math.max(finest, fingerprint.fineSpacing[axis as 0 | 1 | 2]) : mm,
  ) as unknown as Triple;
}

/** The axis of thick slices of a spacing, and the fewest parts of each that make it at most three times as coarse as the finest; undefined where it is. */
export function thickSlices(spacing: Triple, rule: SliceRule): ThickSlices | undefined {
  const finest = Math.min(...spacing);
  const axis = spacing.indexOf(Math.max(...spacing)) as 0 | 1 | 2;
  const times = spacing[axis] / finest;
  return times > anisotropic ? { axis, parts: rule === 'keep' || rule === 'whole' ? 1 : Math.ceil(times / anisotropic) } : undefined;
}

/** nnU-Net plans a coarser grid, too, where a patch sees less of a case. */
const seenOfACase = 0.25;

/** The spacing with voxels within thick slices so coarse that a patch of so many voxels sees a quarter of the median case, once the slices are divided. */
export function balancedSpacing({ medianExtent }: DatasetFingerprint, spacing: Triple, patchVoxels: number): Triple {
  const { axis } = thickSlices(spacing, 'divide') ?? {};
  if (axis === undefined) return spacing;
  const coarser = (factor: number): Triple =>
    spacing.map((mm, each) => (each === axis ? mm : Math.min(mm * factor, spacing[axis]))) as unknown as Triple;
  const voxelsAt = (mm: Triple): number =>
    medianExtent.reduce((all, extent, each) => all * (extent / mm[each as 0 | 1 | 2]), thickSlices(mm, 'divide')?.parts ?? 1);
  let factor = 1;
  while (voxelsAt(coarser(factor)) * seenOfACase > patchVoxels && factor < spacing[axis] / Math.min(...spacing)) factor += 0.05;
  return coarser(factor);
}

/** Most voxels of a patch that is chosen such that it sees whole slices. */
const wholeSlices = 16 * 80 * 80;
/** Voxels within a slice are at most this part of the size of the smallest label. */
const ofSmallestLabel = 1 / 8;

/** The cube root of the volume that the smallest label has in a case that holds it, mm. */
function smallestLabel({ medianExtent, labelShare, cases, casesWithLabel }: DatasetFingerprint): number {
  const share = Math.min(...Object.entries(labelShare).map(([value, all]) => (all * cases) / (casesWithLabel[Number(value)] ?? cases)));
  return Math.cbrt(medianExtent.reduce((volume, mm) => volume * mm, share));
}

const nearestMultiple = (voxels: number, multiple: number): number => Math.max(multiple, Math.round(voxels / multiple) * multiple);
/** Half a voxel at the rim counts as covered. */
const coveringMultiple = (voxels: number, multiple: number): number => Math.max(multiple, Math.ceil((voxels - 0.5) / multiple) * multiple);

/** Voxels of the median case along D, H, W. */
const caseSides = ({ medianExtent }: DatasetFingerprint, spacing: Triple): number[] =>
  ([2, 1, 0] as const).map((axis) => medianExtent[axis] / spacing[axis]);

/** Sides of a patch nearest to those of a case (covering it wholly would spend most of a small case's time on padding); whole slices across an axis are covered. */
const patchOver = (sides: readonly number[], multiple: number, slices?: number): number[] =>
  sides.map((side, each) => (slices === undefined || 2 - each === slices ? nearestMultiple : coveringMultiple)(side, multiple));

/** The spacing with voxels within thick slices so coarse that a patch sees whole slices of the median case, as far as the smallest label allows. */
export function wholeSliceSpacing(
  fingerprint: DatasetFingerprint,
  spacing: Triple,
  { patch, multiple }: Pick<PlanConstraints, 'patch' | 'multiple'>,
): Triple {
  const { axis } = thickSlices(spacing, 'keep') ?? {};
  if (axis === undefined) return spacing;
  const coarser = (factor: number): Triple => spacing.map((mm, each) => (each === axis ? mm : mm * factor)) as unknown as Triple;
  const sees = (mm: Triple): boolean => {
    const sides = caseSides(fingerprint, mm);
    if (patch !== undefined) return sides.every((side, each) => 2 - each === axis || side <= (patch[each] ?? 0) + 0.5);
    return patchOver(sides, multiple, axis).reduce((all, side) => all * side) <= wholeSlices;
  };
  const coarsest = smallestLabel(fingerprint) * ofSmallestLabel;
  const isCoarsest = (mm: Triple): boolean => mm.some((side, each) => each !== axis && side > coarsest);
  let factor = 1;
  while (!sees(coarser(factor)) && !isCoarsest(coarser(factor + 0.05))) factor += 0.05;
  return coarser(factor);
}

/** With as many labelled cases thick slices keep their own voxels. */
const casesForDetail = 20;

/** Of few cases what the whole slice looks like is learned first; how many are enough for more detail was not measured (docs/explanation/training.md). */
export const sliceRuleOf = (recipe: RecipeName, { cases }: Pick<DatasetFingerprint, 'cases'>): SliceRule =>
  recipe === 'standard' && cases < casesForDetail ? 'whole' : 'keep';

/** What was done about thick slices, for the person. */
export function slicesText(spacing: Triple, { axis, parts }: ThickSlices): string {
  const finest = Math.min(...spacing);
  const apart = spacing[axis] * parts;
  const done = parts === 1 ? 'kept as they are' : `divided into ${parts} each`;
  const grid = spacing.map((mm) => mm.toFixed(1)).join('×');
  return `The slices are ${apart.toFixed(1)} mm apart, ${(apart / finest).toFixed(1)} times the voxels within them: they are ${done}, on a grid of ${grid} mm, and rotation, zoom and elastic changes stay within the slices.`;
}

/** Standard deviation of the surroundings that local contrast is taken from: a few centimetres, as a surface coil's shading has, and some organs' width. */
const surroundings = 25;

/** MR: percentile clip and z-score by volume, and then by each voxel's surroundings, with 'slice' across the coarsest axis of `spacing` not at all. */
export function mrIntensity(contrast: ContrastRule, spacing: Triple): IntensityRule {
  const percentiles = { lowPercentile: 0.5, highPercentile: 99.5 };
  if (contrast === 'volume') return { kind: 'zscore', ...percentiles };
  const sliceAxis = spacing.indexOf(Math.max(...spacing)) as 0 | 1 | 2;
  return { kind: 'local', ...percentiles, millimetres: surroundings, ...(contrast === 'slice' && { sliceAxis }) };
}

/** Thick slices are as a rule of the trunk, where brightness falls off from the coils on the skin (docs/explanation/training.md). */
export const contrastOf = (spacing: Triple): ContrastRule => (thickSlices(spacing, 'keep') === undefined ? 'volume' : 'slice');

/** CT: a window around what lies under the labels (the paper: −1000 to 1000). MR: `mrIntensity`. */
export function chooseIntensity(
  channel: ChannelSummary | undefined,
  recipe: RecipeName,
  mr: IntensityRule = mrIntensity('volume', [1, 1, 1]),
): IntensityRule {
  if (channel?.modality !== 'CT') return mr;
  if (recipe === 'paper') return { kind: 'window', low: -1000, high: 1000 };
  const [low, high] = channel.foregroundRange;
  const margin = Math.max(50, 0.25 * (high - low));
  return { kind: 'window', low: Math.round(low - margin), high: Math.round(high + margin) };
}

/** Part of all voxels that each class has, background first. */
export function classSharesOf({ labelShare }: DatasetFingerprint, classToLabel: readonly number[]): number[] {
  const labels = classToLabel.slice(1).map((value) => labelShare[value] ?? 0);
  return [1 - labels.reduce((sum, share) => sum + share, 0), ...labels];
}

/** A class that fills less than this part of the voxels counts as one that does. */
const smallestShare = 1e-4;

/**
 * The loss by name. Weighted: share^−power of each class (background first), such that a voxel weighs 1 on average and none more than the
 * limit. What the paper's loss leaves at Dice 0 after hundreds of steps, because a few hundred voxels do not move its mean, is learned by this one.
 * `inside`: as in the rule.
 */
export function chooseLoss(
  name: LossName,
  shares: readonly number[],
  weighting: Partial<ClassWeighting> = {},
  inside?: readonly number[],
): LossRule {
  if (name === 'paper') return { name, ...(inside && { inside }) };
  const { classWeightPower, classWeightLimit } = { ...classWeighting, ...weighting };
  const toMean = (weights: readonly number[]): number[] => {
    const mean = weights.reduce((sum, weight, index) => sum + weight * (shares[index] as number), 0);
    return weights.map((weight) => weight / mean);
  };
  const free = toMean(shares.map((share) => Math.max(smallestShare, share) ** -classWeightPower));
  const bounded = toMean(free.map((weight) => Math.min(weight, classWeightLimit)));
  return { name, classWeights: bounded.map((weight) => Number(weight.toPrecision(4))), ...(inside && { inside }) };
}

/**
 * A patch over the median case, whole slices across the axis `slices` where one is given, shrunk (always the axis that covers most of its
 * case) until it is no larger than asked for and fits the memory; then the batch shrinks.
 */
export function choosePatch(
  fingerprint: DatasetFingerprint,
  spacing: Triple,
  constraints: PlanConstraints,
  slices?: number,
): { patch: Triple; batch: number } {
  const { multiple, largestPatch, fits } = constraints;
  const extent = caseSides(fingerprint, spacing);
  const patch = patchOver(extent, multiple, slices) as [number, number, number];
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

/** Each by its own intensities. One that some cases lack is optional. */
export function chooseChannels(
  { channels, cases }: DatasetFingerprint,
  names: readonly string[],
  recipe: RecipeName,
  mr?: IntensityRule,
): ModelChannel[] {
  return names.map((name, n) => ({
    name,
    intensity: chooseIntensity(channels[n], recipe, mr),
    ...((channels[n]?.cases ?? 0) < cases && { optional: true }),
  }));
}

function gridWithinSlices(fingerprint: DatasetFingerprint, spacing: Triple, rule: SliceRule, constraints: PlanConstraints): Triple {
  const { patch, largestPatch } = constraints;
  if (rule === 'whole') return wholeSliceSpacing(fingerprint, spacing, constraints);
  if (rule !== 'balance') return spacing;
  return balancedSpacing(fingerprint, spacing, patch?.reduce((voxels, side) => voxels * side, 1) ?? largestPatch);
}

export function makeTrainingPlan(fingerprint: DatasetFingerprint, constraints: PlanConstraints): TrainingPlan {
  const own = constraints.spacing ?? chooseSpacing(fingerprint);
  // A grid that is asked for stays as it is.
  const rule = constraints.slices ?? (constraints.spacing === undefined ? sliceRuleOf(constraints.recipe, fingerprint) : 'keep');
  const chosen = gridWithinSlices(fingerprint, own, rule, constraints);
  const slices = thickSlices(chosen, rule) ?? thickSlices(chooseSpacing(fingerprint), 'keep');
  const spacing = chosen.map((mm, axis) => (axis === slices?.axis ? mm / slices.parts : mm)) as unknown as Triple;
  const scanned = chooseSpacing(fingerprint);
  const mr = mrIntensity(constraints.contrast ?? (constraints.recipe === 'standard' ? contrastOf(scanned) : 'volume'), scanned);
  return {
    spacing,
    intensity: chooseIntensity(fingerprint.channels[0], constraints.recipe, mr),
    ...(constraints.channels && { channels: chooseChannels(fingerprint, constraints.channels, constraints.recipe, mr) }),
    ...choosePatch(fingerprint, spacing, constraints, rule === 'whole' ? slices?.axis : undefined),
    ...(slices && { slices }),
    ...(slices &&
      constraints.recipe === 'standard' && { ...(fingerprint.oneSided && { oneSided: true }), augmentation: sliceAugmentation }),
  };
}
