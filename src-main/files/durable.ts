import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unfinishedPath } from './atomicFile.ts';
import { fileError } from './fileError.ts';

function syncPath(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes renames and removals in the folder durable. Windows has no such call. */
export function syncFolderSync(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Lets `write` make a temporary file, then fsync, rename, fsync folder: the path holds the old content or the new, whole. */
export function replaceFile(path: string, write: (temporary: string) => void): void {
  const temporary = unfinishedPath(path);
  try {
    write(temporary);
    syncPath(temporary);
    renameSync(temporary, path);
    syncFolderSync(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileError(error, path);
  }
}

export function writeText(path: string, text: string): void {
  replaceFile(path, (temporary) => {
    const file = openSync(temporary, 'w');
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
  });
}

export function copyDurably(from: string, to: string): void {
  replaceFile(to, (temporary) => copyFileSync(from, temporary));
}

/** SHA-256 (hex) of a file, read in pieces. */
export function hashFile(path: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const length = readSync(file, piece);
      if (length === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Lets `fill` write into a new folder, which `make` makes beside the target; it has the target's name only when it is complete, and takes the place
 * of what had that name. Resolves with what `fill` gives.
 */
export async function replaceFolder<T>(
  target: string,
  make: (folder: string) => void,
  fill: (folder: string) => T | Promise<T>,
): Promise<T> {
  const incoming = `${target}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  make(incoming);
  const filled = await fill(incoming);
  await rm(target, { recursive: true, force: true });
  await rename(incoming, target);
  syncFolderSync(dirname(target));
  return filled;
}
