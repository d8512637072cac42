import { affineParts, determinant, flipRasLps } from '#shared/geometry/affine.ts';
import { spacing, type Affine, type Grid, type Volume } from '#shared/geometry/grid.ts';
import { elementTypeOf } from '../elements.ts';
import type { FileLabel } from '../types.ts';
import { encodeLabelTable } from './labelTable.ts';

const datatypes = { uint8: 2, int16: 4, int32: 8, float32: 16, float64: 64, int8: 256, uint16: 512, uint32: 768 } as const;
const headerBytes = 348;
const headerBytesOfVersion2 = 540;

/**
 * A volume as the bytes of a NIfTI-1 file, little-endian, in pieces that are written one after the other: the header, then the voxels
 * as they lie in memory. Names of labels stand between them, where there are any. sform carries the affine; qform too where the axes are perpendicular. NIfTI-2 only where sizes above 32,767 or precision need it.
 */
export function encodeNifti(volume: Volume, description = '', labels: readonly FileLabel[] = []): readonly Uint8Array[] {
  const { data } = volume;
  const table = labels.length === 0 ? new Uint8Array(4) : encodeLabelTable(labels);
  const header =
    volume.grid.size.some((n) => n > 32767) || !fitsSinglePrecision(volume.grid)
      ? headerOfVersion2(volume, description, table.length)
      : headerOfVersion1(volume, description, table.length);
  return [new Uint8Array(Buffer.concat([header, table])), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

function headerOfVersion1({ grid, data }: Volume, description: string, tableBytes: number): Uint8Array {
  const type = elementTypeOf(data);
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  const ras = flipRasLps(grid.affine);
  const quaternion = quaternionOf(ras);
  view.setInt32(0, 348, true);
  [3, ...grid.size, 1, 1, 1, 1].forEach((n, axis) => {
    view.setInt16(40 + 2 * axis, n, true);
  });
  view.setInt16(70, datatypes[type], true);
  view.setInt16(72, data.BYTES_PER_ELEMENT * 8, true);
  [quaternion?.qfac ?? 1, ...spacing(grid), 0, 0, 0, 0].forEach((mm, axis) => {
    view.setFloat32(76 + 4 * axis, mm, true);
  });
  view.setFloat32(108, headerBytes + tableBytes, true);
  view.setFloat32(112, 1, true);
  bytes[123] = 2; // millimetres
  bytes.set(new TextEncoder().encode(description).subarray(0, 79), 148);
  view.setInt16(252, quaternion ? 1 : 0, true);
  view.setInt16(254, 1, true);
  (quaternion?.bcd ?? [0, 0, 0]).forEach((x, n) => {
    view.setFloat32(256 + 4 * n, x, true);
  });
  [ras[3], ras[7], ras[11]].forEach((mm, n) => {
    view.setFloat32(268 + 4 * n, mm, true);
  });
  ras.forEach((x, n) => {
    view.setFloat32(280 + 4 * n, x, true);
  });
  bytes.set([0x6e, 0x2b, 0x31, 0], 344); // n+1
  return bytes;
}

function headerOfVersion2({ grid, data }: Volume, description: string, tableBytes: number): Uint8Array {
  const type = elementTypeOf(data);
  const bytes = new Uint8Array(headerBytesOfVersion2);
  const view = new DataView(bytes.buffer);
  const ras = flipRasLps(grid.affine);
  view.setInt32(0, 540, true);
  bytes.set([0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a], 4); // n+2
  view.setInt16(12, datatypes[type], true);
  view.setInt16(14, data.BYTES_PER_ELEMENT * 8, true);
  [3, ...grid.size, 1, 1, 1, 1].forEach((n, axis) => {
    view.setBigInt64(16 + 8 * axis, BigInt(n), true);
  });
  [1, ...spacing(grid), 0, 0, 0, 0].forEach((mm, axis) => {
    view.setFloat64(104 + 8 * axis, mm, true);
  });
  view.setBigInt64(168, BigInt(headerBytesOfVersion2 + tableBytes), true);
  view.setFloat64(176, 1, true);
  bytes.set(new TextEncoder().encode(description).subarray(0, 79), 240);
  view.setInt32(348, 1, true);
  ras.forEach((x, n) => {
    view.setFloat64(400 + 8 * n, x, true);
  });
  view.setInt32(500, 2, true);
  return bytes;
}

/** The rotation of an affine with perpendicular axes as a unit quaternion (a implied), and qfac; null for a sheared one. */
function quaternionOf(affine: Affine): { bcd: [number, number, number]; qfac: 1 | -1 } | null {
  const {
    axes: [i, j, k],
  } = affineParts(affine);
  const dot = (u: readonly number[], v: readonly number[]): number => u.reduce((sum, x, n) => sum + x * (v[n] as number), 0);
  if (Math.max(Math.abs(dot(i, j)), Math.abs(dot(i, k)), Math.abs(dot(j, k))) > 1e-5) return null;
  const qfac = determinant(affine) < 0 ? -1 : 1;
  const [r11, r21, r31] = i,
    [r12, r22, r32] = j;
  const [r13, r23, r33] = k.map((x) => x * qfac) as [number, number, number];
  // Each quaternion component from its own diagonal sum; the signs from the largest, for accuracy near 180°.
  const squares = [1 + r11 + r22 + r33, 1 + r11 - r22 - r33, 1 - r11 + r22 - r33, 1 - r11 - r22 + r33];
  const largest = squares.indexOf(Math.max(...squares));
  const s = 2 * Math.sqrt(squares[largest] as number);
  const [a, b, c, d] = [
    [s / 4, (r32 - r23) / s, (r13 - r31) / s, (r21 - r12) / s],
    [(r32 - r23) / s, s / 4, (r12 + r21) / s, (r13 + r31) / s],
    [(r13 - r31) / s, (r12 + r21) / s, s / 4, (r23 + r32) / s],
    [(r21 - r12) / s, (r13 + r31) / s, (r23 + r32) / s, s / 4],
  ][largest] as [number, number, number, number];
  const sign = a < 0 ? -1 : 1;
  return { bcd: [b * sign, c * sign, d * sign], qfac };
}

/** Whether float32 (NIfTI-1) holds the affine to within a tolerance in millimetres at every corner. */
function fitsSinglePrecision(grid: Grid, toleranceMm = 1e-3): boolean {
  const reach = grid.affine.map((x, n) => Math.abs(x - Math.fround(x)) * (n % 4 === 3 ? 1 : grid.size[(n % 4) as 0 | 1 | 2] - 1));
  return [0, 4, 8].every((row) => reach.slice(row, row + 4).reduce((sum, mm) => sum + mm, 0) <= toleranceMm);
}
