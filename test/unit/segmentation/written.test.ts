import { describe, expect, it } from 'vitest';
import { identityAffine } from '#shared/geometry/affine.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { freePolicy, paint, SegmentationDocument, writeAgain, writtenBy } from '#shared/segmentation/index.ts';

const grid = { size: [12, 10, 8] as Triple, affine: identityAffine };
const empty = () => ({ grid, data: new Uint8Array(12 * 10 * 8) });

function begin() {
  const records: Uint8Array[] = [];
  const document = new SegmentationDocument(empty(), { sink: (record) => records.push(record) });
  const draw = (x: number, label: number) =>
    paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [x, 5, 4], radius: 1.5 }, label);
  return { records, document, draw, dab: (x: number, label: number) => document.push('Dab', draw(x, label)) };
}

describe('what records wrote', () => {
  it('is the last of each voxel, without what was undone, with the open stroke', () => {
    const { records, document, draw, dab } = begin();
    dab(3, 1);
    dab(8, 2);
    document.undo();
    dab(4, 0);
    document.begin('Brush').add(draw(9, 3));
    const written = writtenBy(records, grid);
    const data = written?.layer.data ?? new Uint8Array();
    expect(new Set(data)).toEqual(new Set([0, 1, 3, written?.erased]));
    expect(data.map((value) => (value === written?.erased ? 0 : value))).toEqual(document.volume.data);
  });

  it('goes into another mask where that may be changed, and leaves the rest of it', () => {
    const { records, dab } = begin();
    dab(3, 1);
    dab(4, 0);
    dab(8, 2);
    const written = writtenBy(records, grid);
    if (written === null) throw new Error('nothing');
    const other = { grid, data: new Uint8Array(12 * 10 * 8).fill(5) };
    other.data.fill(6, 0, 12 * 10 * 4);
    const delta = writeAgain(other, { overwrite: 'all', locked: [6] }, written, [1, 5, 6]);
    other.data.forEach((value, at) => {
      const now = written.layer.data[at];
      const before = at < 12 * 10 * 4 ? 6 : 5;
      expect(value).toBe(before === 6 || now === 0 || now === 2 ? before : now === written.erased ? 0 : now);
    });
    expect(delta.changed).toBeGreaterThan(0);
  });

  it('is nothing where all of it was undone before, and refused of another image', () => {
    const { records, document, dab } = begin();
    dab(3, 1);
    document.undo();
    document.redo();
    expect(writtenBy(records.slice(0, 2), grid)).toBeNull();
    expect(writtenBy(records.slice(1), grid)).toBeNull(); // Undo and redo of what came before.
    expect(() => writtenBy(records, { ...grid, size: [10, 12, 8] })).toThrow('another size');
  });
});
