import { StudioError } from '../base/errors.ts';
import { applyAffine, invertAffine } from '../geometry/affine.ts';
import type { Grid, LpsPoint, Triple } from '../geometry/grid.ts';
import { intersectBox, wholeBox, type Box } from './box.ts';
import { polygonCrossings, type PlanePolygon } from './polygon.ts';

/**
 * Where an edit applies, in world millimetres (LPS), so that spacing, orientation and oblique views come out right by themselves.
 * A flat shape has a `normal` (any length) and takes every voxel that its plane cuts, or those within `thickness` / 2 of it.
 */
export type ShapeDescription =
  | { readonly kind: 'ball'; readonly centre: LpsPoint; readonly radius: number }
  | { readonly kind: 'disc'; readonly centre: LpsPoint; readonly normal: LpsPoint; readonly radius: number; readonly thickness?: number }
  | { readonly kind: 'polygon'; readonly points: readonly LpsPoint[]; readonly normal: LpsPoint; readonly thickness?: number }
  | { readonly kind: 'box'; readonly box: Box }
  | { readonly kind: 'everything' };

/** A shape on a grid: `spans` calls `emit(i0, i1)` in ascending order for the voxels i0 ≤ i < i1 of row (j, k) that lie inside. */
export interface Shape {
  readonly box: Box;
  spans(j: number, k: number, emit: (i0: number, i1: number) => void): void;
}

export function shapeOn(grid: Grid, description: ShapeDescription): Shape {
  switch (description.kind) {
    case 'ball':
      return ball(grid, description.centre, description.radius);
    case 'disc':
      return disc(grid, description.centre, description.normal, description.radius, description.thickness);
    case 'polygon':
      return polygon(grid, description.points, description.normal, description.thickness);
    case 'box':
      return boxShape(intersectBox(description.box, wholeBox(grid.size)));
    case 'everything':
      return boxShape(wholeBox(grid.size));
  }
}

function boxShape(box: Box): Shape {
  const [i0, i1] = [box.lower[0], box.upper[0]];
  return {
    box,
    spans: (_j, _k, emit) => {
      if (i1 > i0) emit(i0, i1);
    },
  };
}

const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const minus = (a: Triple, b: Triple): Triple => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const unit = (a: Triple): Triple => {
  const length = Math.hypot(...a);
  if (!(length > 0 && Number.isFinite(length))) throw new StudioError('invalid-argument', 'The plane of the tool has no direction.');
  return [a[0] / length, a[1] / length, a[2] / length];
};
const axis = (grid: Grid, n: 0 | 1 | 2): Triple => [grid.affine[n], grid.affine[(n + 4) as 4], grid.affine[(n + 8) as 8]];

/** Voxels whose centres lie within `reach` (half extents in mm per world axis) of `centre`, as a box. */
function boxAround(grid: Grid, centre: Triple, radius: number): Box {
  const inverse = invertAffine(grid.affine);
  const middle = applyAffine(inverse, centre);
  const range = ([0, 1, 2] as const).map((n) => {
    const row = n * 4;
    const extent = radius * Math.hypot(inverse[row as 0], inverse[(row + 1) as 1], inverse[(row + 2) as 2]);
    return [Math.ceil(middle[n] - extent - 1e-6), Math.floor(middle[n] + extent + 1e-6) + 1] as const;
  }) as unknown as readonly [readonly [number, number], readonly [number, number], readonly [number, number]];
  return intersectBox(
    { lower: [range[0][0], range[1][0], range[2][0]], upper: [range[0][1], range[1][1], range[2][1]] },
    wholeBox(grid.size),
  );
}

function checkRadius(radius: number): void {
  if (!(radius > 0 && Number.isFinite(radius))) throw new StudioError('invalid-argument', 'The brush radius must be more than 0 mm.');
}

/** Solves a·x² + 2b·x + c ≤ 0 for a ≥ 0; an empty interval has low > high. */
function quadratic(a: number, b: number, c: number): readonly [number, number] {
  if (a < 1e-12) return c <= 0 ? [-Infinity, Infinity] : [1, -1];
  const discriminant = b * b - a * c;
  if (discriminant < 0) return [1, -1];
  const root = Math.sqrt(discriminant);
  return [(-b - root) / a, (-b + root) / a];
}

const tolerance = 1e-6;

function emitBetween(low: number, high: number, box: Box, emit: (i0: number, i1: number) => void): void {
  const i0 = Math.max(box.lower[0], Math.ceil(low - tolerance));
  const i1 = Math.min(box.upper[0], Math.floor(high + tolerance) + 1);
  if (i1 > i0) emit(i0, i1);
}

/** Voxels whose centres lie within `radius` millimetres of `centre`. */
export function ball(grid: Grid, centre: LpsPoint, radius: number): Shape {
  checkRadius(radius);
  const box = boxAround(grid, centre, radius);
  const step = axis(grid, 0);
  const a = dot(step, step);
  return {
    box,
    spans(j, k, emit) {
      const from = minus(applyAffine(grid.affine, [0, j, k]), centre);
      const [low, high] = quadratic(a, dot(step, from), dot(from, from) - radius * radius);
      emitBetween(low, high, box, emit);
    },
  };
}

/** The slab around a plane: i-intervals per row. Half open, so that a plane midway between two layers takes one of them. */
function slab(grid: Grid, origin: Triple, normal: Triple, thickness: number | undefined): (from: Triple) => readonly [number, number] {
  const step = axis(grid, 0);
  const slope = dot(step, normal);
  const cell = Math.abs(slope) + Math.abs(dot(axis(grid, 1), normal)) + Math.abs(dot(axis(grid, 2), normal));
  const half = Math.max(thickness ?? 0, cell) / 2;
  const slack = 1e-5 * cell;
  return (from) => {
    const height = dot(minus(from, origin), normal);
    const [bottom, top] = [-half + slack - height, half + slack - height];
    if (Math.abs(slope) < 1e-9 * cell) return bottom <= 0 && 0 < top ? [-Infinity, Infinity] : [1, -1];
    const [x, y] = [bottom / slope, top / slope];
    // Nudged inwards at the open end, because emitBetween closes both.
    return x < y ? [x + tolerance, y - 2 * tolerance] : [y + 2 * tolerance, x - tolerance];
  };
}

/** Voxels that the plane through `centre` cuts (or within `thickness` / 2 mm of it) and that lie within `radius` mm of `centre` in the plane. */
export function disc(grid: Grid, centre: LpsPoint, normal: LpsPoint, radius: number, thickness?: number): Shape {
  checkRadius(radius);
  const n = unit(normal);
  const step = axis(grid, 0);
  const inSlab = slab(grid, centre, n, thickness);
  const slope = dot(step, n);
  const a = dot(step, step) - slope * slope;
  const reach = Math.hypot(radius, Math.max(thickness ?? 0, cellAlong(grid, n)));
  const box = boxAround(grid, centre, reach);
  return {
    box,
    spans(j, k, emit) {
      const origin = applyAffine(grid.affine, [0, j, k]);
      const from = minus(origin, centre);
      const height = dot(from, n);
      const [low, high] = quadratic(a, dot(step, from) - slope * height, dot(from, from) - height * height - radius * radius);
      const [bottom, top] = inSlab(origin);
      emitBetween(Math.max(low, bottom), Math.min(high, top), box, emit);
    },
  };
}

function cellAlong(grid: Grid, normal: Triple): number {
  return Math.abs(dot(axis(grid, 0), normal)) + Math.abs(dot(axis(grid, 1), normal)) + Math.abs(dot(axis(grid, 2), normal));
}

/**
 * Voxels that the polygon's plane cuts (or within `thickness` / 2 mm of it) and whose projection along `normal` lies inside the closed
 * polygon (even-odd rule). A lasso is a polygon of many points. The plane goes through the first point.
 */
export function polygon(grid: Grid, points: readonly LpsPoint[], normal: LpsPoint, thickness?: number): Shape {
  const origin = points[0];
  if (origin === undefined || points.length < 3) throw new StudioError('invalid-argument', 'An outline needs at least three points.');
  const n = unit(normal);
  const across = unit(Math.abs(n[0]) < 0.9 ? cross(n, [1, 0, 0]) : cross(n, [0, 1, 0]));
  const up = cross(n, across);
  const flat: PlanePolygon = points.map((point) => {
    const from = minus(point, origin);
    return [dot(from, across), dot(from, up)];
  });
  const reach = Math.max(...points.map((point) => Math.hypot(...minus(point, origin))));
  const box = boxAround(grid, origin, Math.hypot(reach, Math.max(thickness ?? 0, cellAlong(grid, n))));
  const inSlab = slab(grid, origin, n, thickness);
  const step = axis(grid, 0);
  const direction: readonly [number, number] = [dot(step, across), dot(step, up)];
  return {
    box,
    spans(j, k, emit) {
      const start = applyAffine(grid.affine, [0, j, k]);
      const [bottom, top] = inSlab(start);
      if (top < bottom) return;
      const from = minus(start, origin);
      let filled = -Infinity;
      const crossings = polygonCrossings(flat, [dot(from, across), dot(from, up)], direction);
      for (let n = 0; n + 1 < crossings.length; n += 2) {
        emitBetween(Math.max(crossings[n] as number, bottom), Math.min(crossings[n + 1] as number, top), box, (i0, i1) => {
          if (i1 > Math.max(i0, filled)) emit(Math.max(i0, filled), i1);
          filled = i1;
        });
      }
    },
  };
}

function cross(a: Triple, b: Triple): Triple {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Centres for dabs from `from` to `to` (both ends; LPS mm), no further than `step` mm apart, so that a fast stroke has no gaps. */
export function dabsAlong(from: LpsPoint, to: LpsPoint, step: number): LpsPoint[] {
  const way = minus(to, from);
  const count = Math.max(1, Math.ceil(Math.hypot(...way) / step));
  return Array.from({ length: count + 1 }, (_, n): LpsPoint => {
    const t = n / count;
    return [from[0] + way[0] * t, from[1] + way[1] * t, from[2] + way[2] * t];
  });
}
