import { spacing, type Grid, type LabelVolume, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { anatomicalAxes, axisDirection } from '#shared/geometry/viewPlane.ts';

/** A slice and its labels, rows from the top, one byte a pixel. */
export interface SlicePicture {
  readonly width: number;
  readonly height: number;
  /** 0 black to 255 white. */
  readonly grey: Uint8Array;
  readonly labels: Uint8Array;
}

export interface SlicePictureOptions {
  /** Along the image axis closest to the patient's own (`axialAxis`), 0 …. */
  readonly slice: number;
  /** Pixels along the longer side. */
  readonly size: number;
  /** Intensities shown as black and white. */
  readonly window: readonly [number, number];
  /** Labels that are seen wherever a pixel holds a voxel of theirs, so that a small one is not lost. */
  readonly keep: readonly number[];
}

/** The image axis whose slices are axial. */
export const axialAxis = (grid: Grid): 0 | 1 | 2 => anatomicalAxes(grid.affine).axes[2] as 0 | 1 | 2;

/** An axial slice as a radiologist sees it (patient's right on the left, front on top), in square pixels. Image and mask have one grid. */
export function slicePicture(
  image: Volume,
  mask: LabelVolume,
  { slice, size, window: [low, high], keep }: SlicePictureOptions,
): SlicePicture {
  const { grid } = image;
  const { axes } = anatomicalAxes(grid.affine);
  const strides: Triple = [1, grid.size[0], grid.size[0] * grid.size[1]];
  const along = (world: 0 | 1): { count: number; millimetres: number; at: (index: number) => number } => {
    const axis = axes[world] as 0 | 1 | 2;
    const count = grid.size[axis];
    const flipped = axisDirection(grid.affine, axis)[world] < 0;
    return { count, millimetres: spacing(grid)[axis], at: (index) => (flipped ? count - 1 - index : index) * strides[axis] };
  };
  const [across, down] = [along(0), along(1)];
  const start = slice * strides[axes[2] as 0 | 1 | 2];
  const scale = size / Math.max(across.count * across.millimetres, down.count * down.millimetres);
  const width = Math.max(1, Math.round(across.count * across.millimetres * scale));
  const height = Math.max(1, Math.round(down.count * down.millimetres * scale));
  const grey = new Uint8Array(width * height);
  const labels = new Uint8Array(width * height);
  const kept = new Set(keep);
  /** First voxel of a pixel, the one in its middle, and the one behind its last. */
  const span = (pixel: number, pixels: number, count: number): Triple => {
    const first = Math.floor((pixel * count) / pixels);
    return [
      first,
      Math.min(count - 1, Math.floor(((pixel + 0.5) * count) / pixels)),
      Math.max(first + 1, Math.floor(((pixel + 1) * count) / pixels)),
    ];
  };
  for (let y = 0; y < height; y++) {
    const [top, row, bottom] = span(y, height, down.count);
    for (let x = 0; x < width; x++) {
      const [left, column, right] = span(x, width, across.count);
      const at = start + across.at(column) + down.at(row);
      let label = mask.data[at] as number;
      for (let j = top; j < bottom && !kept.has(label); j++) {
        for (let i = left; i < right && !kept.has(label); i++) {
          const near = mask.data[start + across.at(i) + down.at(j)] as number;
          if (kept.has(near)) label = near;
        }
      }
      const value = ((image.data[at] as number) - low) / (high - low || 1);
      grey[y * width + x] = Math.max(0, Math.min(255, Math.round(255 * value)));
      labels[y * width + x] = Math.min(255, label);
    }
  }
  return { width, height, grey, labels };
}
