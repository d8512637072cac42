import { describe, expect, it } from 'vitest';
import { applyAffine } from '#shared/geometry/affine.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { alignedBasis, type Orientation, type ViewFrame } from '#shared/geometry/viewPlane.ts';
import { unloadedAreas } from '#renderer/views/unloaded.ts';

/** 40 × 30 × 20 voxels of 1 × 1 × 2 mm. */
const grid: Grid = { size: [40, 30, 20], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0] };
const frame = (orientation: Orientation, k: number): ViewFrame => ({
  basis: alignedBasis(grid.affine, orientation),
  center: applyAffine(grid.affine, [20, 15, k]),
  millimetresPerPixel: 1,
  width: 200,
  height: 200,
});

describe('what is not loaded yet', () => {
  it('covers an axial slice that is not there, and none that is', () => {
    const covered = [2, 5, 6, 12, 13, 18].map((k) => unloadedAreas(grid, [6, 13], frame('axial', k)).length);
    expect(covered).toEqual([1, 1, 0, 0, 1, 1]);
    expect(unloadedAreas(grid, [6, 13], frame('axial', 2))).toEqual([{ x: 79.5, y: 84.5, width: 40, height: 30 }]);
  });

  it('covers the upper and the lower part of a coronal slice', () => {
    // Superior is up: slice 19 at the top. Slice 10 lies in the middle of the view, at 100.
    expect(unloadedAreas(grid, [6, 13], frame('coronal', 10))).toEqual([
      { x: 79.5, y: 109, width: 40, height: 12 },
      { x: 79.5, y: 81, width: 40, height: 14 },
    ]);
  });

  it('is nothing once all is there', () => {
    expect(unloadedAreas(grid, [0, 20], frame('sagittal', 10))).toEqual([]);
  });
});
