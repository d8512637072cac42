import type { Random } from '#shared/base/random.ts';
import type { Augmentation } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Region } from './caseFile.ts';

/** Points per axis of the coarse grid that carries elastic displacements. */
export const controlPoints = 5;

/** Where each voxel of a patch takes its value: source = matrix · (patch voxel − patch centre) + centre + displacement. Axes i, j, k. */
export interface SpatialTransform {
  /** Row-major 3×3, source voxels per patch voxel. */
  readonly matrix: Float64Array;
  readonly centre: Triple;
  /** controlPoints³ points × 3 source-voxel displacements, i fastest; undefined: none. */
  readonly displacement: Float32Array | undefined;
}

type Matrix = Float64Array;

function multiply(a: Matrix, b: Matrix): Matrix {
  const out = new Float64Array(9);
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += (a[r * 3 + k] as number) * (b[k * 3 + c] as number);
      out[r * 3 + c] = sum;
    }
  }
  return out;
}

function rotationAbout(axis: 0 | 1 | 2, radians: number): Matrix {
  const [u, v] = axis === 0 ? [1, 2] : axis === 1 ? [2, 0] : [0, 1];
  const out = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  out[(u as number) * 4] = Math.cos(radians);
  out[(v as number) * 4] = Math.cos(radians);
  out[(u as number) * 3 + (v as number)] = -Math.sin(radians);
  out[(v as number) * 3 + (u as number)] = Math.sin(radians);
  return out;
}

/** A factor in [1/largest, largest], uniform in its logarithm. */
export function randomFactor(random: Random, largest: number): number {
  return Math.exp(random.uniform(-1, 1) * Math.log(largest));
}

/**
 * Draws a transform about `centre` (source voxels). Rotation and scaling happen in millimetres, so that anisotropic voxels stay true;
 * `mirrorAxes` are the patch axes (i, j, k) that may be mirrored. With `sliceAxis` the volume is a stack of slices across that axis: all
 * but mirroring then happens within the slices, for between two thick ones there is nothing to take values from.
 */
export function drawTransform(
  random: Random,
  augmentation: Augmentation,
  spacing: Triple,
  centre: Triple,
  mirrorAxes: readonly (0 | 1 | 2)[],
  sliceAxis?: 0 | 1 | 2,
): SpatialTransform {
  let matrix: Matrix = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  let displacement: Float32Array | undefined;
  if (random.next() < augmentation.spatialShare) {
    const angle = (augmentation.rotation * Math.PI) / 180;
    for (const axis of [0, 1, 2] as const) {
      const turned = random.uniform(-angle, angle);
      if (sliceAxis === undefined || axis === sliceAxis) matrix = multiply(matrix, rotationAbout(axis, turned));
    }
    const zoom = randomFactor(random, augmentation.scale);
    for (let r = 0; r < 3; r++) {
      for (let c = 0; c < 3; c++) {
        const factor = r === sliceAxis ? 1 : zoom;
        matrix[r * 3 + c] = ((matrix[r * 3 + c] as number) * factor * spacing[c as 0 | 1 | 2]) / spacing[r as 0 | 1 | 2];
      }
    }
    if (augmentation.elastic > 0) {
      displacement = new Float32Array(controlPoints ** 3 * 3);
      for (let at = 0; at < displacement.length; at++)
        displacement[at] = (at % 3 === sliceAxis ? 0 : augmentation.elastic) * random.normal();
    }
  }
  if (augmentation.mirror) {
    for (const axis of mirrorAxes)
      if (random.next() < 0.5) for (let r = 0; r < 3; r++) matrix[r * 3 + axis] = -(matrix[r * 3 + axis] as number);
  }
  return { matrix, centre, displacement };
}

/** The smallest box of source voxels, inside the case, that a patch of `size` needs under a transform; sides are at least one. */
export function neededRegion({ matrix, centre, displacement }: SpatialTransform, size: Triple, caseSize: Triple): Region {
  let reach = 0;
  for (const value of displacement ?? []) reach = Math.max(reach, Math.abs(value));
  const low: number[] = [];
  const extent: number[] = [];
  for (let axis = 0; axis < 3; axis++) {
    let half = reach + 1;
    for (let c = 0; c < 3; c++) half += Math.abs(matrix[axis * 3 + c] as number) * ((size[c as 0 | 1 | 2] - 1) / 2);
    const last = caseSize[axis as 0 | 1 | 2] - 1;
    const from = Math.min(last, Math.max(0, Math.floor(centre[axis as 0 | 1 | 2] - half)));
    const to = Math.max(from, Math.min(last, Math.ceil(centre[axis as 0 | 1 | 2] + half)));
    low.push(from);
    extent.push(to - from + 1);
  }
  return { low: low as unknown as Triple, size: extent as unknown as Triple };
}
