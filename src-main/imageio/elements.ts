import type { VoxelArray } from '#shared/geometry/grid.ts';

/** How a voxel is stored in a file. 64-bit integers are read into float64. */
export type ElementType = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'float32' | 'float64';

export const elementBytes: Readonly<Record<ElementType, number>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
};

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reverses the bytes of every element in place. */
export function swapBytes(buffer: ArrayBuffer, width: number): void {
  if (width === 1) return;
  const bytes = Buffer.from(buffer);
  if (width === 2) bytes.swap16();
  else if (width === 4) bytes.swap32();
  else bytes.swap64();
}

/** The buffer as an array of its elements, without a copy but for 64-bit integers; swaps bytes in place where the file's order is the other one. */
export function asVoxels(buffer: ArrayBuffer, type: ElementType, littleEndian: boolean): VoxelArray {
  if (littleEndian !== hostIsLittleEndian) swapBytes(buffer, elementBytes[type]);
  switch (type) {
    case 'int8':
      return new Int8Array(buffer);
    case 'uint8':
      return new Uint8Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'uint16':
      return new Uint16Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int64':
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case 'uint64':
      return Float64Array.from(new BigUint64Array(buffer), Number);
  }
}

/** The file type that stores an array exactly. */
export function elementTypeOf(data: VoxelArray): Exclude<ElementType, 'int64' | 'uint64'> {
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Uint16Array) return 'uint16';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint32Array) return 'uint32';
  return data instanceof Float32Array ? 'float32' : 'float64';
}

/** value · slope + intercept. Integers stay what they are where slope is 1 and the sum fits their type; all else becomes float32. */
export function rescaled(data: VoxelArray, slope: number, intercept: number): VoxelArray {
  if (slope === 1 && intercept === 0) return data;
  if (slope === 1 && Number.isInteger(intercept) && data instanceof Int16Array) {
    let low = 32767,
      high = -32768;
    for (const value of data) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low + intercept >= -32768 && high + intercept <= 32767) {
      for (let n = 0; n < data.length; n++) data[n] = (data[n] as number) + intercept;
      return data;
    }
  }
  const scaled = data instanceof Float32Array || data instanceof Float64Array ? data : new Float32Array(data.length);
  for (let n = 0; n < data.length; n++) scaled[n] = (data[n] as number) * slope + intercept;
  return scaled;
}

/** How many voxels are NaN or infinite. */
export function countNonFinite(data: VoxelArray): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return 0;
  let count = 0;
  // x - x is 0 for every finite x alone.
  for (let n = 0; n < data.length; n++) if ((data[n] as number) - (data[n] as number) !== 0) count++;
  return count;
}

/** Replaces NaN and infinities by 0, in place. */
export function clearNonFinite(data: VoxelArray): void {
  for (let n = 0; n < data.length; n++) if (!Number.isFinite(data[n] as number)) data[n] = 0;
}
