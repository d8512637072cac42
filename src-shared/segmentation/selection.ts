import type { LabelVolume, Triple } from '../geometry/grid.ts';
import { boxSize, type Box } from './box.ts';
import { tick, type Editor, type EditTarget } from './editor.ts';

/** A set of voxels of a box: `mask` holds 1 or 0 per voxel, i fastest. */
export interface Selection {
  readonly box: Box;
  readonly mask: Uint8Array;
}

export function emptySelection(box: Box): Selection {
  const size = boxSize(box);
  return { box, mask: new Uint8Array(size[0] * size[1] * size[2]) };
}

/** Calls `visit(volume index, box index, length)` for every row of the box, in memory order; `eachSlice` before every slice. */
export function forEachRow(
  size: Triple,
  box: Box,
  visit: (at: number, inBox: number, length: number) => void,
  eachSlice?: (fraction: number) => void,
): void {
  const { lower, upper } = box;
  const length = upper[0] - lower[0];
  let inBox = 0;
  for (let k = lower[2]; k < upper[2]; k++) {
    eachSlice?.((k - lower[2]) / (upper[2] - lower[2]));
    for (let j = lower[1]; j < upper[1]; j++) {
      visit(lower[0] + size[0] * (j + size[1] * k), inBox, length);
      inBox += length;
    }
  }
}

/** Smallest box that holds every voxel of the label; null where there is none. */
export function labelBox({ grid, data }: LabelVolume, label: number): Box | null {
  const [ni, nj] = grid.size;
  const lower: [number, number, number] = [Infinity, Infinity, Infinity];
  const upper: [number, number, number] = [0, 0, 0];
  // indexOf skips what is empty at memory speed.
  for (let at = data.indexOf(label); at >= 0;) {
    const row = Math.floor(at / ni);
    const start = row * ni;
    let last = start + ni - 1;
    while (data[last] !== label) last--;
    lower[0] = Math.min(lower[0], at - start);
    upper[0] = Math.max(upper[0], last - start + 1);
    lower[1] = Math.min(lower[1], row % nj);
    upper[1] = Math.max(upper[1], (row % nj) + 1);
    const k = Math.floor(row / nj);
    lower[2] = Math.min(lower[2], k);
    upper[2] = k + 1;
    at = start + ni < data.length ? data.indexOf(label, start + ni) : -1;
  }
  return upper[2] === 0 ? null : { lower, upper };
}

/** The voxels of the box that carry the label; with `invert`, those that do not. */
export function selectLabel(volume: LabelVolume, box: Box, label: number, invert = false): Selection {
  const selection = emptySelection(box);
  const { mask } = selection;
  const { data } = volume;
  const [inside, outside] = invert ? [0, 1] : [1, 0];
  forEachRow(volume.grid.size, box, (at, inBox, length) => {
    for (let i = 0; i < length; i++) mask[inBox + i] = data[at + i] === label ? inside : outside;
  });
  return selection;
}

/** Gives the selected voxels the label. */
export function writeSelection(target: EditTarget, editor: Editor, { box, mask }: Selection, label: number): void {
  forEachRow(
    target.volume.grid.size,
    box,
    (at, inBox, length) => {
      for (let i = 0; i < length;) {
        const from = i;
        const selected = mask[inBox + i] === 1;
        do i++;
        while (i < length && (mask[inBox + i] === 1) === selected);
        if (selected) editor.write(at + from, at + i, label);
      }
    },
    (fraction) => tick(target, 'Writing', fraction),
  );
}

/** Makes the label's voxels inside the box exactly the selected ones: others become background. */
export function reshapeLabel(target: EditTarget, editor: Editor, { box, mask }: Selection, label: number): void {
  const { data, grid } = target.volume;
  forEachRow(
    grid.size,
    box,
    (at, inBox, length) => {
      for (let i = 0; i < length; i++) {
        const is = data[at + i] === label;
        if ((mask[inBox + i] === 1) !== is) editor.write(at + i, at + i + 1, is ? 0 : label);
      }
    },
    (fraction) => tick(target, 'Writing', fraction),
  );
}
