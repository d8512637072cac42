import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { CaseReader, encodeCase, IGNORED_CLASS, isCase } from '#main/training/patches/caseFile.ts';

const folder = mkdtempSync(join(tmpdir(), 'case-'));
afterAll(() => rmSync(folder, { recursive: true }));

const size: Triple = [7, 6, 5];
const image = Float32Array.from({ length: 210 }, (_, at) => Math.sin(at) * 3);
const classes = Uint8Array.from({ length: 210 }, (_, at) => (at % 11 === 0 ? 2 : at % 50 === 3 ? 1 : 0));

function open(): CaseReader {
  const path = join(folder, 'a.case');
  writeFileSync(path, encodeCase('a', size, [1, 2, 3], image, classes));
  return new CaseReader(path);
}

describe('case files', () => {
  it('never offer a voxel that nobody marked as the middle of a patch', () => {
    const path = join(folder, 'marked.case');
    const partly = classes.map((value, at) => (at % 2 === 0 ? IGNORED_CLASS : value));
    writeFileSync(path, encodeCase('a', size, [1, 2, 3], image, partly));
    const reader = new CaseReader(path);
    expect(reader.header.positions.map(({ classIndex }) => classIndex).sort()).toEqual([1, 2]);
    expect(reader.classes({ low: [0, 0, 0], size })).toEqual(partly);
    reader.close();
  });

  it('give back every box of image and classes to 16 bits', () => {
    const reader = open();
    for (const region of [
      { low: [0, 0, 0], size },
      { low: [2, 1, 3], size: [4, 5, 2] },
      { low: [6, 5, 4], size: [1, 1, 1] },
    ] as const) {
      const stored = reader.image(region);
      const kinds = reader.classes(region);
      let at = 0;
      for (let k = 0; k < region.size[2]; k++)
        for (let j = 0; j < region.size[1]; j++)
          for (let i = 0; i < region.size[0]; i++, at++) {
            const voxel = ((k + region.low[2]) * size[1] + j + region.low[1]) * size[0] + i + region.low[0];
            expect((stored[at] as number) * reader.header.scale + reader.header.offset).toBeCloseTo(image[voxel] as number, 3);
            expect(kinds[at]).toBe(classes[voxel]);
          }
    }
    reader.close();
  });

  it('of one channel are byte for byte what they were before there were several', () => {
    const bytes = encodeCase('a', size, [1, 2, 3], image, classes);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe('bc8227589d42c89188f1864187e6ac5ef85ea82aa42753de0d7859391864d072');
    expect(encodeCase('a', size, [1, 2, 3], [image], classes)).toEqual(bytes);
  });

  it('hold several channels, each by its own scale, zeros for one that is missing, and sums of them all', () => {
    const path = join(folder, 'channels.case');
    const second = image.map((value) => 1000 - 40 * value);
    const whole = encodeCase('a', size, [1, 2, 3], [image, null, second], classes);
    writeFileSync(path, whole);
    const reader = new CaseReader(path);
    expect([reader.header.further.length, reader.header.missing]).toEqual([2, [1]]);
    const region = { low: [2, 1, 3], size: [4, 5, 2] } as const;
    const found = reader.intensities(region, [2, 1, 0]);
    for (let k = 0, at = 0; k < 2; k++)
      for (let j = 0; j < 5; j++)
        for (let i = 0; i < 4; i++, at++) {
          const voxel = ((k + 3) * size[1] + j + 1) * size[0] + i + 2;
          expect(found[at]).toBeCloseTo(second[voxel] as number, 1);
          expect(found[40 + at]).toBe(0);
          expect(found[80 + at]).toBeCloseTo(image[voxel] as number, 3);
        }
    expect(reader.classes({ low: [0, 0, 0], size })).toEqual(classes);
    expect(() => reader.channel(3)).toThrow(/damaged/);
    reader.close();
    const places = 4 * classes.filter((value) => value > 0).length;
    for (let at = 0; at < whole.length - places - 4; at += 7) {
      const harmed = whole.slice();
      harmed[at] = (harmed[at] as number) ^ 4;
      writeFileSync(path, harmed);
      expect(isCase(path), `byte ${at}`).toBe(false);
    }
  });

  it('point at voxels of each class', () => {
    const reader = open();
    expect(reader.header.positions.map(({ classIndex }) => classIndex)).toEqual([1, 2]);
    reader.header.positions.forEach(({ classIndex, count }, entry) => {
      expect(count).toBe(classes.filter((value) => value === classIndex).length);
      const seen = new Set<string>();
      for (let index = 0; index < count; index++) {
        const [i, j, k] = reader.position(entry, index);
        expect(classes[(k * size[1] + j) * size[0] + i]).toBe(classIndex);
        seen.add(`${i},${j},${k}`);
      }
      expect(seen.size).toBe(count);
    });
    reader.close();
  });

  it('refuse what is none, what is cut off, and any byte that is not what was written', () => {
    const path = join(folder, 'b.case');
    writeFileSync(path, 'not a case at all');
    expect(() => new CaseReader(path)).toThrow(/damaged/);
    const whole = encodeCase('c', size, [1, 2, 3], image, classes);
    writeFileSync(path, whole.subarray(0, whole.length - 300));
    expect(() => new CaseReader(path)).toThrow(/damaged/);
    const padding = whole.length - 4 * classes.filter((value) => value > 0).length - 2;
    for (let at = 0; at < whole.length; at++) {
      if (at === padding || at === padding + 1) continue; // two bytes between the sections belong to none
      const harmed = whole.slice();
      harmed[at] = (harmed[at] as number) ^ (1 << (at % 8));
      writeFileSync(path, harmed);
      expect(isCase(path), `byte ${at}`).toBe(false);
    }
    writeFileSync(path, whole);
    expect(isCase(path)).toBe(true);
  });

  it('of version 1, which had no sums, are prepared again and not refused', () => {
    const path = join(folder, 'd.case');
    const whole = Buffer.from(encodeCase('d', size, [1, 2, 3], image, classes));
    whole.write('LOGOCAS1', 'latin1');
    writeFileSync(path, whole);
    expect(isCase(path)).toBe(false);
  });
});
