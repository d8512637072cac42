import { lstat } from 'node:fs/promises';
import { filesBelow } from './filesBelow.ts';

export interface FolderSize {
  readonly files: number;
  readonly bytes: number;
}

/** Of all files below a folder, or of the file itself; nothing where there is none. Links count as themselves. */
export async function folderSize(path: string): Promise<FolderSize> {
  const state = await lstat(path).catch(() => null);
  if (state === null) return { files: 0, bytes: 0 };
  if (!state.isDirectory()) return { files: 1, bytes: state.size };
  let [files, bytes] = [0, 0];
  for (const file of await filesBelow(path).catch(() => [])) {
    const found = await lstat(file).catch(() => null);
    if (found === null) continue; // gone meanwhile
    files++;
    bytes += found.size;
  }
  return { files, bytes };
}

export const addedSizes = (sizes: readonly FolderSize[]): FolderSize => ({
  files: sizes.reduce((sum, { files }) => sum + files, 0),
  bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
});
