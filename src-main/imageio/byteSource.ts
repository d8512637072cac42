import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { asFileError, invalidFile } from './failure.ts';
import type { Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { memorySize } from '#shared/base/bytes.ts';

export type Compression = 'none' | 'gzip' | 'zlib';

const chunkBytes = 1 << 20;
const tooShort = 'is shorter than its header says: it was not copied completely, or the header is damaged.';
/** Deflate cannot pack better than 1032 to 1. */
const deflateRatio = 1032;
/** Bytes that may follow what a header announces (padding, extensions) before a file is refused. */
export const slackBytes = 1 << 20;

/**
 * A file's bytes in order, decompressed on the way in bounded pieces. Every byte of the file passes through `hash`.
 * Nothing is allocated beyond what is asked for, and asking is checked against what the file can hold.
 */
export class ByteSource {
  readonly path: string;
  readonly fileBytes: number;
  readonly compression: Compression;
  readonly #offset: number;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  private constructor(path: string, fileBytes: number, offset: number, compression: Compression, stream: Readable) {
    this.path = path;
    this.fileBytes = fileBytes;
    this.compression = compression;
    this.#offset = offset;
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** Opens a file from `offset` on. `hash` takes the bytes from there on, as they lie on disk. */
  static async open(
    path: string,
    { offset = 0, compression = 'none', hash }: { offset?: number; compression?: Compression; hash?: Hash } = {},
  ): Promise<ByteSource> {
    const { size } = await statFile(path);
    const raw = createReadStream(path, { start: offset, highWaterMark: chunkBytes });
    if (hash) raw.on('data', (chunk) => hash.update(chunk));
    if (compression === 'none') return new ByteSource(path, size, offset, compression, raw);
    const inflate = compression === 'gzip' ? createGunzip({ chunkSize: chunkBytes }) : createInflate({ chunkSize: chunkBytes });
    pipeline(raw, inflate, () => undefined);
    return new ByteSource(path, size, offset, compression, inflate);
  }

  /** The next `length` bytes, or as many as are left. */
  async take(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, await this.#fill(bytes));
  }

  /** Passes over `length` bytes without keeping them. Throws `invalid-file` when the file ends before. */
  async skip(length: number): Promise<void> {
    let left = length;
    while (left > 0) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next();
      if (!chunk) throw invalidFile(this.path, tooShort);
      const used = Math.min(left, chunk.length);
      this.#rest = chunk.subarray(used);
      left -= used;
    }
  }

  /**
   * The next `length` bytes in a buffer of their own. Throws `invalid-file` when the file cannot hold so many, before anything is allocated,
   * or when it breaks off. `begun` is the part of them that was taken before.
   */
  async takeExactly(length: number, maxBytes: number, begun: Uint8Array = new Uint8Array(0)): Promise<ArrayBuffer> {
    if (length > maxBytes)
      throw invalidFile(this.path, `needs ${memorySize(length)} of memory, more than the limit of ${memorySize(maxBytes)}.`);
    const capacity = (this.fileBytes - this.#offset) * (this.compression === 'none' ? 1 : deflateRatio) + this.#rest.length + begun.length;
    if (length > capacity) throw invalidFile(this.path, tooShort);
    let bytes = new Uint8Array((await this.#isPlausible(length)) ? length : Math.min(length, 4 * chunkBytes));
    let filled = Math.min(begun.length, length);
    bytes.set(begun.subarray(0, filled));
    for (;;) {
      const read = await this.#fill(bytes.subarray(filled));
      filled += read;
      if (filled === length) return bytes.buffer;
      if (filled < bytes.length) throw invalidFile(this.path, tooShort);
      const larger = new Uint8Array(Math.min(length, bytes.length * 2));
      larger.set(bytes);
      bytes = larger;
    }
  }

  /** Reads to the end of the file, for its hash. Throws `invalid-file` where much more follows than the header announces (a gzip bomb). */
  async finish(): Promise<void> {
    let surplus = this.#rest.length;
    this.#rest = new Uint8Array(0);
    for (let chunk = await this.#next(); chunk; chunk = await this.#next()) {
      surplus += chunk.length;
      if (surplus > slackBytes) {
        this.close();
        throw invalidFile(this.path, 'holds much more data than its header says; it is damaged or made to mislead.');
      }
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  /** Whether memory for the whole can be taken at once: a plain file holds what it holds, a gzip trailer names its size (modulo 2³²). */
  async #isPlausible(length: number): Promise<boolean> {
    if (this.compression !== 'gzip') return this.compression === 'none';
    const trailer = new Uint8Array(4);
    const file = await open(this.path);
    try {
      await file.read(trailer, 0, 4, Math.max(0, this.fileBytes - 4));
    } finally {
      await file.close();
    }
    const named = new DataView(trailer.buffer).getUint32(0, true);
    const surplus = (named - (length % 2 ** 32) + 2 ** 32) % 2 ** 32;
    return surplus <= slackBytes;
  }

  async #next(): Promise<Uint8Array | null> {
    try {
      const { done, value } = await this.#chunks.next();
      return done ? null : value;
    } catch (error) {
      throw asFileError(this.path, error);
    }
  }

  async #fill(bytes: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < bytes.length) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next();
      if (!chunk) break;
      const used = Math.min(chunk.length, bytes.length - filled);
      bytes.set(used === chunk.length ? chunk : chunk.subarray(0, used), filled);
      this.#rest = chunk.subarray(used);
      filled += used;
    }
    return filled;
  }
}

async function statFile(path: string): Promise<{ size: number }> {
  const found = await stat(path).catch((error: unknown) => {
    throw asFileError(path, error);
  });
  if (!found.isFile()) throw invalidFile(path, 'is not a regular file.');
  return found;
}
