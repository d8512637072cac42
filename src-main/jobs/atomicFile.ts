import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

/**
 * Replaces a file so that a crash leaves either the old or the new content: temporary file, fsync, rename, fsync of the folder.
 * Throws `disk-full` or `io`; the old file is then intact.
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw asStudioError(error);
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open a folder for that; NTFS journals the rename
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asStudioError(error: unknown): StudioError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new StudioError('disk-full', 'The disk is full. Free some space and try again.', { cause: error });
  return new StudioError('io', 'A file of this job could not be written. Check that the project folder is writable.', { detail: String(error), cause: error });
}
