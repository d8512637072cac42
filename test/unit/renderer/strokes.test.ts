import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinPieces, MemoryShelf, shelfBytes, type Unsaved } from '#renderer/api/shelf.ts';
import { decodeStrokes, encodeStrokes } from '#renderer/stores/strokes.ts';

const unsaved: fc.Arbitrary<Unsaved> = fc.record({
  project: fc.constant(''),
  caseId: fc.uuid(),
  caseName: fc.string({ unit: 'grapheme' }),
  session: fc.uuid(),
  base: fc.option(fc.record({ session: fc.uuid(), sequence: fc.nat() })),
  sequence: fc.nat(),
  since: fc.nat(),
  records: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 8 }),
});

describe('strokes that are saved elsewhere', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(unsaved, (strokes) => {
        expect(decodeStrokes(encodeStrokes(strokes))).toEqual(strokes);
      }),
    );
  });

  it('are refused in one sentence where the file is another or damaged', () => {
    fc.assert(
      fc.property(unsaved, fc.nat(), (strokes, at) => {
        const bytes = encodeStrokes(strokes);
        const cut = bytes.slice(0, at % bytes.length);
        expect(() => decodeStrokes(cut)).toThrow(/not a file of recovered strokes/);
      }),
    );
    expect(() => decodeStrokes(new Uint8Array(300).fill(0xff))).toThrow(/not a file of recovered strokes/);
  });
});

describe('the shelf', () => {
  it('gives the pieces of a session back as one, whatever part of them was acknowledged', () => {
    fc.assert(
      fc.property(unsaved, fc.array(fc.nat(8), { maxLength: 4 }), (whole, cuts) => {
        const ends = [...new Set([0, ...cuts.filter((cut) => cut < whole.records.length)])].toSorted((a, b) => a - b);
        const pieces = ends.map((from, index) => ({
          ...whole,
          sequence: whole.sequence + from,
          records: whole.records.slice(from, ends[index + 1]),
        }));
        expect(joinPieces(pieces.toReversed())).toEqual([whole]);
      }),
    );
  });

  it('holds no more than its bound', async () => {
    const shelf = new MemoryShelf();
    const large = { byteLength: shelfBytes - 10 } as Uint8Array;
    const [some] = fc.sample(unsaved, 1);
    if (some === undefined) return;
    await shelf.put({ ...some, records: [large] });
    await expect(async () => shelf.put({ ...some, session: 'other', records: [new Uint8Array(11)] })).rejects.toMatchObject({
      code: 'unsupported',
    });
    expect(await shelf.list()).toHaveLength(1);
  });
});
