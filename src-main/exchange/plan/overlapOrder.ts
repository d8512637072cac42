/** Which label has a voxel that several hold, and which labels are taken at all. */
import { StudioError } from '#shared/base/errors.ts';
import { sameLabel } from '#shared/domain/labelSet.ts';
import { smallestFirst, type Overlap } from '#shared/domain/overlap.ts';
import type { PlannedLabel } from './mapLabels.ts';

export interface CountedOverlaps {
  readonly overlaps: readonly Overlap[];
  readonly voxels: ReadonlyMap<string, number>;
}

/**
 * The order of the labels that lie over others in any mask: those that a person named in front, as they were named (each alone, or several with
 * commas between), then those of the fewest voxels. Throws `invalid-argument` for a name that no label has.
 */
export function orderOfOverlaps(masks: readonly CountedOverlaps[], labels: readonly PlannedLabel[], named: readonly string[]): string[] {
  const overlapping = new Set(masks.flatMap(({ overlaps }) => overlaps.flatMap((each) => each.labels)));
  const voxels = new Map([...overlapping].sort().map((key) => [key, 0]));
  for (const mask of masks)
    for (const [key, count] of mask.voxels) if (overlapping.has(key)) voxels.set(key, (voxels.get(key) ?? 0) + count);
  return inOrder(
    smallestFirst(voxels),
    named.flatMap((names) => (isNamed(labels, names) ? [names] : names.split(','))).map((name) => keyNamed(labels, name.trim())),
  );
}

/** The keys that a person put in front, then the others as they were. */
export function inOrder(order: readonly string[], front: readonly string[]): string[] {
  return [...new Set([...front.filter((key) => order.includes(key)), ...order])];
}

/** The plan with these labels alone; all others are left out. Throws `invalid-argument` for a name that no label has. */
export function withOnly(labels: readonly PlannedLabel[], names: readonly string[]): readonly PlannedLabel[] {
  if (names.length === 0) return labels;
  const taken = new Set(names.map((name) => keyNamed(labels, name)));
  return labels.map((label) => (taken.has(label.key) ? label : { ...label, target: null, doubt: null }));
}

function isNamed(labels: readonly PlannedLabel[], name: string): boolean {
  return labelNamed(labels, name) !== undefined;
}

function labelNamed(labels: readonly PlannedLabel[], name: string): PlannedLabel | undefined {
  return (
    labels.find(({ key }) => key === name) ??
    labels.find((label) => label.name !== null && sameLabel(label.name) === sameLabel(name)) ??
    labels.find((label) => label.name === null && label.values.map(String).includes(name))
  );
}

function keyNamed(labels: readonly PlannedLabel[], name: string): string {
  const found = labelNamed(labels, name);
  if (found === undefined)
    throw new StudioError(
      'invalid-argument',
      `The masks hold no label “${name}”, only ${labels.map((label) => label.name ?? String(label.values[0] ?? '')).join(', ') || 'none'}.`,
    );
  return found.key;
}
