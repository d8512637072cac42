import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import type { IntensityRule, LearnedScans, ModelCard } from '#shared/domain/modelCard.ts';
import { looksLikeCt } from '#shared/domain/modality.ts';
import { spacing as spacingOf, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { reorientToCanonical } from '#shared/geometry/orientation.ts';
import { normaliseIntensities, sampleIntensities } from './intensity.ts';

/** What can be told of a scan without looking for anything in it. Axes are i, j, k of the orientation closest to RAS. */
export interface ScanLook {
  readonly isCt: boolean;
  /** mm */
  readonly spacing: Triple;
  /** mm from the first voxel's edge to the last one's. */
  readonly extent: Triple;
  /** Its intensities as a hundred and one quantiles, ascending. */
  readonly intensities: Float32Array;
}

const points = 101;
/** Which of them are compared. */
const compared = [10, 25, 50, 75, 90] as const;

export function lookAt(volume: Volume, modality: 'CT' | 'MR' | 'unknown'): ScanLook {
  const { grid } = reorientToCanonical(volume);
  const sorted = sampleIntensities(volume.data).sort();
  const spacing = spacingOf(grid);
  return {
    isCt: looksLikeCt(modality, sorted[0] ?? 0),
    spacing,
    extent: spacing.map((mm, axis) => mm * (grid.size[axis] ?? 0)) as unknown as Triple,
    intensities: Float32Array.from({ length: points }, (_, at) => sorted[Math.round((at / (points - 1)) * (sorted.length - 1))] ?? 0),
  };
}

/** The quantiles that are compared, as the network sees them. */
function seen({ intensities }: ScanLook, rule: IntensityRule): number[] {
  const values = intensities.slice();
  normaliseIntensities(values, rule);
  return compared.map((at) => values[at] ?? 0);
}

/** What the scans that train have in common, and those that `before` had. */
export function learnedScans(looks: readonly ScanLook[], rule: IntensityRule, before?: LearnedScans): LearnedScans {
  const span = (pick: (look: ScanLook) => readonly number[], earlier?: LearnedScans['spacing']): LearnedScans['spacing'] => {
    const all = [...looks.map(pick), ...(earlier === undefined ? [] : [earlier.low, earlier.high])];
    const over = (choose: (...values: number[]) => number): number[] =>
      (all[0] ?? []).map((_, at) => Number(choose(...all.map((each) => each[at] ?? 0)).toPrecision(4)));
    return { low: over(Math.min), high: over(Math.max) };
  };
  const isCt = [...looks.map((look) => look.isCt), ...(before?.isCt ?? [])];
  return {
    isCt: [...new Set(isCt)].sort(),
    spacing: span((look) => look.spacing, before?.spacing),
    extent: span((look) => look.extent, before?.extent),
    intensities: span((look) => seen(look, rule), before?.intensities),
  };
}

/** A scan may be this many times coarser, smaller or larger than any that trained. */
const times = 2;
/** Network intensities may leave the range of those that trained by so much: of the window's width, or in standard deviations. */
const tolerance: Readonly<Record<IntensityRule['kind'], number>> = { window: 0.2, zscore: 0.5, local: 0.5 };

const millimetres = (values: readonly number[]): string => values.map((value) => value.toFixed(value < 10 ? 1 : 0)).join('×');

/** What sets a scan apart from all that a model learned from, one sentence each; none where nothing does. */
export function unlike(look: ScanLook, rule: IntensityRule, learned: LearnedScans): string[] {
  const found: string[] = [];
  const known = (values: readonly number[], { low, high }: LearnedScans['spacing']): boolean =>
    values.every((value, axis) => value <= (high[axis] ?? 0) * times && value * times >= (low[axis] ?? 0));
  const isOther = !learned.isCt.includes(look.isCt);
  if (isOther)
    found.push(
      look.isCt ? 'it looks like CT, and the model learned from other images' : 'it is no CT, and the model learned from CT alone',
    );
  if (!known(look.spacing, learned.spacing))
    found.push(`its voxels are ${millimetres(look.spacing)} mm, and the model learned from ${rangeText(learned.spacing)} mm`);
  if (!known(look.extent, learned.extent))
    found.push(`it is ${millimetres(look.extent)} mm large, and the model learned from ${rangeText(learned.extent)} mm`);
  const { low, high } = learned.intensities;
  const isBeyond = seen(look, rule).some((value, at) => {
    const margin = Math.max(tolerance[rule.kind], (high[at] ?? 0) - (low[at] ?? 0));
    return value < (low[at] ?? 0) - margin || value > (high[at] ?? 0) + margin;
  });
  if (isBeyond && !isOther) found.push('its intensities are spread otherwise than in any scan that the model learned from');
  return found;
}

function rangeText({ low, high }: LearnedScans['spacing']): string {
  return low.join() === high.join() ? millimetres(low) : `${millimetres(low)} to ${millimetres(high)}`;
}

/** What sets a first image apart from all that a model learned from; nothing where its card does not say what that was. */
export function unlikeCard(card: ModelCard | ImportedModelCard, first: Volume | null, modality: 'CT' | 'MR' | 'unknown'): string[] {
  return card.format === 2 || card.scans === undefined || first === null ? [] : unlike(lookAt(first, modality), card.intensity, card.scans);
}
