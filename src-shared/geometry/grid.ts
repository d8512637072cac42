/**
 * A voxel grid in the world. World is LPS millimetres (DICOM's convention); RAS lives in imageio/nifti alone.
 * Image memory is i + j·ni + k·ni·nj, so that for a network input D=k, H=j, W=i.
 */
declare const space: unique symbol;
type Branded<Name extends string> = readonly [number, number, number] & { readonly [space]?: Name };

/** A point in the world, LPS millimetres. */
export type LpsPoint = Branded<'lps'>;
/** Continuous voxel index (i, j, k); integer values are voxel centres. */
export type IjkPoint = Branded<'ijk'>;

export type Triple = readonly [number, number, number];

/** 3×4 row-major affine: world_r = m[4r]·i + m[4r+1]·j + m[4r+2]·k + m[4r+3]. */
export type Affine = readonly [number, number, number, number, number, number, number, number, number, number, number, number];

export interface Grid {
  /** Voxels along i, j, k: positive integers. */
  readonly size: Triple;
  /** Voxel index to LPS millimetres. */
  readonly affine: Affine;
}

export type VoxelArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** Voxels with their place in the world; `data.length` is the product of `grid.size`. */
export interface Volume<A extends VoxelArray = VoxelArray> {
  readonly grid: Grid;
  readonly data: A;
}

/** Label volume: 0 is background, other values are label values of a label set. */
export type LabelVolume = Volume<Uint8Array> | Volume<Uint16Array>;

export function voxelCount(grid: Grid): number {
  return grid.size[0] * grid.size[1] * grid.size[2];
}

/** Distance in millimetres between neighbouring voxel centres along i, j, k. */
export function spacing(grid: Grid): Triple {
  const m = grid.affine;
  return [Math.hypot(m[0], m[4], m[8]), Math.hypot(m[1], m[5], m[9]), Math.hypot(m[2], m[6], m[10])];
}
