import { determinant } from '#shared/geometry/affine.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { regionOf } from '#shared/domain/regions.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';

/** A label that a mask holds, named by its label set where that knows it. */
export interface PresentLabel {
  readonly value: number;
  readonly name: string;
  /** '#rrggbb' */
  readonly color: string;
}

export interface LabelVolumeRow {
  readonly value: number;
  readonly name: string;
  readonly voxels: number;
  readonly millilitres: number;
}

/** Voxels of every value. */
export function valueCounts({ data }: LabelVolume): Uint32Array {
  const counts = new Uint32Array(data instanceof Uint8Array ? 256 : 65536);
  for (let n = 0; n < data.length; n++) {
    const value = data[n] as number;
    counts[value] = (counts[value] as number) + 1;
  }
  return counts;
}

/** The labels that occur in a mask, ascending. */
export function labelsPresent(labels: LabelVolume, { labels: known }: LabelSet): PresentLabel[] {
  const counts = valueCounts(labels);
  const present: PresentLabel[] = [];
  for (let value = 1; value < counts.length; value++) {
    if (counts[value] === 0) continue;
    const label = known.find((one) => one.value === value);
    present.push({ value, name: label?.name ?? `Label ${value}`, color: label?.color ?? '#808080' });
  }
  return present;
}

/** Voxel counts and volumes (ml) of a label set's labels in a mask, each with all labels inside it, and of further values that it holds. */
export function measureLabels(labels: LabelVolume, labelSet: LabelSet): LabelVolumeRow[] {
  const counts = valueCounts(labels);
  const voxelMillilitres = Math.abs(determinant(labels.grid.affine)) / 1000;
  const row = (value: number, name: string): LabelVolumeRow => {
    const voxels = regionOf(labelSet, value).reduce((sum, part) => sum + (counts[part] ?? 0), 0);
    return { value, name, voxels, millilitres: voxels * voxelMillilitres };
  };
  const known = labelSet.labels.map(({ value, name }) => row(value, name));
  const further = labelsPresent(labels, labelSet)
    .filter(({ value }) => !labelSet.labels.some((label) => label.value === value))
    .map(({ value, name }) => row(value, name));
  return [...known, ...further];
}
