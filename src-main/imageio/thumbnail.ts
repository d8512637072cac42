import { spacing, type Volume } from '#shared/geometry/grid.ts';
import { reorientVolume } from '#shared/geometry/orientation.ts';

/** Grey picture, rows from the top, 0 black to 255 white. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly grey: Uint8Array;
}

export interface ThumbnailOptions {
  /** Pixels along the longer side, 128 where not given. */
  readonly size?: number;
  /** Intensities shown as black and white; the 1st and 99th percentile where not given. */
  readonly window?: readonly [number, number];
}

/** The middle axial slice as a radiologist sees it (patient's right on the left, front on top), in square pixels. */
export function thumbnail(volume: Volume, { size = 128, window }: ThumbnailOptions = {}): GreyPicture {
  const middle = middleSlice(volume);
  const [low, high] = window ?? percentiles(middle.values);
  const scale = size / Math.max(middle.columns * middle.dx, middle.rows * middle.dy);
  const width = Math.max(1, Math.round(middle.columns * middle.dx * scale)),
    height = Math.max(1, Math.round(middle.rows * middle.dy * scale));
  const grey = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.min(middle.rows - 1, Math.floor(((y + 0.5) * middle.rows) / height));
    for (let x = 0; x < width; x++) {
      const column = Math.min(middle.columns - 1, Math.floor(((x + 0.5) * middle.columns) / width));
      const value = middle.values[row * middle.columns + column] as number;
      grey[y * width + x] = Math.max(0, Math.min(255, Math.round((255 * (value - low)) / (high - low || 1))));
    }
  }
  return { width, height, grey };
}

function middleSlice(volume: Volume): { values: Float64Array; columns: number; rows: number; dx: number; dy: number } {
  // LPS axes are a picture's axes: columns towards the patient's left, rows towards the back.
  const { grid, data } = reorientVolume(volume, 'LPS');
  const [columns, rows, slices] = grid.size;
  const [dx, dy] = spacing(grid);
  const start = Math.floor(slices / 2) * columns * rows;
  return { values: Float64Array.from(data.subarray(start, start + columns * rows)), columns, rows, dx, dy };
}

function percentiles(values: Float64Array): [number, number] {
  const sorted = values.slice().sort();
  const at = (fraction: number): number => sorted[Math.floor(fraction * (sorted.length - 1))] ?? 0;
  return [at(0.01), at(0.99)];
}
