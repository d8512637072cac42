import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { CaseReader, encodeCase } from '#main/training/caseFile.ts';

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
  it('give back every box of image and classes to 16 bits', () => {
    const reader = open();
    for (const region of [{ low: [0, 0, 0], size }, { low: [2, 1, 3], size: [4, 5, 2] }, { low: [6, 5, 4], size: [1, 1, 1] }] as const) {
      const stored = reader.image(region);
      const kinds = reader.classes(region);
      let at = 0;
      for (let k = 0; k < region.size[2]; k++) for (let j = 0; j < region.size[1]; j++) for (let i = 0; i < region.size[0]; i++, at++) {
        const voxel = ((k + region.low[2]) * size[1] + j + region.low[1]) * size[0] + i + region.low[0];
        expect((stored[at] as number) * reader.header.scale + reader.header.offset).toBeCloseTo(image[voxel] as number, 3);
        expect(kinds[at]).toBe(classes[voxel]);
      }
    }
    reader.close();
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

  it('refuse what is none', () => {
    const path = join(folder, 'b.case');
    writeFileSync(path, 'not a case at all');
    expect(() => new CaseReader(path)).toThrow(/damaged/);
    const whole = encodeCase('c', size, [1, 2, 3], image, classes);
    writeFileSync(path, whole.subarray(0, whole.length - 300));
    const reader = new CaseReader(path);
    expect(() => reader.classes({ low: [0, 0, 0], size })).toThrow(/damaged/);
    reader.close();
  });
});
