import { StudioError } from '../base/errors.ts';
import type { Affine, Grid, IjkPoint, LpsPoint, Triple } from './grid.ts';

export const identityAffine: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

/** The map that applies `inner` first and then `outer`. */
export function composeAffine(outer: Affine, inner: Affine): Affine {
  const row = (r: 0 | 4 | 8): [number, number, number, number] => {
    const [x, y, z, t] = [outer[r], outer[r + 1] as number, outer[r + 2] as number, outer[r + 3] as number];
    return [
      x * inner[0] + y * inner[4] + z * inner[8],
      x * inner[1] + y * inner[5] + z * inner[9],
      x * inner[2] + y * inner[6] + z * inner[10],
      x * inner[3] + y * inner[7] + z * inner[11] + t,
    ];
  };
  return [...row(0), ...row(4), ...row(8)];
}

/** Determinant of the linear part: the signed volume of a voxel in mm³. */
export function determinant(a: Affine): number {
  return a[0] * (a[5] * a[10] - a[6] * a[9]) - a[1] * (a[4] * a[10] - a[6] * a[8]) + a[2] * (a[4] * a[9] - a[5] * a[8]);
}

/** True when every number is finite and no axis is degenerate, so that the affine can be inverted safely. */
export function isUsableAffine(a: Affine): boolean {
  if (!a.every(Number.isFinite)) return false;
  const lengths = [Math.hypot(a[0], a[4], a[8]), Math.hypot(a[1], a[5], a[9]), Math.hypot(a[2], a[6], a[10])];
  const product = (lengths[0] as number) * (lengths[1] as number) * (lengths[2] as number);
  return product > 0 && Number.isFinite(product) && Math.abs(determinant(a)) > 1e-6 * product;
}

/** Throws `invalid-argument` when the affine is singular. */
export function invertAffine(a: Affine): Affine {
  if (!isUsableAffine(a))
    throw new StudioError(
      'invalid-argument',
      'The position of this image in space is degenerate: two of its axes coincide or one has no length.',
    );
  const d = 1 / determinant(a);
  const m00 = (a[5] * a[10] - a[6] * a[9]) * d,
    m01 = (a[2] * a[9] - a[1] * a[10]) * d,
    m02 = (a[1] * a[6] - a[2] * a[5]) * d;
  const m10 = (a[6] * a[8] - a[4] * a[10]) * d,
    m11 = (a[0] * a[10] - a[2] * a[8]) * d,
    m12 = (a[2] * a[4] - a[0] * a[6]) * d;
  const m20 = (a[4] * a[9] - a[5] * a[8]) * d,
    m21 = (a[1] * a[8] - a[0] * a[9]) * d,
    m22 = (a[0] * a[5] - a[1] * a[4]) * d;
  return [
    m00,
    m01,
    m02,
    -(m00 * a[3] + m01 * a[7] + m02 * a[11]),
    m10,
    m11,
    m12,
    -(m10 * a[3] + m11 * a[7] + m12 * a[11]),
    m20,
    m21,
    m22,
    -(m20 * a[3] + m21 * a[7] + m22 * a[11]),
  ];
}

export function applyAffine(a: Affine, [x, y, z]: Triple): Triple {
  return [a[0] * x + a[1] * y + a[2] * z + a[3], a[4] * x + a[5] * y + a[6] * z + a[7], a[8] * x + a[9] * y + a[10] * z + a[11]];
}

/** Turns an affine into RAS millimetres into one into LPS millimetres, or back: its own inverse. */
export function flipRasLps(a: Affine): Affine {
  // 0 - x rather than -x, so that 0 does not become -0.
  return [0 - a[0], 0 - a[1], 0 - a[2], 0 - a[3], 0 - a[4], 0 - a[5], 0 - a[6], 0 - a[7], a[8], a[9], a[10], a[11]];
}

/** Where a continuous voxel index lies in the world, LPS millimetres. */
export function ijkToLps(grid: Grid, point: IjkPoint): LpsPoint {
  return applyAffine(grid.affine, point) as LpsPoint;
}

/** The continuous voxel index of a point in the world (LPS millimetres). Throws `invalid-argument` on a degenerate grid. */
export function lpsToIjk(grid: Grid, point: LpsPoint): IjkPoint {
  return applyAffine(invertAffine(grid.affine), point) as IjkPoint;
}

export interface AffineParts {
  /** Centre of voxel (0, 0, 0) in the world, millimetres. */
  readonly origin: Triple;
  /** Unit vectors of the i, j and k axes in the world. */
  readonly axes: readonly [Triple, Triple, Triple];
  /** Millimetres between voxel centres along i, j, k. */
  readonly spacing: Triple;
}

export function affineFrom({ origin, axes: [i, j, k], spacing: [si, sj, sk] }: AffineParts): Affine {
  return [
    i[0] * si,
    j[0] * sj,
    k[0] * sk,
    origin[0],
    i[1] * si,
    j[1] * sj,
    k[1] * sk,
    origin[1],
    i[2] * si,
    j[2] * sj,
    k[2] * sk,
    origin[2],
  ];
}

/** The inverse of `affineFrom`; an axis without length gives NaN directions. */
export function affineParts(a: Affine): AffineParts {
  const column = (c: 0 | 1 | 2): Triple => [a[c], a[c + 4] as number, a[c + 8] as number];
  const columns = [column(0), column(1), column(2)] as const;
  const lengths = columns.map((v) => Math.hypot(...v)) as [number, number, number];
  const unit = (c: 0 | 1 | 2): Triple => columns[c].map((x) => x / lengths[c]) as [number, number, number];
  return { origin: [a[3], a[7], a[11]], axes: [unit(0), unit(1), unit(2)], spacing: lengths };
}
