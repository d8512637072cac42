/// <reference types="svelte" />
import { describe, expect, it } from 'vitest';
import type { Grid } from '#shared/geometry/grid.ts';
import { orientations, worldToScreen, type Orientation } from '#shared/geometry/viewPlane.ts';
import { applyAffine } from '#shared/geometry/affine.ts';
import { ViewerState } from '#renderer/stores/viewer.svelte.ts';

/** 200 × 160 × 300 mm. */
const grid: Grid = { size: [100, 80, 60], affine: [2, 0, 0, -100, 0, 2, 0, -80, 0, 0, 5, 0] };

/** Whether every corner of the image lies inside a view. */
function shows(viewer: ViewerState, orientation: Orientation): boolean {
  const frame = viewer.frame(orientation);
  if (frame === null) return false;
  return [0, 1, 2, 3, 4, 5, 6, 7].every((n) => {
    const corner = applyAffine(grid.affine, [n & 1 ? 99 : 0, n & 2 ? 79 : 0, n & 4 ? 59 : 0]);
    const { x, y } = worldToScreen(frame, corner);
    return x >= 0 && y >= 0 && x <= frame.width && y <= frame.height;
  });
}
const all = (viewer: ViewerState): readonly boolean[] => orientations.map((orientation) => shows(viewer, orientation));
const resize = (viewer: ViewerState, width: number, height: number): void => {
  for (const orientation of orientations) viewer.setSize(orientation, width, height);
};

describe('views show the whole image', () => {
  it('when the panels come beside them after a case is opened, and whatever the layout', () => {
    const viewer = new ViewerState();
    resize(viewer, 600, 300);
    viewer.show(grid);
    for (const [width, height] of [
      [450, 280],
      [280, 190],
      [900, 600],
      [300, 900],
      [450, 280],
    ] as const) {
      resize(viewer, width, height);
      expect([width, all(viewer)]).toEqual([width, [true, true, true]]);
    }
  });

  it('until the person looks closer: then the scale is theirs, and Reset shows all again', () => {
    const viewer = new ViewerState();
    viewer.show(grid);
    resize(viewer, 400, 400);
    viewer.zoom('axial', 4);
    resize(viewer, 500, 500);
    expect(all(viewer)).toEqual([false, true, true]);
    expect(viewer.frame('axial')?.millimetresPerPixel).toBeLessThan(0.2);
    viewer.resetPlanes();
    expect(all(viewer)).toEqual([true, true, true]);
  });
});

describe('the window', () => {
  it('is read and set in the units that a person knows', () => {
    const viewer = new ViewerState();
    viewer.rescale = { slope: 2, intercept: -1024 };
    viewer.setShownWindow(400, 40);
    expect([viewer.window, viewer.shownWindow]).toEqual([
      { width: 200, center: 532 },
      { width: 400, level: 40 },
    ]);
    for (const [width, level] of [
      [0, 40],
      [-5, 40],
      [Number.NaN, 40],
      [400, Number.NaN],
    ] as const)
      viewer.setShownWindow(width, level);
    expect(viewer.shownWindow).toEqual({ width: 400, level: 40 });
  });
});
