import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileError } from './fileError.ts';

/** Names of files that a crash may leave half written; nothing reads them. */
export const unfinishedName = /^\.writing-[0-9a-f]{12}-/;

/** The ending stays, so that a check may open the file like the finished one. */
export function unfinishedPath(path: string): string {
  return join(dirname(path), `.writing-${randomBytes(6).toString('hex')}-${basename(path)}`);
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

/** Removes what interrupted writes left in a folder that nobody else writes into at the time. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (unfinishedName.test(name)) await rm(join(folder, name), { force: true });
}

/**
 * Writes a temporary file, fsync, `check` (throws to refuse what was written), rename, fsync of the folder: after a crash the path holds the
 * old content or the new, whole. Throws `disk-full` or `io`; the temporary file is gone then.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | ((file: FileHandle) => Promise<void>),
  check?: (temporaryPath: string) => Promise<void>,
): Promise<void> {
  const temporary = unfinishedPath(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      await (typeof content === 'function' ? content(file) : file.writeFile(content));
      await file.sync();
    } finally {
      await file.close();
    }
    await check?.(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(error, path);
  }
}
