import type { Compression } from '../byteSource.ts';
import { checkedVolume, voxelBytes } from '../checkVolume.ts';
import { asVoxels } from '../elements.ts';
import { unsupportedFile } from '../failure.ts';
import { readAnnouncedData, readTextHeader } from '../headerAndData.ts';
import type { DecodedImage, DecodeLimits } from '../types.ts';
import { parseNrrdHeader } from './header.ts';

/** Reads an NRRD file with its voxels inside, or in one file beside it. Throws `invalid-file` or `unsupported` with the file's name. */
export async function readNrrd(path: string, compression: Compression, { maxBytes }: DecodeLimits): Promise<DecodedImage> {
  if (compression !== 'none') throw unsupportedFile(path, 'is an NRRD file packed as a whole; unpack it first.');
  const { text, length: headerLength } = await readTextHeader(path, (all, isWhole) => {
    const blank = /\r?\n\r?\n/.exec(all);
    // A detached header may end with the file.
    return blank ? blank.index + blank[0].length : isWhole && /^data ?file\s*:/im.test(all) ? all.length : -1;
  });
  const header = parseNrrdHeader(path, text);
  const length = voxelBytes(path, header.grid.size, header.type);
  const { buffer, contentHash } = await readAnnouncedData({ headerPath: path, headerLength, dataFile: header.dataFile, compression: header.compression, byteSkip: header.byteSkip, length, maxBytes });
  const warnings = [...header.warnings];
  const volume = checkedVolume(path, header.grid, asVoxels(buffer, header.type, header.littleEndian), warnings);
  return { volume, modality: 'unknown', format: 'nrrd', contentHash, warnings, source: null, fileLabels: header.labels };
}
