import { StudioError } from '../base/errors.ts';

/** UTF-8, without the DOM's TextEncoder, which is no part of the language. */
function encodeText(text: string): Uint8Array {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes = new ByteWriter(text.length + 8);
  for (let at = 0; at < escaped.length; at++) {
    if (escaped[at] === '%') bytes.byte(Number.parseInt(escaped.slice(at + 1, (at += 2) + 1), 16));
    else bytes.byte(escaped.charCodeAt(at));
  }
  return bytes.finish();
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
  } catch {
    throw damaged('not UTF-8');
  }
}

/** Appends to a buffer that grows. Integers are little-endian; varints carry seven bits a byte and hold up to 2⁵³ − 1. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room for `count` bytes more. */
  reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.reserve(1);
    this.#bytes[this.#length++] = value;
  }

  uint32(value: number): void {
    this.reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#length++] = value >>> shift;
  }

  float64(value: number): void {
    this.raw(new Uint8Array(new Float64Array([value]).buffer));
  }

  varint(value: number): void {
    if (this.#bytes.length - this.#length < 8) this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Length and bytes. */
  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(value: string): void {
    this.block(encodeText(value));
  }

  /** A copy of what was written from byte `start` on. */
  finish(start = 0): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  /** What was written, without a copy; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what ByteWriter wrote; whatever does not fit throws `corrupt`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    if (this.#at >= this.#end) throw damaged('unexpected end');
    return this.#bytes[this.#at++] as number;
  }

  uint32(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0;
  }

  float64(): number {
    // A copy, because a view may lie at any byte; not slice(), which Node's Buffer turns into a view.
    return new Float64Array(new Uint8Array(this.raw(8)).buffer)[0] as number;
  }

  varint(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first - 0x80;
    let scale = 0x80;
    for (;;) {
      const next = this.byte();
      value += (next & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw damaged('varint too large');
      if (next < 0x80) return value;
      scale *= 0x80;
    }
  }

  /** The next `length` bytes as a view. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw damaged('length beyond the end');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  block(): Uint8Array {
    return this.raw(this.varint());
  }

  text(): string {
    return decodeText(this.block());
  }
}

export function damaged(detail: string): StudioError {
  return new StudioError('corrupt', 'The saved segmentation data is damaged.', { detail });
}
