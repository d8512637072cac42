import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { decodeMask } from '#shared/segmentation/index.ts';
import { readLabels } from './readImage.ts';

/** How a project's own mask files begin (encodeMask). */
const PROJECT_MASK = 'LMSK';

/** A mask from an image file, a DICOM SEG, or a project's own mask file. Throws as `readLabels` and `decodeMask` do. */
export async function readMask(
  path: string | readonly string[],
  cancellation: Cancellation,
): Promise<{ readonly volume: LabelVolume; readonly contentHash: string }> {
  const single = typeof path === 'string' ? path : path.length === 1 ? path[0] : undefined;
  if (single === undefined || !(await isProjectMask(single))) return readLabels(path, { cancellation });
  const bytes = await readFile(single);
  return { volume: decodeMask(bytes), contentHash: createHash('sha256').update(bytes).digest('hex') };
}

async function isProjectMask(path: string): Promise<boolean> {
  const file = await open(path).catch((error: unknown) => {
    throw new StudioError('not-found', `The mask ${basename(path)} is not there any more.`, { cause: error });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1', 0, bytesRead) === PROJECT_MASK;
  } finally {
    await file.close();
  }
}
