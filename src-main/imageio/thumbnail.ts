import { crc32, deflateSync } from 'node:zlib';
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

/** A grey picture as a PNG file. */
export function encodePng({ width, height, grey }: GreyPicture): Uint8Array {
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(grey.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits a sample; colour type 0 is grey
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
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
