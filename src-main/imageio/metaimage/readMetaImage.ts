import { affineFrom } from '#shared/geometry/affine.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { checkedGrid, checkedVolume, voxelBytes } from '../checkVolume.ts';
import { asVoxels, type ElementType } from '../elements.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { readAnnouncedData, readTextHeader } from '../headerAndData.ts';
import type { DecodedImage, DecodeLimits } from '../types.ts';

const types: Readonly<Record<string, ElementType>> = {
  MET_CHAR: 'int8', MET_UCHAR: 'uint8', MET_SHORT: 'int16', MET_USHORT: 'uint16', MET_INT: 'int32', MET_UINT: 'uint32',
  MET_LONG_LONG: 'int64', MET_ULONG_LONG: 'uint64', MET_FLOAT: 'float32', MET_DOUBLE: 'float64',
};

/** Reads a .mha file, or a .mhd header with one data file beside it. Throws `invalid-file` or `unsupported` with the file's name. */
export async function readMetaImage(path: string, { maxBytes }: DecodeLimits): Promise<DecodedImage> {
  const { text, length: headerLength } = await readTextHeader(path, (all, isWhole) => {
    const last = /^ElementDataFile\s*=[^\r\n]*(\r?\n|$)/m.exec(all);
    return last && (last[1] !== '' || isWhole) ? last.index + last[0].length : -1;
  });
  const fields = new Map([...text.matchAll(/^\s*(\w+)\s*=\s*(.*?)\s*$/gm)].map((match) => [match[1] as string, match[2] as string]));
  const value = (...names: string[]): string | undefined => names.map((name) => fields.get(name)).find((found) => found !== undefined);
  const isTrue = (...names: string[]): boolean => /^true$/i.test(value(...names) ?? '');
  const type = types[value('ElementType') ?? ''];
  if (!type) throw unsupportedFile(path, `stores voxels in a type that is not read here (${(value('ElementType') ?? 'none').slice(0, 40)}).`);
  if ((value('ElementNumberOfChannels') ?? '1') !== '1') throw unsupportedFile(path, 'holds several values a voxel; a volume of single intensities is needed.');
  const dataFile = value('ElementDataFile') ?? '';
  if (/^LIST\b|%/.test(dataFile) || /\s\d+\s+\d+/.test(dataFile)) throw unsupportedFile(path, 'is spread over several data files; save it as one file.');
  const warnings: string[] = [];
  const grid = gridOf(path, value, warnings);
  const isCompressed = isTrue('CompressedData');
  const headerSize = Number(value('HeaderSize') ?? 0);
  if (!Number.isInteger(headerSize) || headerSize < -1) throw invalidFile(path, 'says where its voxels begin in a way that cannot be.');
  const length = voxelBytes(path, grid.size, type);
  const { buffer, contentHash } = await readAnnouncedData({
    headerPath: path, headerLength, dataFile: /^local$/i.test(dataFile) ? null : dataFile, compression: isCompressed ? 'zlib' : 'none',
    byteSkip: isCompressed ? 0 : headerSize, length, maxBytes,
  });
  const volume = checkedVolume(path, grid, asVoxels(buffer, type, !isTrue('BinaryDataByteOrderMSB', 'ElementByteOrderMSB')), warnings);
  return { volume, modality: modalityOf(value('Modality')), format: 'metaimage', contentHash, warnings, source: null };
}

function gridOf(path: string, value: (...names: string[]) => string | undefined, warnings: string[]): Grid {
  const rank = Number(value('NDims'));
  const numbers = (text: string | undefined): number[] | undefined => text?.split(/\s+/).map(Number);
  const sizes = numbers(value('DimSize')) ?? [];
  if (!(rank >= 1 && rank <= 10) || sizes.length !== rank) throw invalidFile(path, 'contradicts itself about its size.');
  if (rank > 3 && sizes.slice(3).some((n) => n !== 1)) throw unsupportedFile(path, `is ${rank}-dimensional (${sizes.join(' × ')}); split it into single 3-D volumes first.`);
  if (rank < 3) throw unsupportedFile(path, 'is a flat picture, not a volume.');
  const spacing = (numbers(value('ElementSpacing', 'ElementSize')) ?? [1, 1, 1]).slice(0, 3);
  const origin = (numbers(value('Offset', 'Position', 'Origin')) ?? [0, 0, 0]).slice(0, 3);
  const matrix = numbers(value('TransformMatrix', 'Rotation', 'Orientation'));
  if (!matrix && !value('Offset', 'Position', 'Origin')) warnings.push('The file does not say where it lies in the patient; left and right are unknown.');
  // Each row of the file's matrix is the direction of one voxel axis.
  const axis = (n: number): Triple => {
    const row = matrix ? matrix.slice(n * rank, n * rank + 3) : [0, 1, 2].map((x) => (x === n ? 1 : 0));
    if (row.length !== 3) throw invalidFile(path, 'gives directions that are not three-dimensional.');
    return row as unknown as Triple;
  };
  if (spacing.length !== 3 || origin.length !== 3) throw invalidFile(path, 'contradicts itself about its position.');
  return checkedGrid(path, sizes.slice(0, 3), affineFrom({ origin: origin as unknown as Triple, axes: [axis(0), axis(1), axis(2)], spacing: spacing as unknown as Triple }));
}

function modalityOf(text: string | undefined): 'CT' | 'MR' | 'unknown' {
  return text === 'MET_MOD_CT' ? 'CT' : text === 'MET_MOD_MR' ? 'MR' : 'unknown';
}
