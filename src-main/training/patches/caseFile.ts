/**
 * A case made ready for training, on disk: what training reads patches from, so that no volume has to stay in memory (the operating
 * system's cache keeps what fits). Layout, little-endian:
 *   8 bytes 'LOGOCAS2' · uint32 length of the JSON header · uint32 its CRC-32 · header, padded with spaces to a multiple of 8 ·
 *   int16 image (i fastest), one for each channel · uint8 classes · padding to 4 · uint32 voxel positions for each class of the header's `positions`
 * The header holds the CRC-32 of each section. What has another magic (version 1 had no sums) or other sums is prepared again.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { Triple } from '#shared/geometry/grid.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const extent = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
const number = v.pipe(v.number(), v.finite());
const channelFields = {
  /** intensity = stored · scale + offset. */
  scale: number,
  offset: number,
  minimum: number,
  mean: number,
  deviation: number,
};
const headerSchema = v.object({
  name: v.string(),
  /** Voxels along i, j, k. */
  size: v.tuple([extent, extent, extent]),
  /** mm along i, j, k. */
  spacing: v.tuple([number, number, number]),
  ...channelFields,
  /** The channels behind the first. */
  further: v.optional(v.array(v.object(channelFields)), []),
  /** Channels, from 0, that the case lacks: they are 0 everywhere. */
  missing: v.optional(v.array(count), []),
  /** Class index and how many of its voxels' positions are stored. */
  positions: v.array(v.object({ classIndex: count, count })),
  /** CRC-32 of each section. */
  sums: v.object({ image: count, further: v.optional(v.array(count), []), classes: count, positions: count }),
});
export type CaseHeader = v.InferOutput<typeof headerSchema>;
export type CaseChannelHeader = v.InferOutput<v.ObjectSchema<typeof channelFields, undefined>>;

/** The class of voxels that nobody marked: what they are is unknown, and nothing is learned from them. */
export const IGNORED_CLASS = 255;

/** A box of a case: low corner and size along i, j, k. */
export interface Region {
  readonly low: Triple;
  readonly size: Triple;
}

const magic = 'LOGOCAS2';
const headerAt = 16;
const largestHeader = 1 << 20;
const largestPositions = 4096;
const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/**
 * The file's bytes. An image holds network intensities, `classes` class indices 0..254 or IGNORED_CLASS, all i fastest. `images`: one for each
 * channel, null where the case lacks it; or the only one.
 */
export function encodeCase(
  name: string,
  size: Triple,
  spacing: Triple,
  images: Float32Array | readonly (Float32Array | null)[],
  classes: Uint8Array,
): Uint8Array {
  const given = images instanceof Float32Array ? [images] : images;
  const [image, ...further] = given.map((each) => (each === null ? missingChannel(classes.length) : encodeChannel(each))) as [
    EncodedChannel,
    ...EncodedChannel[],
  ];
  const missing = given.flatMap((each, channel) => (each === null ? [channel] : []));
  const positions = classPositions(classes);
  const places = new Uint32Array(positions.reduce((total, { at }) => total + at.length, 0));
  positions.reduce((next, { at }) => (places.set(at, next), next + at.length), 0);
  const sections = { image: bytesOf(image.stored), classes, positions: bytesOf(places) };
  const header = {
    name,
    size: [...size],
    spacing: [...spacing],
    ...image.header,
    ...(further.length > 0 && { further: further.map((channel) => channel.header) }),
    ...(missing.length > 0 && { missing }),
    positions: positions.map(({ classIndex, at }) => ({ classIndex, count: at.length })),
    sums: {
      image: crc32(sections.image),
      ...(further.length > 0 && { further: further.map(({ stored }) => crc32(bytesOf(stored))) }),
      classes: crc32(sections.classes),
      positions: crc32(sections.positions),
    },
  };
  const text = Buffer.from(JSON.stringify(header));
  const json = Buffer.alloc(align(text.length, 8), 32);
  json.set(text);
  const { imageAt, classesAt, positionsAt, end } = layout(json.length, size, further.length, places.length);
  const bytes = Buffer.alloc(end);
  bytes.write(magic, 'latin1');
  bytes.writeUInt32LE(json.length, 8);
  bytes.writeUInt32LE(crc32(json), 12);
  bytes.set(json, headerAt);
  bytes.set(sections.image, imageAt);
  further.forEach(({ stored }, n) => bytes.set(bytesOf(stored), imageAt + (n + 1) * stored.byteLength));
  bytes.set(sections.classes, classesAt);
  bytes.set(sections.positions, positionsAt);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface EncodedChannel {
  readonly stored: Int16Array;
  readonly header: CaseChannelHeader;
}

/** 0 exactly, whatever it is interpolated with. */
function missingChannel(voxels: number): EncodedChannel {
  return { stored: new Int16Array(voxels), header: { scale: 1, offset: 0, minimum: 0, mean: 0, deviation: 0 } };
}

function encodeChannel(image: Float32Array): EncodedChannel {
  let minimum = Infinity;
  let maximum = -Infinity;
  let sum = 0;
  let squares = 0;
  for (const value of image) {
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    sum += value;
    squares += value * value;
  }
  const mean = sum / image.length;
  const scale = maximum > minimum ? (maximum - minimum) / 65534 : 1;
  const offset = minimum + 32767 * scale;
  const deviation = Math.sqrt(Math.max(0, squares / image.length - mean * mean));
  return {
    stored: Int16Array.from(image, (value) => Math.round((value - offset) / scale)),
    header: { scale, offset, minimum, mean, deviation },
  };
}

/** Where the sections lie. */
function layout(
  headerBytes: number,
  size: readonly number[],
  further: number,
  positions: number,
): { readonly imageAt: number; readonly classesAt: number; readonly positionsAt: number; readonly end: number } {
  const voxels = size.reduce((product, side) => product * side, 1);
  const imageAt = headerAt + headerBytes;
  const classesAt = imageAt + (1 + further) * voxels * 2;
  const positionsAt = align(classesAt + voxels, 4);
  return { imageAt, classesAt, positionsAt, end: positionsAt + positions * 4 };
}

function bytesOf(array: Int16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Evenly spread voxel positions of each class but background and what is ignored. */
function classPositions(classes: Uint8Array): { classIndex: number; at: Uint32Array }[] {
  const counts = new Uint32Array(256);
  for (const value of classes) counts[value] = (counts[value] as number) + 1;
  const found = [...counts.keys()]
    .filter((value) => value > 0 && value !== IGNORED_CLASS && (counts[value] as number) > 0)
    .map((classIndex) => ({ classIndex, at: new Uint32Array(Math.min(largestPositions, counts[classIndex] as number)) }));
  const byClass = new Map(found.map(({ classIndex, at }) => [classIndex, at]));
  const seen = new Uint32Array(256);
  for (let voxel = 0; voxel < classes.length; voxel++) {
    const value = classes[voxel] as number;
    if (value === 0 || value === IGNORED_CLASS) continue;
    const at = byClass.get(value) as Uint32Array;
    const rank = seen[value] as number;
    const slot = Math.floor((rank * at.length) / (counts[value] as number));
    at[slot] = voxel;
    seen[value] = rank + 1;
  }
  return found;
}

/** Files whose sections were found whole: a reader that is opened again need not read them all. */
const whole = new Map<string, string>();
const sumPiece = 1 << 22;

/** Whether a file is a whole case of this version. One that is not is prepared again. */
export function isCase(path: string): boolean {
  try {
    new CaseReader(path).close();
    return true;
  } catch {
    return false;
  }
}

/** Reads boxes of one case file. Throws `corrupt` where the file is not, byte for byte, what `encodeCase` wrote. */
export class CaseReader {
  readonly header: CaseHeader;
  readonly #path: string;
  readonly #file: number;
  readonly #imageAt: number;
  readonly #labelsAt: number;
  readonly #positionsAt: number;

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'r');
    try {
      const { header, headerBytes } = this.#readHeader();
      const { size: extent, further, positions, sums } = header;
      const places = positions.reduce((sum, { count: stored }) => sum + stored, 0);
      const { imageAt, classesAt, positionsAt, end } = layout(headerBytes, extent, further.length, places);
      const { size, mtimeMs, ino } = fstatSync(this.#file);
      if (size !== end || sums.further.length !== further.length) throw damaged(path);
      this.header = header;
      this.#imageAt = imageAt;
      this.#labelsAt = classesAt;
      this.#positionsAt = positionsAt;
      const state = `${size} ${mtimeMs} ${ino}`;
      if (whole.get(path) === state) return;
      const voxels = extent[0] * extent[1] * extent[2];
      [sums.image, ...sums.further].forEach((sum, n) => this.#checkSection(imageAt + n * voxels * 2, voxels * 2, sum));
      this.#checkSection(classesAt, voxels, sums.classes);
      this.#checkSection(positionsAt, end - positionsAt, sums.positions);
      whole.set(path, state);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** How a channel's intensities are stored. Throws `corrupt` where the case has fewer channels. */
  channel(channel: number): CaseChannelHeader {
    const found = channel === 0 ? this.header : this.header.further[channel - 1];
    if (found === undefined) throw damaged(this.#path);
    return found;
  }

  /** The stored int16 of a box of a channel, i fastest. */
  image({ low, size }: Region, channel = 0): Int16Array {
    const out = new Int16Array(size[0] * size[1] * size[2]);
    const [ni, nj, nk] = this.header.size;
    this.#read({ low, size }, new Uint8Array(out.buffer), this.#imageAt + channel * ni * nj * nk * 2, 2);
    return out;
  }

  /** Network intensities of a box (C, D, H, W), for each of these channels. */
  intensities(region: Region, channels: readonly number[]): Float32Array {
    const voxels = region.size[0] * region.size[1] * region.size[2];
    const out = new Float32Array(channels.length * voxels);
    channels.forEach((channel, n) => {
      const { scale, offset } = this.channel(channel);
      const stored = this.image(region, channel);
      for (let at = 0, to = n * voxels; at < voxels; at++, to++) out[to] = (stored[at] as number) * scale + offset;
    });
    return out;
  }

  /** The class indices of a box, i fastest. */
  classes({ low, size }: Region): Uint8Array {
    const out = new Uint8Array(size[0] * size[1] * size[2]);
    this.#read({ low, size }, out, this.#labelsAt, 1);
    return out;
  }

  /** The voxel (i, j, k) that is stored as number `index` of the header's `entry`-th class. */
  position(entry: number, index: number): Triple {
    const before = this.header.positions.slice(0, entry).reduce((sum, { count }) => sum + count, 0);
    const bytes = Buffer.alloc(4);
    readSync(this.#file, bytes, 0, 4, this.#positionsAt + (before + index) * 4);
    const voxel = bytes.readUInt32LE(0);
    const [ni, nj] = this.header.size;
    return [voxel % ni, Math.floor(voxel / ni) % nj, Math.floor(voxel / (ni * nj))];
  }

  close(): void {
    closeSync(this.#file);
  }

  #readHeader(): { readonly header: CaseHeader; readonly headerBytes: number } {
    const start = Buffer.alloc(headerAt);
    readSync(this.#file, start, 0, headerAt, 0);
    const headerBytes = start.readUInt32LE(8);
    if (start.toString('latin1', 0, 8) !== magic || headerBytes > largestHeader) throw damaged(this.#path);
    const json = Buffer.alloc(headerBytes);
    if (readSync(this.#file, json, 0, headerBytes, headerAt) !== headerBytes || crc32(json) !== start.readUInt32LE(12))
      throw damaged(this.#path);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), headerSchema), json.toString());
    if (!parsed.success) throw damaged(this.#path);
    return { header: parsed.output, headerBytes };
  }

  #checkSection(from: number, bytes: number, expected: number): void {
    const piece = Buffer.alloc(Math.min(bytes, sumPiece));
    let sum = 0;
    for (let at = 0; at < bytes; at += piece.length) {
      const read = readSync(this.#file, piece, 0, Math.min(piece.length, bytes - at), from + at);
      if (read === 0) throw damaged(this.#path);
      sum = crc32(piece.subarray(0, read), sum);
    }
    if (sum !== expected) throw damaged(this.#path);
  }

  /** Whole rows of j are read at once: one read a slice. */
  #read({ low, size }: Region, out: Uint8Array, base: number, width: number): void {
    const [ni, nj] = this.header.size;
    const rows = Buffer.alloc(((size[1] - 1) * ni + size[0]) * width);
    for (let k = 0, at = 0; k < size[2]; k++) {
      const from = base + (((k + low[2]) * nj + low[1]) * ni + low[0]) * width;
      if (readSync(this.#file, rows, 0, rows.length, from) !== rows.length) throw damaged(this.#path);
      for (let j = 0; j < size[1]; j++, at += size[0] * width) out.set(rows.subarray(j * ni * width, (j * ni + size[0]) * width), at);
    }
  }
}

function damaged(path: string): StudioError {
  return new StudioError('corrupt', 'A prepared training case is damaged. Start the training again: it is then prepared again.', {
    detail: path,
  });
}
