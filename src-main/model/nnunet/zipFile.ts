import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { StudioError } from '#shared/base/errors.ts';
import type { Disposable } from '#shared/base/disposable.ts';

/** One stored entry, as the central directory has it. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly crc: number;
  readonly headerAt: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
/** An end record and the longest comment behind it. */
const TAIL_BYTES = END_BYTES + 0xffff;
/** Far beyond any network's checkpoint, whose directory takes about a hundred bytes a tensor. */
const MOST_DIRECTORY_BYTES = 64 * 2 ** 20;

/**
 * Reads a zip whose entries are stored, not compressed, as PyTorch writes them. Local headers may carry no sizes: all comes from the
 * central directory. Nothing is allocated by what a header claims beyond the file's own length. Throws `invalid-file`.
 */
export class ZipFile implements Disposable {
  readonly #file: FileHandle;
  readonly #length: number;
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  private constructor(file: FileHandle, length: number, entries: ReadonlyMap<string, ZipEntry>) {
    this.#file = file;
    this.#length = length;
    this.#entries = entries;
  }

  /** Throws `not-found`, `invalid-file`. */
  static async open(path: string): Promise<ZipFile> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw new StudioError('not-found', `There is no file ${path}.`, { cause });
    });
    try {
      const { size } = await file.stat();
      return new ZipFile(file, size, await readDirectory(file, size));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get length(): number {
    return this.#length;
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  size(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /** An entry's bytes, checked by their sum. Throws `invalid-file` where it is missing, larger than `most` or damaged. */
  async read(name: string, most: number): Promise<Buffer> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw damaged(`${name} is missing`);
    if (entry.size > most) throw damaged(`${name} is too large`);
    const header = await readAt(this.#file, this.#length, entry.headerAt, 30);
    if (header.readUInt32LE(0) !== LOCAL) throw damaged(`${name} does not begin where the directory says`);
    const start = entry.headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const bytes = await readAt(this.#file, this.#length, start, entry.size);
    if (crc32(bytes) !== entry.crc) throw damaged(`${name} is damaged`);
    return bytes;
  }

  dispose(): void {
    void this.#file.close();
  }
}

async function readDirectory(file: FileHandle, length: number): Promise<Map<string, ZipEntry>> {
  if (length < END_BYTES) throw damaged('it is no zip file');
  const tailAt = Math.max(0, length - TAIL_BYTES);
  const tail = await readAt(file, length, tailAt, length - tailAt);
  let at = tail.length - END_BYTES;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--;
  if (at < 0) throw damaged('it is cut off, or no zip file');
  let count = tail.readUInt16LE(at + 10);
  let bytes = tail.readUInt32LE(at + 12);
  let offset = tail.readUInt32LE(at + 16);
  if (at >= 20 && tail.readUInt32LE(at - 20) === LOCATOR_64) {
    const record = await readAt(file, length, safe(tail.readBigUInt64LE(at - 12)), 56);
    if (record.readUInt32LE(0) !== END_64) throw damaged('its end record is damaged');
    count = safe(record.readBigUInt64LE(32));
    bytes = safe(record.readBigUInt64LE(40));
    offset = safe(record.readBigUInt64LE(48));
  }
  if (bytes > MOST_DIRECTORY_BYTES) throw damaged('its directory is too large');
  const directory = await readAt(file, length, offset, bytes);
  const entries = new Map<string, ZipEntry>();
  let position = 0;
  for (let n = 0; n < count; n++) {
    if (position + 46 > directory.length || directory.readUInt32LE(position) !== CENTRAL) throw damaged('its directory is damaged');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(position + field)) as [
      number,
      number,
      number,
    ];
    const end = position + 46 + nameBytes + extraBytes + commentBytes;
    if (end > directory.length) throw damaged('its directory is cut off');
    const name = directory.toString('utf8', position + 46, position + 46 + nameBytes);
    if (directory.readUInt16LE(position + 10) !== 0) throw damaged(`${name} is compressed, which PyTorch does not do`);
    if ((directory.readUInt16LE(position + 8) & 1) !== 0) throw damaged(`${name} is encrypted`);
    const extra = directory.subarray(position + 46 + nameBytes, position + 46 + nameBytes + extraBytes);
    const large = wideFields(extra, [
      directory.readUInt32LE(position + 24),
      directory.readUInt32LE(position + 20),
      directory.readUInt32LE(position + 42),
    ]);
    const [size = 0, stored = 0, headerAt = 0] = large;
    if (size !== stored) throw damaged(`${name} has two sizes`);
    if (entries.has(name)) throw damaged(`${name} occurs twice`);
    entries.set(name, { name, size, crc: directory.readUInt32LE(position + 16), headerAt });
    position = end;
  }
  return entries;
}

/** Sizes and offset with those that are 0xffffffff taken from the ZIP64 field, where they stand in this order. */
function wideFields(extra: Buffer, fields: readonly number[]): number[] {
  let wide: Buffer | undefined;
  for (let at = 0; at + 4 <= extra.length;) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1) wide = extra.subarray(at + 4, Math.min(extra.length, at + 4 + length));
    at += 4 + length;
  }
  let next = 0;
  return fields.map((field) => {
    if (field !== 0xffffffff) return field;
    if (wide === undefined || next + 8 > wide.length) throw damaged('a size in its directory is missing');
    const value = safe(wide.readBigUInt64LE(next));
    next += 8;
    return value;
  });
}

async function readAt(file: FileHandle, length: number, position: number, count: number): Promise<Buffer> {
  if (position < 0 || count < 0 || position + count > length) throw damaged('a part of it lies beyond its end');
  const buffer = Buffer.alloc(count);
  let filled = 0;
  while (filled < count) {
    const { bytesRead } = await file.read(buffer, filled, count - filled, position + filled);
    if (bytesRead === 0) throw damaged('it is cut off');
    filled += bytesRead;
  }
  return buffer;
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('it claims an impossible size');
  return Number(value);
}

function damaged(why: string): StudioError {
  return new StudioError('invalid-file', `This checkpoint cannot be read: ${why}.`);
}
