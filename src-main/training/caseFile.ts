/**
 * A case made ready for training, on disk: what training reads patches from, so that no volume has to stay in memory (the operating
 * system's cache keeps what fits). Layout, little-endian:
 *   8 bytes 'LOGOCAS1' · uint32 length of the JSON header · header, padded with spaces to a multiple of 8 ·
 *   int16 image (i fastest) · uint8 classes · padding to 4 · uint32 voxel positions for each class of the header's `positions`
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { StudioError } from '#shared/base/errors.ts';
import type { Triple } from '#shared/geometry/grid.ts';

export interface CaseHeader {
  readonly name: string;
  /** Voxels along i, j, k. */
  readonly size: Triple;
  /** mm along i, j, k. */
  readonly spacing: Triple;
  /** intensity = stored · scale + offset. */
  readonly scale: number;
  readonly offset: number;
  readonly minimum: number;
  readonly mean: number;
  readonly deviation: number;
  /** Class index and how many of its voxels' positions are stored. */
  readonly positions: readonly { readonly classIndex: number; readonly count: number }[];
}

/** A box of a case: low corner and size along i, j, k. */
export interface Region {
  readonly low: Triple;
  readonly size: Triple;
}

const magic = 'LOGOCAS1';
const largestPositions = 4096;
const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** The file's bytes. `image` holds network intensities, `classes` class indices 0..255, both i fastest. */
export function encodeCase(name: string, size: Triple, spacing: Triple, image: Float32Array, classes: Uint8Array): Uint8Array {
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
  const positions = classPositions(classes);
  const header: CaseHeader = {
    name, size, spacing, scale, offset, minimum, mean, deviation: Math.sqrt(Math.max(0, squares / image.length - mean * mean)),
    positions: positions.map(({ classIndex, at }) => ({ classIndex, count: at.length })),
  };
  const json = Buffer.from(JSON.stringify(header));
  const start = align(12 + json.length, 8);
  const labelsAt = start + image.length * 2;
  const positionsAt = align(labelsAt + classes.length, 4);
  const bytes = new Uint8Array(positionsAt + positions.reduce((total, { at }) => total + at.length * 4, 0)).fill(32, 0, start);
  bytes.set(Buffer.from(magic), 0);
  new DataView(bytes.buffer).setUint32(8, start - 12, true);
  bytes.set(json, 12);
  const stored = new Int16Array(bytes.buffer, start, image.length);
  for (let at = 0; at < image.length; at++) stored[at] = Math.round(((image[at] as number) - offset) / scale);
  bytes.set(classes, labelsAt);
  let next = positionsAt;
  for (const { at } of positions) {
    new Uint32Array(bytes.buffer, next, at.length).set(at);
    next += at.length * 4;
  }
  return bytes;
}

/** Evenly spread voxel positions of each class but background. */
function classPositions(classes: Uint8Array): { classIndex: number; at: Uint32Array }[] {
  const counts = new Uint32Array(256);
  for (const value of classes) counts[value] = (counts[value] as number) + 1;
  const found = [...counts.keys()].filter((value) => value > 0 && (counts[value] as number) > 0)
    .map((classIndex) => ({ classIndex, at: new Uint32Array(Math.min(largestPositions, counts[classIndex] as number)) }));
  const byClass = new Map(found.map(({ classIndex, at }) => [classIndex, at]));
  const seen = new Uint32Array(256);
  for (let voxel = 0; voxel < classes.length; voxel++) {
    const value = classes[voxel] as number;
    if (value === 0) continue;
    const at = byClass.get(value) as Uint32Array;
    const rank = seen[value] as number;
    const slot = Math.floor((rank * at.length) / (counts[value] as number));
    at[slot] = voxel;
    seen[value] = rank + 1;
  }
  return found;
}

/** Reads boxes of one case file. Throws `corrupt` where the file is not what `encodeCase` wrote. */
export class CaseReader {
  readonly header: CaseHeader;
  readonly #file: number;
  readonly #imageAt: number;
  readonly #labelsAt: number;
  readonly #positionsAt: number;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    const start = Buffer.alloc(12);
    readSync(this.#file, start, 0, 12, 0);
    if (start.toString('latin1', 0, 8) !== magic) throw damaged(path);
    const json = Buffer.alloc(start.readUInt32LE(8));
    readSync(this.#file, json, 0, json.length, 12);
    this.header = JSON.parse(json.toString()) as CaseHeader;
    const voxels = this.header.size[0] * this.header.size[1] * this.header.size[2];
    this.#imageAt = 12 + json.length;
    this.#labelsAt = this.#imageAt + voxels * 2;
    this.#positionsAt = align(this.#labelsAt + voxels, 4);
  }

  /** The stored int16 of a box, i fastest. */
  image({ low, size }: Region): Int16Array {
    const out = new Int16Array(size[0] * size[1] * size[2]);
    this.#read({ low, size }, new Uint8Array(out.buffer), this.#imageAt, 2);
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

  /** Whole rows of j are read at once: one read a slice. */
  #read({ low, size }: Region, out: Uint8Array, base: number, width: number): void {
    const [ni, nj] = this.header.size;
    const rows = Buffer.alloc(((size[1] - 1) * ni + size[0]) * width);
    for (let k = 0, at = 0; k < size[2]; k++) {
      const from = base + (((k + low[2]) * nj + low[1]) * ni + low[0]) * width;
      if (readSync(this.#file, rows, 0, rows.length, from) !== rows.length) throw damaged(this.header.name);
      for (let j = 0; j < size[1]; j++, at += size[0] * width) out.set(rows.subarray(j * ni * width, (j * ni + size[0]) * width), at);
    }
  }
}

function damaged(path: string): StudioError {
  return new StudioError('corrupt', 'A prepared training case is damaged; delete the folder of prepared cases and start again.', { detail: path });
}
