/**
 * Labels that lie inside others: a tumour in a liver, an enhancing part in a tumour's core in the whole tumour. A voxel carries one value, the innermost
 * label's; the region of a label is its own voxels and those of all labels inside it.
 */
import { StudioError } from '../base/errors.ts';
import { labelName, type Label, type LabelSet } from './labelSet.ts';

/** The values of a label's region, its own first. */
export function regionOf({ labels }: LabelSet, value: number): number[] {
  const values = [value];
  for (const outer of values) values.push(...labels.filter(({ inside }) => inside === outer).map((label) => label.value));
  return values;
}

/** For each value that a mask may hold whether it is one of these: 1 or 0. */
export function membersOf(values: readonly number[]): Uint8Array {
  const isMember = new Uint8Array(0x1_0000);
  for (const value of values) isMember[value] = 1;
  return isMember;
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

/** Every label behind the one that it lies inside of, else by value. */
export function outermostFirst({ labels }: LabelSet): Label[] {
  const depth = ({ inside }: Label): number => {
    const outer = labels.find(({ value }) => value === inside);
    return outer === undefined ? 0 : 1 + depth(outer);
  };
  return labels.toSorted((a, b) => depth(a) - depth(b) || a.value - b.value);
}

/** The values of each label's region; undefined where no label lies inside another. */
export function regionsOf(labelSet: LabelSet): ReadonlyMap<number, readonly number[]> | undefined {
  return hasRegions(labelSet) ? new Map(labelSet.labels.map(({ value }) => [value, regionOf(labelSet, value)])) : undefined;
}

/** The same by class, the place of a value in `classToLabel`. */
export function classRegionsOf(labelSet: LabelSet, classToLabel: readonly number[]): ReadonlyMap<number, readonly number[]> | undefined {
  const regions = regionsOf(labelSet);
  return (
    regions &&
    new Map([...regions].map(([value, values]) => [classToLabel.indexOf(value), values.map((each) => classToLabel.indexOf(each))]))
  );
}

/** The class that each class lies inside of, 0 where none, background first; undefined where no label lies inside another. */
export function insideOf(labelSet: LabelSet, classToLabel: readonly number[]): number[] | undefined {
  if (!hasRegions(labelSet)) return undefined;
  return classToLabel.map((value) =>
    Math.max(0, classToLabel.indexOf(labelSet.labels.find((label) => label.value === value)?.inside ?? 0)),
  );
}

/** What goes by region, for the person: “liver” with “tumour”; undefined where no label lies inside another. */
export function regionsText(labelSet: LabelSet): string | undefined {
  const regions = outermostFirst(labelSet).flatMap(({ value, name }) => {
    const inner = regionOf(labelSet, value).slice(1);
    return inner.length === 0 ? [] : [`“${name}” with ${inner.map((each) => `“${labelName(labelSet, each)}”`).join(' and ')}`];
  });
  return regions.length === 0 ? undefined : `Dice goes by region, in the loss and where it is measured: ${regions.join(', ')}.`;
}

/** A region as nnU-Net's dataset.json describes it, and the value that it writes. */
export interface DescribedRegion {
  readonly name: string;
  readonly values: readonly number[];
  readonly written: number;
}

/**
 * What the values of masks mean that regions describe: each value is the innermost region's that has it, and lies inside the next larger one that has a
 * value of its own. Values of regions that overlap without one containing the other are left out.
 */
export function labelsOfRegions(
  regions: readonly DescribedRegion[],
): { readonly value: number; readonly name: string; readonly inside?: number }[] {
  const holds = (outer: DescribedRegion, inner: DescribedRegion): boolean =>
    outer !== inner && outer.values.length > inner.values.length && inner.values.every((value) => outer.values.includes(value));
  const around = (region: DescribedRegion): DescribedRegion[] =>
    regions.filter((outer) => holds(outer, region)).sort((a, b) => a.values.length - b.values.length);
  const innermost = (value: number): DescribedRegion | undefined => {
    const having = regions.filter(({ values }) => values.includes(value)).sort((a, b) => a.values.length - b.values.length);
    return having.every((region, n) => n === 0 || holds(region, having[n - 1] as DescribedRegion)) ? having[0] : undefined;
  };
  const all = [...new Set(regions.flatMap(({ values }) => values))].sort((a, b) => a - b);
  const ownValue = (region: DescribedRegion): number | undefined =>
    all.filter((value) => innermost(value) === region).sort((a) => (a === region.written ? -1 : 1))[0];
  return all.flatMap((value) => {
    const region = innermost(value);
    if (region === undefined) return [];
    const inside = around(region)
      .map(ownValue)
      .find((outer) => outer !== undefined);
    return [{ value, name: region.name, ...(inside !== undefined && { inside }) }];
  });
}

/** Labels inside others are there. */
export function hasRegions({ labels }: LabelSet): boolean {
  return labels.some(({ inside }) => inside !== undefined);
}
