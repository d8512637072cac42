import { stat } from 'node:fs/promises';
import type { CheckedFile } from './exportTasks.ts';

/** A file as it is now; to be taken right after it was read back and compared. */
export async function checkedFile(path: string): Promise<CheckedFile> {
  const { dev, ino, mtimeNs, size } = await stat(path, { bigint: true });
  return { path, bytes: Number(size), stamp: [dev, ino, mtimeNs].join(':') };
}

/** Whether what was compared is still what lies there: not so where another file took its place. */
export async function isStillThere({ path, stamp }: CheckedFile): Promise<boolean> {
  return checkedFile(path).then(
    (now) => now.stamp === stamp,
    () => false,
  );
}
