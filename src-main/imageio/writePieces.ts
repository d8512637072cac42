import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { writeFileAtomically } from '#main/files/atomicFile.ts';

export interface WriteOptions {
  /** Looked at before the file takes its place: throws to refuse what was written. */
  readonly check?: (temporaryPath: string) => Promise<void>;
  readonly compression?: 'none' | 'gzip';
}

/** Writes a file piece by piece so that a crash or a full disk leaves the old one intact. Throws `disk-full` or `io`. */
export async function writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  { check, compression = 'none' }: WriteOptions = {},
): Promise<void> {
  await writeFileAtomically(
    path,
    async (file) => {
      const append = async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> => {
        for await (const chunk of chunks) await file.writeFile(chunk);
      };
      if (compression === 'none') await append(inChunks(pieces));
      else await pipeline(Readable.from(inChunks(pieces), { objectMode: false }), createGzip({ level: 4, chunkSize: 1 << 18 }), append);
    },
    check,
  );
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
