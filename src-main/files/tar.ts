/**
 * Tar archives of regular files (POSIX ustar; names past 255 bytes in a pax header, sizes past 8 GiB in base 256, as GNU tar and libarchive
 * have them). Nothing is held in memory but one piece.
 */
import type { FileHandle } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';

const block = 512;
const pieceBytes = 1 << 20;
const largestOctal = 0o77777777777;

/** Writes entries one after the other into an open, empty file. */
export class TarWriter {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** `pieces` have to hold `size` bytes together; `io` where they do not, as when a file grows or shrinks while it is read. */
  async add(name: string, size: number, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    if (Buffer.byteLength(name) > 255 || splitName(name) === null) {
      const record = paxRecord('path', name);
      await this.#write(header('pax', record.length, 'x'));
      await this.#write(padded(record));
      await this.#write(header(`long/${String(size)}`, size, '0'));
    } else await this.#write(header(name, size, '0'));
    let written = 0;
    for await (const piece of pieces) {
      written += piece.length;
      if (written > size) break;
      await this.#write(piece);
    }
    if (written !== size)
      throw new StudioError('io', `“${name}” was changed while it was read. Try again when nothing works on it.`, {
        detail: `${String(written)} of ${String(size)} bytes`,
      });
    await this.#write(new Uint8Array((block - (size % block)) % block));
  }

  async end(): Promise<void> {
    await this.#write(new Uint8Array(2 * block));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += (await this.#file.write(bytes, at)).bytesWritten;
  }
}

export interface TarEntry {
  readonly name: string;
  readonly size: number;
  /** To be read before the next entry is asked for, or not at all. */
  readonly pieces: () => AsyncGenerator<Buffer>;
}

/** The entries in their order. Throws `corrupt` for what is no archive of regular files, or breaks off. */
export async function* tarEntries(file: FileHandle): AsyncGenerator<TarEntry> {
  const { size: total } = await file.stat();
  let longName: string | null = null;
  for (let at = 0; ;) {
    const head = await exactly(file, at, block);
    if (head.every((byte) => byte === 0)) return;
    const sum = head.reduce((all, byte, n) => all + (n >= 148 && n < 156 ? 32 : byte), 0);
    if (Number.parseInt(text(head, 148, 8), 8) !== sum) throw damaged('an entry’s header is not what was written');
    const size = sizeOf(head);
    const start = at + block;
    if (!Number.isSafeInteger(size) || size < 0 || start + size > total) throw damaged('it breaks off');
    at = start + Math.ceil(size / block) * block;
    const type = text(head, 156, 1);
    if (type === 'x' && size <= pieceBytes) longName = paxPath(await exactly(file, start, size));
    else if (type === '0' || type === '') {
      const prefix = text(head, 345, 155);
      const name = longName ?? `${prefix === '' ? '' : `${prefix}/`}${text(head, 0, 100)}`;
      longName = null;
      yield { name, size, pieces: () => piecesOf(file, start, size) };
    } else throw damaged(`it holds what is no file (${JSON.stringify(type)})`);
  }
}

/** A part of an open file, in pieces of at most 1 MiB; fewer bytes where the file is shorter. */
export async function* piecesOf(file: FileHandle, start: number, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size;) {
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, size - at));
    const { bytesRead } = await file.read(piece, 0, piece.length, start + at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

async function exactly(file: FileHandle, start: number, size: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of piecesOf(file, start, size)) parts.push(piece);
  const all = Buffer.concat(parts);
  if (all.length !== size) throw damaged('it breaks off');
  return all;
}

function header(name: string, size: number, type: '0' | 'x'): Buffer {
  const head = Buffer.alloc(block);
  const [prefix, rest] = splitName(name) ?? ['', name];
  head.write(rest, 0, 100);
  head.write('0000644\0', 100);
  head.write('0000000\0', 108);
  head.write('0000000\0', 116);
  if (size > largestOctal) {
    head[124] = 0x80;
    head.writeBigUInt64BE(BigInt(size), 128);
  } else head.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  head.write(
    `${Math.floor(Date.now() / 1000)
      .toString(8)
      .padStart(11, '0')}\0`,
    136,
  );
  head.write('        ', 148);
  head.write(type, 156);
  head.write('ustar\u000000', 257);
  head.write(prefix, 345, 155);
  const sum = head.reduce((all, byte) => all + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return head;
}

/** Prefix and name as ustar keeps them; null where no '/' divides it into 155 and 100 bytes. */
function splitName(name: string): readonly [string, string] | null {
  if (Buffer.byteLength(name) <= 100) return ['', name];
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(rest) <= 100 && rest !== '') return [prefix, rest];
  }
  return null;
}

function sizeOf(head: Buffer): number {
  if (head[124] === 0x80) return Number(head.readBigUInt64BE(128));
  const digits = text(head, 124, 12).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function text(head: Buffer, at: number, length: number): string {
  const end = head.indexOf(0, at);
  return head.toString('utf8', at, end < 0 ? at + length : Math.min(end, at + length));
}

function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (Buffer.byteLength(String(length)) + Buffer.byteLength(rest) !== length)
    length = Buffer.byteLength(String(length)) + Buffer.byteLength(rest);
  return Buffer.from(`${String(length)}${rest}`);
}

function paxPath(record: Buffer): string | null {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(record.toString('utf8'))?.[1] ?? null;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((block - (bytes.length % block)) % block)]);
}

function damaged(detail: string): StudioError {
  return new StudioError('corrupt', 'This file is damaged or was not copied to its end. Copy it again from where it was made.', { detail });
}
