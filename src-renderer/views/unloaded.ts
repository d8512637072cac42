import { applyAffine } from '#shared/geometry/affine.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { worldToScreen, type ViewFrame } from '../../src-shared/geometry/viewPlane.ts';

/** CSS pixels in a view. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where a view would show voxels that are not on the GPU yet: slices of the image's third axis outside [first, end). */
export function unloadedAreas(grid: Grid, [first, end]: readonly [number, number], frame: ViewFrame): readonly Area[] {
  const gaps = [
    [0, first],
    [end, grid.size[2]],
  ] as const;
  return gaps.flatMap(([from, to]) => {
    if (from >= to) return [];
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) =>
      worldToScreen(
        frame,
        applyAffine(grid.affine, [n & 1 ? grid.size[0] - 0.5 : -0.5, n & 2 ? grid.size[1] - 0.5 : -0.5, n & 4 ? to - 0.5 : from - 0.5]),
      ),
    );
    const bounds = (pick: (corner: (typeof corners)[number]) => number): readonly [number, number] => {
      const values = corners.map(pick);
      return [Math.min(...values), Math.max(...values)];
    };
    const [near, far] = bounds(({ depth }) => depth);
    if (near >= -1e-3 || far <= 1e-3) return [];
    const [[left, right], [top, bottom]] = [bounds(({ x }) => x), bounds(({ y }) => y)];
    return [{ x: left, y: top, width: right - left, height: bottom - top }];
  });
}
