import { createHash } from 'node:crypto';
import { ByteSource, type Compression } from '../byteSource.ts';
import { checkedVolume, voxelBytes } from '../checkVolume.ts';
import { chosenVolume } from '../chosenVolume.ts';
import { hashOfVolume } from '../combinedHash.ts';
import { asVoxels, rescaled } from '../elements.ts';
import type { DecodedImage, DecodeLimits } from '../types.ts';
import { niftiHeaderBytes, parseNiftiHeader } from './header.ts';
import { parseLabelTable } from './labelTable.ts';

const mostExtensionBytes = 4 << 20;

/** Reads a .nii or .nii.gz file, of several volumes the named one (from 1). Throws `invalid-file` or `unsupported` with the file's name. */
export async function readNifti(
  path: string,
  compression: Compression,
  limits: DecodeLimits,
  volumeNumber: number | null = null,
): Promise<DecodedImage> {
  const hash = createHash('sha256');
  const source = await ByteSource.open(path, { compression, hash });
  try {
    const head = await source.take(niftiHeaderBytes);
    const header = parseNiftiHeader(path, head);
    const headerEnd = header.version === 1 ? 348 : 540;
    const taken = chosenVolume(path, header.grid, header.volumes, volumeNumber);
    const gap = header.voxelOffset - head.length;
    const between = gap > 0 && gap <= mostExtensionBytes ? await source.take(gap) : new Uint8Array(0);
    if (gap > mostExtensionBytes) await source.skip(gap);
    const extensions = new Uint8Array(Buffer.concat([head.subarray(headerEnd, header.voxelOffset), between]));
    const bytes = voxelBytes(path, header.grid.size, header.type);
    const begun = head.subarray(Math.min(header.voxelOffset, head.length));
    const before = (taken - 1) * bytes;
    // Of a tiny image, all or a part of the volumes before may lie in what was taken for the header.
    if (before > begun.length) await source.skip(before - begun.length);
    const buffer = await source.takeExactly(bytes, limits.maxBytes, begun.subarray(Math.min(before, begun.length)));
    await source.skip(Math.max(0, (header.volumes - taken) * bytes - Math.max(0, begun.length - before - bytes)));
    await source.finish();
    const warnings = [...header.warnings];
    const stored = asVoxels(buffer, header.type, header.littleEndian);
    const volume = checkedVolume(path, header.grid, rescaled(stored, header.slope, header.intercept), warnings);
    return {
      volume,
      modality: 'unknown',
      format: header.version === 1 ? 'nifti1' : 'nifti2',
      contentHash: volumeNumber === null || header.volumes === 1 ? hash.digest('hex') : hashOfVolume(hash.digest('hex'), taken),
      warnings,
      source: null,
      fileLabels: parseLabelTable(extensions, header.littleEndian),
    };
  } finally {
    source.close();
  }
}
