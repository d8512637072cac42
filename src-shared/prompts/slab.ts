import { applyAffine, lpsToIjk } from '../geometry/affine.ts';
import { spacing, type Grid, type LpsPoint, type Triple, type VoxelArray } from '../geometry/grid.ts';
import { add, dot, scaled, sliceStep, subtract, type PlaneBasis, type Vector } from '../geometry/viewPlane.ts';

/** A slice as a view shows it: what a plane runs through. */
export interface SlicePlane extends PlaneBasis {
  readonly center: LpsPoint;
}

/** The slice so many steps further along the normal. */
export function slicesOn(grid: Grid, plane: SlicePlane, steps: number): SlicePlane {
  return { ...plane, center: add(plane.center, plane.normal, steps * sliceStep(grid, plane.normal)) };
}

/** Whether the middle of a slice lies in the image. */
export function holdsSlice(grid: Grid, { center }: SlicePlane): boolean {
  return lpsToIjk(grid, center).every((index, axis) => index > -0.5 && index < (grid.size[axis] as number) - 0.5);
}

/** A hair less, so that a plane between two layers runs through neither. */
const half = (along: Triple): number => (0.5 - 1e-6) * along.reduce((sum, mm) => sum + Math.abs(mm), 0);

/** Whether a plane runs through a voxel: of a plane along the image's axes, those of one layer. */
export function cutBy(grid: Grid, plane: SlicePlane): (i: number, j: number, k: number) => boolean {
  const { start, along } = alongAxis(grid, plane.center, plane.normal);
  const most = half(along);
  return (i, j, k) => Math.abs(start + along[0] * i + along[1] * j + along[2] * k) <= most;
}

/** Calls `visit(index, i, j, k)` for every voxel that a plane runs through, in memory order. */
export function forEachCut(grid: Grid, plane: SlicePlane, visit: (at: number, i: number, j: number, k: number) => void): void {
  const [ni, nj, nk] = grid.size;
  const { start, along } = alongAxis(grid, plane.center, plane.normal);
  const most = half(along);
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      const first = start + along[1] * j + along[2] * k;
      let [from, to] = [0, ni - 1];
      if (Math.abs(along[0]) < 1e-9) {
        if (Math.abs(first) > most) continue;
      } else {
        const ends = [(-most - first) / along[0], (most - first) / along[0]];
        from = Math.max(from, Math.ceil(Math.min(...ends)));
        to = Math.min(to, Math.floor(Math.max(...ends)));
      }
      for (let i = from; i <= to; i++) visit(i + ni * (j + nj * k), i, j, k);
    }
}

/** How far voxels lie from a point along a direction, mm: `start` and so much more for each index. */
function alongAxis({ affine: m }: Grid, from: LpsPoint, direction: Vector): { readonly start: number; readonly along: Triple } {
  const column = (n: 0 | 1 | 2 | 3): Vector => [m[n], m[4 + n] as number, m[8 + n] as number];
  return {
    start: dot(direction, subtract(column(3), from)),
    along: [dot(direction, column(0)), dot(direction, column(1)), dot(direction, column(2))],
  };
}

/** Where a voxel lies in a plane, in pixels to the right and down of its middle. */
export type PixelOf = (i: number, j: number, k: number) => readonly [number, number];

/** The size of a plane's pixels, mm: the image's own voxels where it lies along them. */
export const pixelSize = (grid: Grid, { right, down }: SlicePlane): readonly [number, number] => [
  sliceStep(grid, right),
  sliceStep(grid, down),
];

export function pixelOf(grid: Grid, plane: SlicePlane): PixelOf {
  const [width, height] = pixelSize(grid, plane);
  const [x, y] = [alongAxis(grid, plane.center, plane.right), alongAxis(grid, plane.center, plane.down)];
  const at = ({ start, along }: typeof x, i: number, j: number, k: number): number => start + along[0] * i + along[1] * j + along[2] * k;
  return (i, j, k) => [at(x, i, j, k) / width, at(y, i, j, k) / height];
}

/** A rectangle of a plane in pixels, both ends included. */
export interface Rectangle {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The smallest rectangle that holds the marked voxels which a plane runs through; null where it runs through none. */
export function rectangleOf(grid: Grid, data: VoxelArray, plane: SlicePlane, member: Uint8Array): Rectangle | null {
  const place = pixelOf(grid, plane);
  let found: Rectangle | null = null;
  forEachCut(grid, plane, (at, i, j, k) => {
    if (member[data[at] as number] === 1) found = including(found, place(i, j, k));
  });
  return found;
}

function including(found: Rectangle | null, [x, y]: readonly [number, number]): Rectangle {
  const [a, b] = [Math.round(x), Math.round(y)];
  if (found === null) return { left: a, right: a, top: b, bottom: b };
  const { left, right, top, bottom } = found;
  return { left: Math.min(left, a), right: Math.max(right, a), top: Math.min(top, b), bottom: Math.max(bottom, b) };
}

/** The same, wider by so many pixels where the image goes on. */
export function widerRectangle(grid: Grid, plane: SlicePlane, of: Rectangle, across: number, along: number): Rectangle {
  const place = pixelOf(grid, plane);
  let whole: Rectangle | null = null;
  for (let corner = 0; corner < 8; corner++) {
    const index = grid.size.map((n, axis) => ((corner >> axis) & 1) * (n - 1)) as unknown as Triple;
    whole = including(whole, place(...index));
  }
  const image = whole as unknown as Rectangle;
  return {
    left: Math.max(image.left, of.left - across),
    right: Math.min(image.right, of.right + across),
    top: Math.max(image.top, of.top - along),
    bottom: Math.min(image.bottom, of.bottom + along),
  };
}

/** Some slices one behind the other, of pixels so many times as coarse as the image's. */
export interface Slab {
  readonly grid: Grid;
  readonly spacing: Triple;
  /** Pixels of the plane to one of the slab's, and where its first one lies. */
  readonly factor: number;
  readonly first: readonly [number, number];
}

/** The slices from `from` to `to` steps along the plane's normal, `direction` 1 or -1, no more than `most` pixels each. */
export function slabOf(
  grid: Grid,
  plane: SlicePlane,
  direction: 1 | -1,
  [from, to]: readonly [number, number],
  { left, right, top, bottom }: Rectangle,
  most: number,
): Slab {
  const [width, height] = [right - left + 1, bottom - top + 1];
  const factor = Math.max(1, Math.sqrt((width * height) / most));
  const size: Triple = [Math.ceil(width / factor), Math.ceil(height / factor), to - from + 1];
  const first = [left + (factor - 1) / 2, top + (factor - 1) / 2] as const;
  const [across, along] = pixelSize(grid, plane);
  const step = sliceStep(grid, plane.normal);
  const origin = add(
    add(add(plane.center, plane.right, first[0] * across), plane.down, first[1] * along),
    plane.normal,
    direction * from * step,
  );
  const [x, y, z] = [scaled(plane.right, across * factor), scaled(plane.down, along * factor), scaled(plane.normal, direction * step)];
  const affine = [x[0], y[0], z[0], origin[0], x[1], y[1], z[1], origin[1], x[2], y[2], z[2], origin[2]] as const;
  const own: Grid = { size, affine };
  return { grid: own, spacing: spacing(own), factor, first };
}

/** One slice of a slab as a grid of its own. */
export function layerOf({ grid }: Slab, layer: number): Grid {
  const [x, y, z] = applyAffine(grid.affine, [0, 0, layer]);
  const m = grid.affine;
  return { size: [grid.size[0], grid.size[1], 1], affine: [m[0], m[1], m[2], x, m[4], m[5], m[6], y, m[8], m[9], m[10], z] };
}
