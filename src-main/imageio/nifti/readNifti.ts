import { createHash } from 'node:crypto';
import { ByteSource, type Compression } from '../byteSource.ts';
import { checkedVolume, voxelBytes } from '../checkVolume.ts';
import { asVoxels, rescaled } from '../elements.ts';
import type { DecodedImage, DecodeLimits } from '../types.ts';
import { niftiHeaderBytes, parseNiftiHeader } from './header.ts';

/** Reads a .nii or .nii.gz file. Throws `invalid-file` or `unsupported` with the file's name. */
export async function readNifti(path: string, compression: Compression, limits: DecodeLimits): Promise<DecodedImage> {
  const hash = createHash('sha256');
  const source = await ByteSource.open(path, { compression, hash });
  try {
    const head = await source.take(niftiHeaderBytes);
    const header = parseNiftiHeader(path, head);
    if (header.voxelOffset > head.length) await source.skip(header.voxelOffset - head.length);
    const bytes = voxelBytes(path, header.grid.size, header.type);
    const buffer = await source.takeExactly(bytes, limits.maxBytes, head.subarray(Math.min(header.voxelOffset, head.length)));
    await source.finish();
    const warnings = [...header.warnings];
    const stored = asVoxels(buffer, header.type, header.littleEndian);
    const volume = checkedVolume(path, header.grid, rescaled(stored, header.slope, header.intercept), warnings);
    return { volume, modality: 'unknown', format: header.version === 1 ? 'nifti1' : 'nifti2', contentHash: hash.digest('hex'), warnings, source: null };
  } finally {
    source.close();
  }
}
