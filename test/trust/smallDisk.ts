import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

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
