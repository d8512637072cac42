/** The values that labels had where their masks came from: what an export can give back. */
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { listLabelSources, numberingOf, type Project } from '#main/library/index.ts';

/** Formats whose files keep a label's number as it is; the others number labels themselves. */
export const keepsValues = (format: string): boolean => format === 'nifti' || format === 'nrrd';

export interface Renumbering {
  /** Value in the project, and in the source. */
  readonly values: readonly (readonly [value: number, sourceValue: number])[];
  /** Labels that have no one value to give back, and why: an export of a mask that holds one is refused. */
  readonly refused: readonly { readonly value: number; readonly reason: string }[];
}

/**
 * What the labels of a case go back to: the values of the file that its mask came from; for a label that was not in it, or a mask that was
 * made here, the one value that all sources gave it, else its own where no other label has that.
 */
export function sourceValues(project: Pick<Project, 'read'>, caseId: string, { labels }: LabelSet): Renumbering {
  const numbering = numberingOf(project.read, caseId) ?? [];
  const sources = listLabelSources(project.read);
  const unique = (list: readonly { readonly value: number; readonly sourceValue: number }[], value: number): number[] => [
    ...new Set(list.filter((each) => each.value === value).map(({ sourceValue }) => sourceValue)),
  ];
  const values: [number, number][] = [];
  const refused: Renumbering['refused'][number][] = [];
  const taken = new Map<number, string>();
  const give = (value: number, name: string, candidates: readonly number[]): void => {
    const [only, ...others] = candidates;
    if (only === undefined || others.length > 0)
      refused.push({ value, reason: `“${name}” had several values in the files that it came from (${candidates.join(', ')}).` });
    else if (taken.has(only))
      refused.push({
        value,
        reason: `“${name}” and “${taken.get(only) ?? ''}” both had the value ${String(only)} in the files that they came from.`,
      });
    else {
      taken.set(only, name);
      values.push([value, only]);
    }
  };
  const inFile = (value: number): boolean => numbering.some((each) => each.value === value);
  for (const { value, name } of labels.filter((label) => inFile(label.value))) give(value, name, unique(numbering, value));
  for (const { value, name } of labels.filter((label) => !inFile(label.value))) {
    const known = unique(sources, value);
    give(value, name, known.length === 0 ? [value] : known);
  }
  return { values, refused };
}

/** A mask with the values of its source. Throws `conflict` where a label that it holds has no one value there. */
export function renumbered({ grid, data }: LabelVolume, { values, refused }: Renumbering): LabelVolume {
  const table = new Uint16Array(65536);
  for (const [value, sourceValue] of values) table[value] = sourceValue;
  const missing = new Map(refused.map(({ value, reason }) => [value, reason]));
  const wide = values.some(([, sourceValue]) => sourceValue > 255);
  const changed = wide ? new Uint16Array(data.length) : new Uint8Array(data.length);
  for (let n = 0; n < data.length; n++) {
    const value = data[n] as number;
    if (value === 0) continue;
    if (table[value] === 0)
      throw new StudioError(
        'conflict',
        `${missing.get(value) ?? `The value ${String(value)} has no label.`} Export this case with the project’s values.`,
      );
    changed[n] = table[value] as number;
  }
  return { grid, data: changed } as LabelVolume;
}

/** The labels under their values in the source. */
export function renumberedLabels({ labels }: LabelSet, { values }: Renumbering): LabelSet {
  const table = new Map(values);
  return { labels: labels.flatMap((label) => (table.has(label.value) ? [{ ...label, value: table.get(label.value) ?? 0 }] : [])) };
}
