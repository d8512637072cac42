import { StudioError } from '../base/errors.ts';
import type { Grid, LabelVolume, Volume } from '../geometry/grid.ts';
import { voxelCount } from '../geometry/grid.ts';
import { unionBox, type Box } from './box.ts';
import { forEachRun, type Delta } from './delta.ts';
import { edit, type EditPolicy } from './editor.ts';
import { decodeRecord } from './records.ts';
import { forEachRow } from './selection.ts';

/** Where records of another mask wrote what, as a layer of its own. */
export interface Written {
  /** The label that was written last; 0 where nothing was, `erased` where background was. */
  readonly layer: Volume<Uint8Array>;
  readonly erased: number;
  readonly box: Box;
}

/**
 * What records of one session wrote, whatever the mask is now: finished steps that are in force at their end, and an open stroke. Undo of steps
 * before them says nothing here. Null where nothing is left of them. Throws `corrupt` for records of another volume, `unsupported` where all of
 * 255 labels are in use.
 */
export function writtenBy(records: readonly Uint8Array[], grid: Grid): Written | null {
  let steps: Delta[] = [];
  let done = 0;
  let stroke: Delta[] = [];
  for (const record of records.map(decodeRecord)) {
    if (record.kind === 'partial') {
      stroke.push(record.edit.delta);
      continue;
    }
    stroke = [];
    if (record.kind === 'edit') {
      steps = [...steps.slice(0, done), record.edit.delta];
      done = steps.length;
    } else if (record.kind === 'undo') done = Math.max(0, done - 1);
    else if (record.kind === 'redo') done = Math.min(steps.length, done + 1);
  }
  const deltas = [...steps.slice(0, done), ...stroke];
  const box = deltas.reduce<Box | null>((all, delta) => unionBox(all, delta.box), null);
  if (box === null) return null;
  if (deltas.some(({ size }) => size.some((n, axis) => n !== grid.size[axis as 0])))
    throw new StudioError('corrupt', 'These edits were made on an image of another size.');
  const used = new Uint8Array(256);
  for (const delta of deltas) forEachRun(delta, (_start, _end, _before, after) => (used[after] = 1));
  const erased = used.lastIndexOf(0);
  if (erased < 1) throw new StudioError('unsupported', 'These edits use every label that there can be, and cannot be shown.');
  const data = new Uint8Array(voxelCount(grid));
  for (const delta of deltas) forEachRun(delta, (start, end, _before, after) => data.fill(after === 0 ? erased : after, start, end));
  return { layer: { grid, data }, erased, box };
}

/** Writes them into a mask, where the policy allows; `labels`: those that may be written. */
export function writeAgain(volume: LabelVolume, policy: EditPolicy, { layer, erased, box }: Written, labels: readonly number[]): Delta {
  const { data, grid } = layer;
  const allowed = new Set([...labels, erased]);
  return edit({ volume, policy }, (editor) => {
    forEachRow(grid.size, box, (at, _inBox, length) => {
      const end = at + length;
      for (let n = at; n < end;) {
        const value = data[n] as number;
        const from = n;
        do n++;
        while (n < end && data[n] === value);
        if (value !== 0 && allowed.has(value)) editor.write(from, n, value === erased ? 0 : value);
      }
    });
  });
}
