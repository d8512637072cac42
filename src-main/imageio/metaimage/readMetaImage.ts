import { chosenVolume } from '../chosenVolume.ts';
import { hashOfVolume } from '../combinedHash.ts';
import { checkedVolume, voxelBytes } from '../checkVolume.ts';
import { asVoxels, type ElementType } from '../elements.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { readAnnouncedData, readTextHeader } from '../headerAndData.ts';
import type { DecodedImage, DecodeLimits } from '../types.ts';
import { placeOf, valuesOf } from './header.ts';

const types: Readonly<Record<string, ElementType>> = {
  MET_CHAR: 'int8',
  MET_UCHAR: 'uint8',
  MET_SHORT: 'int16',
  MET_USHORT: 'uint16',
  MET_INT: 'int32',
  MET_UINT: 'uint32',
  // Four bytes in MetaIO, whatever a machine's long is.
  MET_LONG: 'int32',
  MET_ULONG: 'uint32',
  MET_LONG_LONG: 'int64',
  MET_ULONG_LONG: 'uint64',
  MET_FLOAT: 'float32',
  MET_DOUBLE: 'float64',
};

/** Reads a .mha file, or a .mhd header with one data file beside it; of several volumes the named one (from 1). Throws `invalid-file` or `unsupported` with the file's name. */
export async function readMetaImage(path: string, { maxBytes }: DecodeLimits, volumeNumber: number | null = null): Promise<DecodedImage> {
  const { text, length: headerLength } = await readTextHeader(path, (all, isWhole) => {
    const last = /^ElementDataFile\s*=[^\r\n]*(\r?\n|$)/m.exec(all);
    return last && (last[1] !== '' || isWhole) ? last.index + last[0].length : -1;
  });
  const value = valuesOf(text);
  const isTrue = (...names: string[]): boolean => /^true$/i.test(value(...names) ?? '');
  const type = types[value('ElementType') ?? ''];
  if (!type)
    throw unsupportedFile(path, `stores voxels in a type that is not read here (${(value('ElementType') ?? 'none').slice(0, 40)}).`);
  if ((value('ElementNumberOfChannels') ?? '1') !== '1')
    throw unsupportedFile(path, 'holds several values a voxel; a volume of single intensities is needed.');
  const dataFile = value('ElementDataFile') ?? '';
  if (/^LIST\b|%/.test(dataFile) || /\s\d+\s+\d+/.test(dataFile))
    throw unsupportedFile(path, 'is spread over several data files; save it as one file.');
  const warnings: string[] = [];
  const { grid, volumes } = placeOf(path, value, warnings);
  const taken = chosenVolume(path, grid, volumes, volumeNumber);
  const isCompressed = isTrue('CompressedData');
  const headerSize = Number(value('HeaderSize') ?? 0);
  if (!Number.isInteger(headerSize) || headerSize < -1) throw invalidFile(path, 'says where its voxels begin in a way that cannot be.');
  const length = voxelBytes(path, grid.size, type);
  const { buffer, contentHash: fileHash } = await readAnnouncedData({
    headerPath: path,
    headerLength,
    dataFile: /^local$/i.test(dataFile) ? null : dataFile,
    compression: isCompressed ? 'zlib' : 'none',
    byteSkip: isCompressed ? 0 : headerSize,
    length,
    place: { number: taken, of: volumes },
    maxBytes,
  });
  const volume = checkedVolume(path, grid, asVoxels(buffer, type, !isTrue('BinaryDataByteOrderMSB', 'ElementByteOrderMSB')), warnings);
  const contentHash = volumes === 1 ? fileHash : hashOfVolume(fileHash, taken);
  return { volume, modality: modalityOf(value('Modality')), format: 'metaimage', contentHash, warnings, source: null };
}

function modalityOf(text: string | undefined): 'CT' | 'MR' | 'unknown' {
  return text === 'MET_MOD_CT' ? 'CT' : text === 'MET_MOD_MR' ? 'MR' : 'unknown';
}
