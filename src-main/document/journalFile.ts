import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { StudioError } from '#shared/base/errors.ts';
import { syncFolder } from '#main/files/atomicFile.ts';
import { fileError } from '#main/files/fileError.ts';

/**
 * An append-only file of frames: length (uint32, little-endian), CRC-32 of the payload, payload. The first frame is the header.
 * Whatever follows the first frame that does not check out is the torn tail of a crash and is dropped.
 */
const frameHead = 8;
const maximumPayload = 0x7fff_ffff;

function frame(payload: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(frameHead + payload.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(crc32(payload), 4);
  bytes.set(payload, frameHead);
  return bytes;
}

export interface JournalContent {
  /** Null when it is damaged; the frames behind it are read all the same. */
  readonly header: Uint8Array | null;
  readonly payloads: readonly Uint8Array[];
  /** Bytes up to which the file is sound. */
  readonly length: number;
  /** Bytes behind that. */
  readonly droppedBytes: number;
  /** Sound frames follow behind a damaged one: no torn tail, but damage to what had been on disk. */
  readonly damagedInside: boolean;
}

function frameEnd(bytes: Buffer, at: number): number | null {
  if (at + frameHead > bytes.length) return null;
  const end = at + frameHead + bytes.readUInt32LE(at);
  return end > bytes.length ? null : end;
}

function isSound(bytes: Buffer, at: number): boolean {
  const end = frameEnd(bytes, at);
  return end !== null && crc32(bytes.subarray(at + frameHead, end)) === bytes.readUInt32LE(at + 4);
}

/** Reads all sound frames. Throws `io`. */
export async function readJournal(path: string): Promise<JournalContent> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(error, path);
  }
  const header = isSound(bytes, 0) ? bytes.subarray(frameHead, frameEnd(bytes, 0) ?? 0) : null;
  const payloads: Uint8Array[] = [];
  let at = frameEnd(bytes, 0) ?? 0;
  while (at > 0 && isSound(bytes, at)) {
    const end = frameEnd(bytes, at) ?? at;
    payloads.push(bytes.subarray(at + frameHead, end));
    at = end;
  }
  const next = frameEnd(bytes, at);
  const damagedInside = (header === null && payloads.length > 0) || (next !== null && isSound(bytes, next));
  return { header, payloads, length: at, droppedBytes: bytes.length - at, damagedInside };
}

/** The writing end. What `append` resolved for is on disk. */
export class JournalFile {
  readonly path: string;
  readonly #file: FileHandle;
  #length: number;

  private constructor(path: string, file: FileHandle, length: number) {
    this.path = path;
    this.#file = file;
    this.#length = length;
  }

  /** Bytes on disk. */
  get length(): number {
    return this.#length;
  }

  static async create(path: string, header: Uint8Array): Promise<JournalFile> {
    try {
      const journal = new JournalFile(path, await open(path, 'w'), 0);
      try {
        await journal.append([header]);
        await syncFolder(dirname(path));
      } catch (error) {
        await journal.close();
        throw error;
      }
      return journal;
    } catch (error) {
      throw fileError(error, path);
    }
  }

  /** Goes on behind the sound part of an existing file. */
  static async resume(path: string, length: number): Promise<JournalFile> {
    try {
      const file = await open(path, 'r+');
      await file.truncate(length);
      await file.sync();
      return new JournalFile(path, file, length);
    } catch (error) {
      throw fileError(error, path);
    }
  }

  /** Writes the payloads in order and waits until they are on disk. After a failure the file is as it was. Throws `disk-full`, `io`. */
  async append(payloads: readonly Uint8Array[]): Promise<void> {
    if (payloads.some((payload) => payload.length > maximumPayload))
      throw new StudioError('unsupported', 'This edit is too large to be saved as one step.');
    const bytes = Buffer.concat(payloads.map(frame));
    try {
      let written = 0;
      while (written < bytes.length) {
        written += (await this.#file.write(bytes, written, bytes.length - written, this.#length + written)).bytesWritten;
      }
      await this.#file.datasync();
      this.#length += bytes.length;
    } catch (error) {
      await this.#file.truncate(this.#length).catch(() => undefined);
      throw fileError(error, this.path);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
