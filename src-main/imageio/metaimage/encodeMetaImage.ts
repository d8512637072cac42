import { affineParts } from '#shared/geometry/affine.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { zlibCompressed } from '../writePieces.ts';
import { elementTypeOf } from '../elements.ts';

const types = {
  int8: 'MET_CHAR',
  uint8: 'MET_UCHAR',
  int16: 'MET_SHORT',
  uint16: 'MET_USHORT',
  int32: 'MET_INT',
  uint32: 'MET_UINT',
  float32: 'MET_FLOAT',
  float64: 'MET_DOUBLE',
} as const;

/** A volume as a compressed .mha file (LPS, as ITK writes it). */
export async function encodeMetaImage({ grid, data }: Volume): Promise<readonly Uint8Array[]> {
  const { origin, axes, spacing } = affineParts(grid.affine);
  const packed = await zlibCompressed([new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  const lines = [
    'ObjectType = Image',
    'NDims = 3',
    'BinaryData = True',
    'BinaryDataByteOrderMSB = False',
    'CompressedData = True',
    `CompressedDataSize = ${packed.length}`,
    `TransformMatrix = ${axes.flat().join(' ')}`,
    `Offset = ${origin.join(' ')}`,
    'CenterOfRotation = 0 0 0',
    'AnatomicalOrientation = RAI',
    `ElementSpacing = ${spacing.join(' ')}`,
    `DimSize = ${grid.size.join(' ')}`,
    `ElementType = ${types[elementTypeOf(data)]}`,
    'ElementDataFile = LOCAL',
  ];
  return [new TextEncoder().encode(`${lines.join('\n')}\n`), packed];
}
