import type { Grid } from '#shared/geometry/grid.ts';
import { exactPolicy, writeAgain, writtenBy, type Written } from '#shared/segmentation/index.ts';
import type { Unsaved } from '../api/shelf.ts';
import type { Editing } from './editing.svelte.ts';

/** What was left unsaved and no longer fits, as a layer over the mask. */
export interface LeftStrokes {
  readonly of: Unsaved;
  readonly written: Written;
}

/** Null where nothing is left of them. Throws `corrupt` for those of another image, `unsupported`. */
export function leftStrokes(of: Unsaved, grid: Grid): LeftStrokes | null {
  const written = writtenBy(of.records, grid);
  return written === null ? null : { of, written };
}

/** Makes them again as one step, in labels that the project has, where none is locked. */
export function takeOver(editing: Editing, { of, written }: LeftStrokes): void {
  const copy = { grid: editing.mask.grid, data: editing.mask.data.slice() };
  const policy = { ...exactPolicy(editing.policy), overwrite: 'all' as const };
  const labels = editing.labels.map(({ value }) => value);
  editing.apply(`Strokes of ${new Date(of.since).toLocaleTimeString()}`, writeAgain(copy, policy, written, labels));
}
