import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { asFileError } from './failure.ts';

export interface WriteOptions {
  /** Looked at before the file takes its place: throws to refuse what was written. */
  readonly check?: (temporaryPath: string) => Promise<void>;
  readonly compression?: 'none' | 'gzip';
}

/**
 * Writes a file so that a crash or a full disk leaves the old one intact: a temporary file beside it, fsync, rename, fsync of the folder.
 * Throws StudioError `disk-full` or `io`; the temporary file is gone then.
 */
export async function writeFileAtomically(path: string, pieces: Iterable<Uint8Array>, { check, compression = 'none' }: WriteOptions = {}): Promise<void> {
  const folder = dirname(path);
  // The ending stays, so that the check may open it like the finished file.
  const temporary = join(folder, `.writing-${randomBytes(6).toString('hex')}-${basename(path)}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      const append = async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> => {
        for await (const chunk of chunks) await file.writeFile(chunk);
      };
      if (compression === 'none') await append(inChunks(pieces));
      else await pipeline(Readable.from(inChunks(pieces), { objectMode: false }), createGzip({ level: 4, chunkSize: 1 << 18 }), append);
      await file.sync();
    } finally {
      await file.close();
    }
    await check?.(temporary);
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asFileError(path, error);
  }
}

/** Makes a rename in a folder durable; some systems do not let folders be opened, and need none of it. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Bytes compressed in zlib's own wrapping, as MetaImage stores them. */
export async function zlibCompressed(pieces: Iterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  await pipeline(Readable.from(inChunks(pieces), { objectMode: false }), createDeflate({ level: 4 }), async (compressed) => {
    for await (const chunk of compressed) chunks.push(chunk as Buffer);
  });
  return Buffer.concat(chunks);
}

function* inChunks(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  const size = 1 << 20;
  for (const piece of pieces) for (let at = 0; at < piece.length; at += size) yield piece.subarray(at, at + size);
}
