/** A reader of the tests' own: nothing here uses the project's code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';

/** A NIfTI-1 label file of one byte a voxel, little endian. */
export interface LabelFile {
  readonly size: readonly [number, number, number];
  /** Of a voxel, in ml. */
  readonly millilitres: number;
  readonly data: Uint8Array;
}

export function readLabelFile(path: string): LabelFile {
  const bytes = gunzipSync(readFileSync(path));
  expect([bytes.readInt32LE(0), bytes.readInt16LE(70)]).toEqual([348, 2]);
  const size = [bytes.readInt16LE(42), bytes.readInt16LE(44), bytes.readInt16LE(46)] as const;
  const data = new Uint8Array(bytes.subarray(bytes.readFloatLE(108)));
  expect(data.length).toBe(size[0] * size[1] * size[2]);
  return { size, millilitres: (bytes.readFloatLE(80) * bytes.readFloatLE(84) * bytes.readFloatLE(88)) / 1000, data };
}

/** Voxels by value. */
export function voxelsOf(data: ArrayLike<number>): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (let at = 0; at < data.length; at++) found.set(data[at] ?? 0, (found.get(data[at] ?? 0) ?? 0) + 1);
  return found;
}

/** Dice of one label. */
export function diceOf(one: ArrayLike<number>, other: ArrayLike<number>, label: number): number {
  let [both, all] = [0, 0];
  for (let at = 0; at < one.length; at++) {
    const [a, b] = [one[at] === label, other[at] === label];
    all += Number(a) + Number(b);
    both += Number(a && b);
  }
  return all === 0 ? 1 : (2 * both) / all;
}

/** Rows of a project's database as any reader sees them. */
export function rowsOf<Row>(project: string, query: string): readonly Row[] {
  const database = new DatabaseSync(join(project, 'library.sqlite'), { readOnly: true });
  try {
    return database.prepare(query).all() as unknown as readonly Row[];
  } finally {
    database.close();
  }
}
