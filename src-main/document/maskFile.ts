import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { decodeMask, encodeMask } from '#shared/segmentation/index.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { fileError } from '#main/files/fileError.ts';

/**
 * Stores a mask that nobody edits: a prediction, or an accepted revision. A prediction is thus a layer of its own and never
 * touches human work. Resolves to the SHA-256 (hex) of the file once it is on disk. Throws `disk-full`, `io`.
 */
export async function writeMaskFile(path: string, volume: LabelVolume): Promise<string> {
  const bytes = encodeMask(volume);
  await writeFileAtomically(path, bytes);
  return createHash('sha256').update(bytes).digest('hex');
}

/** Throws `corrupt`, `not-found`, `io`. */
export async function readMaskFile(path: string, options: { maximumVoxels?: number } = {}): Promise<LabelVolume> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(error, path);
  }
  return decodeMask(bytes, options);
}
