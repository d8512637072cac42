import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { Volume } from '#shared/geometry/grid.ts';
import { elementTypeOf } from '../elements.ts';
import type { FileLabel } from '../types.ts';

/** A volume as an NRRD file (gzip encoding, LPS), with segment names and colours the way 3D Slicer reads them. */
export async function encodeNrrd({ grid, data }: Volume, labels: readonly FileLabel[] = []): Promise<readonly Uint8Array[]> {
  const a = grid.affine;
  const vector = (...xs: number[]): string => `(${xs.join(',')})`;
  const lines = [
    'NRRD0005',
    `type: ${elementTypeOf(data) === 'float32' ? 'float' : elementTypeOf(data) === 'float64' ? 'double' : elementTypeOf(data)}`,
    'dimension: 3',
    'space: left-posterior-superior',
    `sizes: ${grid.size.join(' ')}`,
    `space directions: ${vector(a[0], a[4], a[8])} ${vector(a[1], a[5], a[9])} ${vector(a[2], a[6], a[10])}`,
    'kinds: domain domain domain',
    'endian: little',
    'encoding: gzip',
    `space origin: ${vector(a[3], a[7], a[11])}`,
    ...labels.flatMap(segmentLines),
  ];
  const packed = await promisify(gzip)(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), { level: 4 });
  return [new TextEncoder().encode(`${lines.join('\n')}\n\n`), packed];
}

function segmentLines({ value, name, color }: FileLabel, index: number): string[] {
  // A line break in a name would begin another header field.
  const clean = (name ?? `Label ${value}`).replace(/[\p{Cc}]/gu, ' ');
  const lines = [
    `Segment${index}_ID:=Segment_${value}`,
    `Segment${index}_LabelValue:=${value}`,
    `Segment${index}_Layer:=0`,
    `Segment${index}_Name:=${clean}`,
  ];
  const rgb = color?.match(/[0-9a-f]{2}/gi)?.map((hex) => (parseInt(hex, 16) / 255).toFixed(4));
  return rgb?.length === 3 ? [...lines, `Segment${index}_Color:=${rgb.join(' ')}`] : lines;
}
