import { closeSync, existsSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import { sliceLength, type SlicePlane } from './slices.ts';

const header = v.object({
  format: v.literal(1),
  plane: v.object({ rows: v.number(), columns: v.number(), factor: v.number(), channels: v.optional(v.number()) }),
  cases: v.array(v.object({ id: v.string(), first: v.number(), count: v.number() })),
});

/** Which rows are which case's slices. */
export interface SliceRange {
  readonly id: string;
  readonly first: number;
  readonly count: number;
}

/** Writes the slices of one case after the other: slices.f32 (float32, little-endian) and, at the end, slices.json. */
export class SliceWriter {
  readonly #folder: string;
  readonly #plane: SlicePlane;
  readonly #file: number;
  readonly #cases: SliceRange[] = [];
  #rows = 0;

  constructor(folder: string, plane: SlicePlane) {
    this.#folder = folder;
    this.#plane = plane;
    this.#file = openSync(join(folder, 'slices.f32'), 'w');
  }

  add(id: string, vectors: Float32Array): void {
    const count = vectors.length / sliceLength(this.#plane);
    writeSync(this.#file, new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength));
    this.#cases.push({ id, first: this.#rows, count });
    this.#rows += count;
  }

  /** The store counts as written from here on. `write` makes a file durable and whole. */
  finish(write: (path: string, text: string) => void): void {
    fsyncSync(this.#file);
    closeSync(this.#file);
    write(join(this.#folder, 'slices.json'), JSON.stringify({ format: 1, plane: this.#plane, cases: this.#cases }));
  }
}

/** Slices on disk, read by row: no more of them is ever in memory than is asked for. */
export class SliceStore implements Disposable {
  readonly plane: SlicePlane;
  readonly cases: readonly SliceRange[];
  readonly dimension: number;
  readonly rows: number;
  readonly #file: number;

  /** Throws `corrupt` where the folder holds no finished store. */
  constructor(folder: string) {
    const path = join(folder, 'slices.json');
    const parsed = v.safeParse(header, existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null);
    if (!parsed.success)
      throw new StudioError('corrupt', 'The prepared slices are damaged; delete the clustering folder and start again.', {
        detail: folder,
      });
    this.plane = parsed.output.plane;
    this.cases = parsed.output.cases;
    this.dimension = sliceLength(this.plane);
    this.rows = this.cases.reduce((sum, each) => sum + each.count, 0);
    this.#file = openSync(join(folder, 'slices.f32'), 'r');
  }

  static exists(folder: string): boolean {
    return existsSync(join(folder, 'slices.json'));
  }

  /** The vectors of `count` rows from `first` on. */
  read(first: number, count: number): Float32Array {
    const out = new Float32Array(count * this.dimension);
    this.#fill(first, out);
    return out;
  }

  /** The vectors of some rows, in their order. */
  pick(rows: readonly number[]): Float32Array {
    const out = new Float32Array(rows.length * this.dimension);
    for (const [place, row] of rows.entries()) this.#fill(row, out.subarray(place * this.dimension, (place + 1) * this.dimension));
    return out;
  }

  dispose(): void {
    closeSync(this.#file);
  }

  #fill(first: number, out: Float32Array): void {
    const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
    if (readSync(this.#file, bytes, 0, bytes.length, first * this.dimension * 4) !== bytes.length) {
      throw new StudioError('corrupt', 'The prepared slices are damaged; delete the clustering folder and start again.');
    }
  }
}
