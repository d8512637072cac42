import { beforeEach, describe, expect, it } from 'vitest';
import { applyAffine } from '#shared/geometry/affine.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { labelMiddles } from '#shared/segmentation/index.ts';
import { alignedBasis, rotatedBasis, type Orientation, type ViewFrame } from '../../../src-shared/geometry/viewPlane.ts';
import { SeenSlices } from '#renderer/stores/seenSlices.ts';

/** Half a voxel to a side in i, a quarter turn about the vertical, slices from head to feet: what is axial is not what is k. */
const grid: Grid = { size: [20, 16, 12], affine: [0, 0, 3, -20, 2, 0, 0, 5, 0, -2, 0, 40] };
const data = new Uint8Array(20 * 16 * 12);
const at = ([i, j, k]: Triple): number => i + 20 * (j + 16 * k);
for (let i = 4; i < 9; i++) for (let j = 3; j < 8; j++) for (let k = 2; k < 7; k++) data[at([i, j, k])] = 1;
for (let i = 14; i < 17; i++) for (let j = 11; j < 14; j++) for (let k = 8; k < 11; k++) data[at([i, j, k])] = 2;
const middles = labelMiddles({ grid, data });
const none = new Set<number>();
let seen: SeenSlices;

/** A view through a voxel that shows `millimetres` to each side of it. */
function view(orientation: Orientation, voxel: Triple, millimetres = 100): ViewFrame {
  const center = applyAffine(grid.affine, voxel);
  return { basis: alignedBasis(grid.affine, orientation), center, millimetresPerPixel: millimetres / 50, width: 100, height: 100 };
}
const middleOf = (label: number): Triple => middles.get(label)?.[0] ?? [0, 0, 0];

beforeEach(() => {
  seen = new SeenSlices(grid);
});

describe('what was shown of a mask', () => {
  it('is nothing at first, and a label once one of its middle slices was drawn', () => {
    expect([seen.unseen(middles), seen.neverDrawn]).toEqual([[1, 2], true]);
    for (const orientation of ['axial', 'coronal', 'sagittal'] as const) {
      seen = new SeenSlices(grid);
      seen.drawn(view(orientation, [0, 0, 0]), none);
      expect(seen.unseen(middles)).toEqual([1, 2]);
      seen.drawn(view(orientation, [6, 5, 4]), none);
      expect([seen.unseen(middles), seen.neverDrawn]).toEqual([[2], false]);
    }
  });

  it('is no label that was hidden, lay outside the view, or was cut by an oblique plane', () => {
    seen.drawn(view('axial', [6, 5, 4]), new Set([1]));
    seen.drawn(view('axial', [19, 5, 11], 10), none);
    const frame = view('axial', [6, 5, 4]);
    seen.drawn({ ...frame, basis: rotatedBasis(frame.basis, frame.basis.right, 0.1) }, none);
    expect(seen.unseen(middles)).toEqual([1, 2]);
    seen.drawn(view('axial', [6, 5, 4], 10), none);
    expect(seen.unseen(middles)).toEqual([2]);
  });

  it('is not a slice that changed since, for the labels that changed', () => {
    seen.drawn(view('axial', [6, 5, 4]), none);
    seen.drawn(view('axial', middleOf(2)), none);
    expect(seen.unseen(middles)).toEqual([]);
    const box = { lower: [4, 0, 0], upper: [7, 16, 12] } as const;
    seen.changed(box, new Set([0, 2]));
    expect(seen.unseen(middles)).toEqual([2]); // The whole of the axis that axial views look along is in the box.
    seen.changed({ lower: [4, 0, 0], upper: [5, 1, 1] }, new Set([1]));
    expect(seen.unseen(middles)).toEqual([2]);
    seen.changed(box, new Set([1]));
    expect(seen.unseen(middles)).toEqual([1, 2]);
    seen.drawn(view('axial', [6, 5, 4]), none);
    expect(seen.unseen(middles)).toEqual([2]);
  });

  it('is not the mask as long as nothing was drawn since it changed', async () => {
    seen.drawn(view('axial', [6, 5, 4]), none);
    expect(seen.undrawnChange).toBeNull();
    seen.changed({ lower: [2, 2, 2], upper: [5, 5, 5] }, new Set([1]));
    expect(seen.undrawnChange).toEqual([3, 3, 3]);
    const drawing = seen.nextDrawing(60_000);
    seen.drawn(view('axial', [6, 5, 4]), none);
    await drawing;
    expect(seen.undrawnChange).toBeNull();
    await seen.nextDrawing(1); // No view draws: it does not wait for ever.
  });
});
