/**
 * Labels that lie inside others: a tumour in a liver, an enhancing part in a tumour's core in the whole tumour. A voxel carries one value, the innermost
 * label's; the region of a label is its own voxels and those of all labels inside it.
 */
import { StudioError } from '../base/errors.ts';
import type { LabelSet } from './labelSet.ts';

/** The values of a label's region, its own first. */
export function regionOf({ labels }: LabelSet, value: number): number[] {
  const values = [value];
  for (const outer of values) values.push(...labels.filter(({ inside }) => inside === outer).map((label) => label.value));
  return values;
}

/** Throws `invalid-argument` where a label lies in one that is not there, in itself, or in one that lies in it. */
export function checkInside({ labels }: LabelSet): void {
  const byValue = new Map(labels.map((label) => [label.value, label]));
  for (const label of labels) {
    const seen = new Set([label.value]);
    for (let outer = label.inside; outer !== undefined; outer = byValue.get(outer)?.inside) {
      if (!byValue.has(outer))
        throw new StudioError(
          'invalid-argument',
          `“${label.name}” is said to lie inside the label ${String(outer)}, which is not in the list.`,
        );
      if (seen.has(outer)) throw new StudioError('invalid-argument', `“${label.name}” cannot lie inside itself.`);
      seen.add(outer);
    }
  }
}

/** Labels inside others are there. */
export function hasRegions({ labels }: LabelSet): boolean {
  return labels.some(({ inside }) => inside !== undefined);
}
