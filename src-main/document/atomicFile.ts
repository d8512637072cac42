import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

/** A file system error as one that a person can act on; any other as it is. */
export function fileError(error: unknown, path: string): unknown {
  if (error instanceof StudioError || !(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const code = String(error.code);
  const options = { detail: `${code} ${path}`, cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StudioError('disk-full', 'The disk is full: this was not saved. Free some space and try again; nothing saved before is lost.', options);
  }
  if (code === 'ENOENT') return new StudioError('not-found', `“${basename(path)}” is missing.`, options);
  return new StudioError('io', `“${basename(path)}” could not be read or written (${code}). Check the disk and its permissions, and try again.`, options);
}

/** Makes a rename or a new file in the folder durable. Windows has no such call: there, NTFS journals its folders. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes temp, fsync, rename, fsync folder: after a crash the path holds the old content or the new, whole. Throws `disk-full`, `io`. */
export async function writeFileAtomic(path: string, content: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(error, path);
  }
}
