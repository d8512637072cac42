import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyDelta,
  composeDeltas,
  decodeDelta,
  decodeMask,
  encodeMask,
  fits,
  freePolicy,
  invertDelta,
  mergeDeltas,
  paint,
  revertDelta,
  type Delta,
} from '#shared/segmentation/index.ts';
import { DeltaWriter } from '#shared/segmentation/delta.ts';
import type { LabelVolume, Triple } from '#shared/geometry/grid.ts';
import { blobs, copyOf, forEach, gridOf } from './support.ts';

const size: Triple = [7, 5, 4];
const labels = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 140, maxLength: 140 });

/** The delta that turns one array into the other. */
function between(before: ArrayLike<number>, after: ArrayLike<number>): Delta {
  const writer = new DeltaWriter(size);
  for (let at = 0; at < before.length; at++)
    if (before[at] !== after[at]) writer.record(at, at + 1, before[at] as number, after[at] as number);
  return writer.finish();
}
const volumeOf = (values: readonly number[]): LabelVolume => ({ grid: gridOf(size), data: Uint8Array.from(values) });

describe('a delta', () => {
  it('applies, reverts, and knows its box and count', () => {
    fc.assert(
      fc.property(labels, labels, (before, after) => {
        const delta = decodeDelta(between(before, after).bytes);
        const volume = volumeOf(before);
        expect(fits(volume, delta)).toBe(true);
        applyDelta(volume, delta);
        expect([...volume.data]).toEqual(after);
        expect(delta.changed).toBe(before.filter((label, at) => label !== after[at]).length);
        const [lower, upper] = [
          [Infinity, Infinity, Infinity],
          [0, 0, 0],
        ];
        forEach(size, (i, j, k, at) => {
          if (before[at] === after[at]) return;
          [i, j, k].forEach((n, axis) => {
            lower[axis] = Math.min(lower[axis] as number, n);
            upper[axis] = Math.max(upper[axis] as number, n + 1);
          });
        });
        if (delta.box === null) expect(delta.changed).toBe(0);
        // A run over a row's end may claim the whole row: the box is never too small.
        else {
          for (const axis of [0, 1, 2] as const) {
            expect(delta.box.lower[axis]).toBeLessThanOrEqual(lower[axis] as number);
            expect(delta.box.upper[axis]).toBeGreaterThanOrEqual(upper[axis] as number);
          }
        }
        revertDelta(volume, delta);
        expect([...volume.data]).toEqual(before);
      }),
      { seed: 1 },
    );
  });

  it('inverts and composes', () => {
    fc.assert(
      fc.property(labels, labels, labels, labels, (a, b, c, d) => {
        const [ab, bc, cd] = [between(a, b), between(b, c), between(c, d)];
        expect(invertDelta(ab).bytes).toEqual(between(b, a).bytes);
        expect(composeDeltas(ab, bc).bytes).toEqual(between(a, c).bytes);
        expect(mergeDeltas([ab, bc, cd]).bytes).toEqual(between(a, d).bytes);
      }),
      { seed: 2 },
    );
  });

  it('refuses every damaged byte', () => {
    const { bytes } = between(
      Array.from({ length: 140 }, () => 0),
      Array.from({ length: 140 }, (_, n) => (n % 7 > 2 ? 1 : 0)),
    );
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      expect(() => decodeDelta(damaged)).toThrow(/damaged/);
    }
    for (let length = 0; length < bytes.length; length++) expect(() => decodeDelta(bytes.slice(0, length))).toThrow(/damaged/);
  });

  it('is small: about three bytes a row of a ball', () => {
    const volume: LabelVolume = { grid: gridOf([512, 512, 30]), data: new Uint8Array(512 * 512 * 30) };
    const delta = paint({ volume, policy: freePolicy }, { kind: 'ball', centre: [250, 250, 15], radius: 10 }, 3);
    expect(delta.changed).toBe(4169);
    expect(delta.bytes.length).toBeLessThan(delta.runs * 3.5 + 40);
  });

  it('refuses another volume', () => {
    const delta = between([0], [1]);
    expect(() => applyDelta(blobs([3, 3, 3], 1), delta)).toThrow(/damaged/);
  });
});

describe('an encoded mask', () => {
  it('comes back as it was, with its place in the world', () => {
    for (let seed = 1; seed < 20; seed++) {
      const volume = blobs([9, 8, 7], seed, 4, [0.5, 0, 0, 1, 0, -2, 0.1, 2, 0, 0.2, 3, -7]);
      const back = decodeMask(encodeMask(volume));
      expect(back).toEqual(volume);
      const wide: LabelVolume = { grid: volume.grid, data: Uint16Array.from(volume.data, (label) => label * 300) };
      expect(decodeMask(encodeMask(wide))).toEqual(wide);
    }
  });

  it('holds one run for each stretch of a label, wherever it begins and ends in memory', () => {
    for (const begin of [0, 1, 2, 3])
      for (const first of [0, 1, 3, 4, 6, 21])
        for (const second of [1, 2, 5, 8, 19]) {
          const values = Uint8Array.from({ length: begin + first + second + 7 }, (_, at) =>
            at < begin + first ? 1 : at < begin + first + second ? 2 : 1,
          );
          const stretches = first === 0 ? 2 : 3;
          for (const data of [values.subarray(begin), Uint16Array.from(values).subarray(begin)]) {
            const volume = { grid: gridOf([data.length, 1, 1]), data } as LabelVolume;
            const bytes = encodeMask(volume);
            expect(decodeMask(bytes)).toEqual({ ...volume, data: data.slice() });
            // magic, format, bytes a voxel, size, affine, two bytes a run, checksum
            expect(bytes.length).toBe(4 + 1 + 1 + 3 + 12 * 8 + 2 * stretches + 4);
          }
        }
  });

  it('refuses damage, and sizes that it is not asked to open', () => {
    const bytes = encodeMask(blobs([9, 8, 7], 3));
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = copyOf({ grid: gridOf([bytes.length, 1, 1]), data: bytes }).data as Uint8Array;
      damaged[at] = (damaged[at] as number) ^ 0x10;
      expect(() => decodeMask(damaged)).toThrow(/damaged/);
    }
    expect(() => decodeMask(bytes, { maximumVoxels: 503 })).toThrow(/more voxels/);
  });
});
