import type { LabelSet } from '#shared/domain/labelSet.ts';
import { membersOf, outermostFirst, regionOf } from '#shared/domain/regions.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import type { ReadLabels } from '#main/imageio/readImage.ts';
import { labelsPresent, type PresentLabel } from './labelVolumes.ts';
import { assertSameVoxels } from './verify.ts';

/** A label as a file has it. */
export interface ExportedLabel extends PresentLabel {
  /** The values of its voxels: its own, or with them those of all labels inside it. */
  readonly values: readonly number[];
}

/** The labels that hold a voxel, ascending; `regions`: each with all that lies inside it, so that they may overlap. */
export function exportedLabels(labels: LabelVolume, labelSet: LabelSet, regions: boolean): ExportedLabel[] {
  const present = labelsPresent(labels, labelSet).map((label): ExportedLabel => ({ ...label, values: [label.value] }));
  if (!regions) return present;
  const known = outermostFirst(labelSet)
    .map(({ value, name, color }): ExportedLabel => ({ value, name, color, values: regionOf(labelSet, value) }))
    .filter(({ values }) => present.some(({ value }) => values.includes(value)));
  const further = present.filter(({ value }) => !labelSet.labels.some((label) => label.value === value));
  return [...known, ...further].sort((a, b) => a.value - b.value);
}

/** Whether voxels can be of several of them. */
export const mayOverlap = (exported: readonly ExportedLabel[]): boolean => exported.some(({ values }) => values.length > 1);

/** A label's voxels alone: 1 or 0. */
export function maskOf(
  { grid, data }: LabelVolume,
  exported: Pick<ExportedLabel, 'values'>,
): { grid: LabelVolume['grid']; data: Uint8Array } {
  const isMember = membersOf(exported.values);
  return { grid, data: Uint8Array.from(data, (value) => isMember[value] as number) };
}

/** Throws `io` where a voxel that was read back, with what overlaps, is not of the same labels. A label's value in the file is its place in `exported`, from 1. */
export function assertSameLabels(path: string, labels: LabelVolume, exported: readonly ExportedLabel[], found: ReadLabels): void {
  const sets = new Map<string, number>([['', 0]]);
  const numberOf = (places: readonly number[]): number => {
    const key = places.toSorted((a, b) => a - b).join();
    const known = sets.get(key) ?? sets.size;
    sets.set(key, known);
    return known;
  };
  const mapped = ({ grid, data }: LabelVolume, placesOf: (value: number) => readonly number[]): Volume => {
    const numbers = new Int32Array(0x1_0000).fill(-1);
    const number = (value: number): number => {
      if (numbers[value] === -1) numbers[value] = numberOf(placesOf(value));
      return numbers[value] as number;
    };
    return { grid, data: Uint16Array.from(data, number) };
  };
  const codes = new Map(found.combinations.map(({ code, values }) => [code, values]));
  const expected = mapped(labels, (value) => exported.flatMap(({ values }, n) => (values.includes(value) ? [n + 1] : [])));
  assertSameVoxels(
    path,
    expected,
    mapped(found.volume, (value) => codes.get(value) ?? (value === 0 ? [] : [value])),
  );
}
