import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileSize, memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';

/** Bytes that this person may still write where a path lies, or will lie; null where the system does not say. */
export async function freeBytes(path: string): Promise<number | null> {
  for (let at = path; ; at = dirname(at)) {
    const found = await statfs(at).catch(() => null);
    if (found !== null) return found.bavail * found.bsize;
    if (dirname(at) === at) return null;
  }
}

/** What a disk keeps free, so that the program and the system go on: 2 % of a small need, at most 512 MB. */
const spare = (needed: number): number => Math.min(512 * 2 ** 20, 0.02 * needed + 8 * 2 ** 20);

/** A sentence where about `needed` bytes would fill the disk that has `free` left; null where they fit. `what`: “This import”. */
export function spaceWarning(what: string, needed: number, free: number | null): string | null {
  if (free === null || needed + spare(needed) <= free) return null;
  return `${what} needs about ${memorySize(needed)}, and the disk has ${memorySize(free)} left. Make room first (Settings shows what a project takes and what can be cleaned), or choose another disk.`;
}

/** Throws `disk-full` where the disk of `path` (or of the nearest folder above that is there) has fewer bytes left than `bytes`. */
export async function requireSpace(path: string, bytes: number): Promise<void> {
  const found = await statfs(path).catch(() => null);
  if (found === null) {
    if (dirname(path) !== path) await requireSpace(dirname(path), bytes);
    return;
  }
  const free = found.bavail * found.bsize;
  if (free < bytes)
    throw new StudioError(
      'disk-full',
      `This needs ${fileSize(bytes)}, and ${fileSize(free)} are free there. Free some space or choose another disk; nothing was written.`,
    );
}
