import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';

/** Runs `work` on a disk of 8 MB; null where such a disk cannot be made (no Linux, no root). */
export async function withSmallDisk<T>(folder: string, work: () => Promise<T>): Promise<T | null> {
  mkdirSync(folder, { recursive: true });
  if (process.platform !== 'linux' || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]).status !== 0) return null;
  try {
    return await work();
  } finally {
    spawnSync('umount', ['-l', folder]);
  }
}

/** Takes all space that is left, in a file that is removed to free it. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const size of [4096, 1]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size));
      } catch {
        // Full; now with smaller pieces.
      }
    }
  } finally {
    closeSync(file);
  }
}
