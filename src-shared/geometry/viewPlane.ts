import { spacing, type Affine, type Grid, type LpsPoint, type Triple } from './grid.ts';

/** A direction or offset in the world, LPS. */
export type Vector = readonly [number, number, number];

/** Unit vectors of a viewing plane in LPS: to the right and down on the screen, and away from the person. */
export interface PlaneBasis {
  readonly right: Vector;
  readonly down: Vector;
  readonly normal: Vector;
}

export type Orientation = 'axial' | 'coronal' | 'sagittal';
export const orientations: readonly Orientation[] = ['axial', 'coronal', 'sagittal'];

/** How the slices of a slab become one picture. */
export type SlabMode = 'maximum' | 'minimum' | 'mean';

export interface Slab {
  /** Millimetres; 0 shows the plane alone. */
  readonly thickness: number;
  readonly mode: SlabMode;
}

/** What a view shows: a plane through `center`, which lies in the middle of the viewport, at a scale in mm per CSS pixel. */
export interface ViewFrame {
  readonly basis: PlaneBasis;
  readonly center: LpsPoint;
  readonly millimetresPerPixel: number;
  /** Viewport in CSS pixels. */
  readonly width: number;
  readonly height: number;
}

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const add = (a: Vector, b: Vector, scale = 1): Vector => [a[0] + scale * b[0], a[1] + scale * b[1], a[2] + scale * b[2]];
export const subtract = (a: Vector, b: Vector): Vector => add(a, b, -1);
export const scaled = (a: Vector, scale: number): Vector => [a[0] * scale, a[1] * scale, a[2] * scale];
export const length = (a: Vector): number => Math.hypot(a[0], a[1], a[2]);
export const normalized = (a: Vector): Vector => scaled(a, 1 / (length(a) || 1));
export const cross = (a: Vector, b: Vector): Vector => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** `vector` turned by `angle` (radians, right-hand rule) about the unit vector `axis` (Rodrigues). */
export function rotated(vector: Vector, axis: Vector, angle: number): Vector {
  const cosine = Math.cos(angle);
  const turned = add(scaled(vector, cosine), cross(axis, vector), Math.sin(angle));
  return add(turned, axis, dot(axis, vector) * (1 - cosine));
}

export function rotatedBasis(basis: PlaneBasis, axis: Vector, angle: number): PlaneBasis {
  const right = normalized(rotated(basis.right, axis, angle));
  const down = normalized(rotated(basis.down, axis, angle));
  return { right, down, normal: normalized(cross(right, down)) };
}

/** World direction of image axis `axis` (0 = i, 1 = j, 2 = k), unit length. */
export function axisDirection(affine: Affine, axis: number): Vector {
  return normalized([affine[axis] ?? 0, affine[4 + axis] ?? 0, affine[8 + axis] ?? 0]);
}

/** Image axis closest to left, posterior and superior, each used once, with its direction turned to point there. */
export function anatomicalAxes(affine: Affine): { readonly axes: Triple; readonly directions: readonly [Vector, Vector, Vector] } {
  const orders: readonly Triple[] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];
  const directions = [0, 1, 2].map((axis) => axisDirection(affine, axis)) as [Vector, Vector, Vector];
  const alignment = (order: Triple): number =>
    order.reduce((sum, axis, world) => sum + Math.abs(directions[axis as 0 | 1 | 2][world as 0 | 1 | 2]), 0);
  const axes = orders.reduce((best, order) => (alignment(order) > alignment(best) + 1e-9 ? order : best));
  const towards = axes.map((axis, world) => {
    const direction = directions[axis as 0 | 1 | 2];
    return direction[world as 0 | 1 | 2] < 0 ? scaled(direction, -1) : direction;
  }) as [Vector, Vector, Vector];
  return { axes, directions: towards };
}

/**
 * Planes along the image's own axes in radiological convention: axial seen from the feet, coronal from the front, sagittal from the left.
 * For an image that was taken obliquely they follow its slices, so that one voxel layer is one view.
 */
export function alignedBasis(affine: Affine, orientation: Orientation): PlaneBasis {
  const [left, posterior, superior] = anatomicalAxes(affine).directions;
  const right = orientation === 'sagittal' ? posterior : left;
  const towards = orientation === 'axial' ? posterior : scaled(superior, -1);
  const normal = normalized(cross(right, towards));
  return { right, down: cross(normal, right), normal };
}

/**
 * Whether voxels of `box` (lower included, upper not) lie in the plane of `frame`, or within `reach` millimetres of it. Half a voxel more
 * counts as within, since a plane on the border may show either side.
 */
export function cutsBox(
  { basis, center }: ViewFrame,
  grid: Grid,
  { lower, upper }: { readonly lower: Triple; readonly upper: Triple },
  reach: number,
): boolean {
  const m = grid.affine;
  let distance = dot(basis.normal, [m[3] - center[0], m[7] - center[1], m[11] - center[2]]);
  let half = reach;
  for (const axis of [0, 1, 2] as const) {
    const along = dot(basis.normal, [m[axis], m[4 + axis] as number, m[8 + axis] as number]);
    distance += (along * (lower[axis] + upper[axis] - 1)) / 2;
    half += (Math.abs(along) * (upper[axis] - lower[axis] + 1)) / 2;
  }
  return Math.abs(distance) <= half;
}

/** Whether two frames show the same picture, to a ten-thousandth of a millimetre. */
export function sameFrame(a: ViewFrame, b: ViewFrame): boolean {
  const near = (one: Vector, other: Vector): boolean => one.every((value, axis) => Math.abs(value - (other[axis as 0] as number)) < 1e-4);
  return (
    a.millimetresPerPixel === b.millimetresPerPixel &&
    a.width === b.width &&
    a.height === b.height &&
    near(a.center, b.center) &&
    near(a.basis.right, b.basis.right) &&
    near(a.basis.down, b.basis.down)
  );
}

export function screenToWorld(frame: ViewFrame, x: number, y: number): LpsPoint {
  const across = (x - frame.width / 2) * frame.millimetresPerPixel;
  const along = (y - frame.height / 2) * frame.millimetresPerPixel;
  return add(add(frame.center, frame.basis.right, across), frame.basis.down, along);
}

/** Pixels on the screen, and the distance in mm from the plane (positive away from the person). */
export function worldToScreen(frame: ViewFrame, point: LpsPoint): { readonly x: number; readonly y: number; readonly depth: number } {
  const offset = subtract(point, frame.center);
  return {
    x: frame.width / 2 + dot(offset, frame.basis.right) / frame.millimetresPerPixel,
    y: frame.height / 2 + dot(offset, frame.basis.down) / frame.millimetresPerPixel,
    depth: dot(offset, frame.basis.normal),
  };
}

/** Distance in mm between neighbouring slices along `normal`: the voxel spacing for a plane along an image axis, else the smallest spacing. */
export function sliceStep(grid: Grid, normal: Vector): number {
  const sizes = spacing(grid);
  for (let axis = 0; axis < 3; axis++) {
    if (Math.abs(dot(axisDirection(grid.affine, axis), normal)) > 0.9999) return sizes[axis as 0 | 1 | 2];
  }
  return Math.min(...sizes);
}

const letters: readonly (readonly [string, string])[] = [
  ['R', 'L'],
  ['A', 'P'],
  ['I', 'S'],
];

/** Where `direction` points in the patient, strongest first, as 'L', 'PS' …: components below 0.25 are left out. */
export function directionLetters(direction: Vector): string {
  return [0, 1, 2]
    .map((axis) => ({ axis, value: direction[axis as 0 | 1 | 2] }))
    .filter(({ value }) => Math.abs(value) > 0.25)
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .map(({ axis, value }) => letters[axis]?.[value > 0 ? 1 : 0] ?? '')
    .join('');
}
