import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { LpsPoint, Triple } from '#shared/geometry/grid.ts';
import {
  applyDelta,
  countSteps,
  decodeHistory,
  decodeRecord,
  encodeHistory,
  encodeMask,
  freePolicy,
  grow,
  paint,
  revertDelta,
  SegmentationDocument,
} from '#shared/segmentation/index.ts';
import { blobs, copyOf } from './support.ts';

const size: Triple = [24, 20, 16];
const dab = (document: SegmentationDocument, random: Random) =>
  paint(
    { volume: document.volume, policy: freePolicy },
    { kind: 'ball', centre: size.map((n) => random.uniform(0, n)) as unknown as LpsPoint, radius: random.uniform(1, 5) },
    random.integer(4),
  );

/** A session of strokes, operations, undos and redos. */
function session(document: SegmentationDocument, random: Random, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const choice = random.integer(10);
    if (choice < 4) {
      const stroke = document.begin(`Stroke ${step}`);
      for (let n = random.integer(6); n >= 0; n--) stroke.add(dab(document, random));
      if (random.integer(5) === 0) stroke.cancel();
      else stroke.commit();
    } else if (choice < 6)
      document.push(`Grow ${step}`, grow({ volume: document.volume, policy: freePolicy }, 1 + random.integer(3), random.uniform(-2, 2)));
    else if (choice < 9) document.undo();
    else document.redo();
  }
}

describe('a segmentation document', () => {
  it('undoes everything and does everything again', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const before = blobs(size, seed);
      const document = new SegmentationDocument(copyOf(before));
      session(document, new Random(seed), 30);
      while (document.redo() !== null);
      const last = encodeMask(document.volume);
      const count = document.history.edits.length;
      let undone = 0;
      while (document.undo() !== null) undone++;
      expect(undone).toBe(count);
      expect(document.volume).toEqual(before);
      while (document.redo() !== null);
      expect(encodeMask(document.volume)).toEqual(last);
    }
  });

  it('tells its journal everything: the records alone lead to the same mask and history', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const before = blobs(size, seed);
      const records: Uint8Array[] = [];
      const document = new SegmentationDocument(copyOf(before), { sink: (record) => records.push(record) });
      session(document, new Random(seed), 30);
      const replayed = new SegmentationDocument(copyOf(before));
      for (const record of records.map(decodeRecord)) {
        if (record.kind === 'undo') replayed.undo();
        else if (record.kind === 'redo') replayed.redo();
        else if (record.kind === 'edit') replayed.apply(record.edit.name, record.edit.delta);
      }
      expect(replayed.volume).toEqual(document.volume);
      expect(replayed.history.edits.map((edit) => edit.name)).toEqual(document.history.edits.map((edit) => edit.name));
      expect(replayed.history.done).toBe(document.history.done);
    }
  });

  it('tells its listeners every change, so that a copy follows', () => {
    const document = new SegmentationDocument(blobs(size, 3));
    const mirror = copyOf(document.volume);
    document.subscribe(({ box, delta }) => {
      expect(delta.box).toEqual(box);
      applyDelta(mirror, delta);
    });
    session(document, new Random(9), 40);
    expect(mirror).toEqual(document.volume);
  });

  it('survives being written down', () => {
    const document = new SegmentationDocument(blobs(size, 4));
    session(document, new Random(4), 25);
    const back = SegmentationDocument.restore(encodeMask(document.volume), encodeHistory(document.history));
    expect(back.volume).toEqual(document.volume);
    expect(back.history.undoName).toBe(document.history.undoName);
    expect(back.history.redoName).toBe(document.history.redoName);
    while (back.undo() !== null) document.undo();
    expect(back.volume).toEqual(document.volume);
    expect(() => decodeHistory(encodeHistory(document.history).subarray(0, -3))).toThrow(/damaged/);
  });

  it('counts in its records what a person would count', () => {
    const records: Uint8Array[] = [];
    const document = new SegmentationDocument(blobs(size, 4), { sink: (record) => records.push(record) });
    const random = new Random(1);
    const stroke = document.begin('Brush');
    for (let n = 0; n < 5; n++) stroke.add(dab(document, random));
    expect(countSteps(records)).toBe(1);
    stroke.commit();
    document.undo();
    expect(countSteps(records)).toBe(2);
    const given = document.begin('Brush');
    given.add(dab(document, random));
    given.cancel();
    expect(countSteps(records)).toBe(2);
  });

  it('makes one named step of a stroke', () => {
    const document = new SegmentationDocument(blobs(size, 4));
    const stroke = document.begin('Brüsh “3D” 画');
    const random = new Random(1);
    for (let n = 0; n < 20; n++) stroke.add(dab(document, random));
    stroke.commit();
    expect(document.history.edits).toHaveLength(1);
    expect(document.history.undoName).toBe('Brüsh “3D” 画');
    expect(decodeHistory(encodeHistory(document.history)).undoName).toBe('Brüsh “3D” 画');
  });

  it('lets an edit that changed nothing leave no step, and an open stroke bar undo', () => {
    const document = new SegmentationDocument(blobs(size, 4));
    expect(document.push('Nothing', grow({ volume: document.volume, policy: freePolicy }, 9, 1))).toBeNull();
    const stroke = document.begin('Open');
    expect(() => document.undo()).toThrow(/Finish the stroke/);
    expect(stroke.commit()).toBeNull();
    expect(() => stroke.add(dab(document, new Random(1)))).toThrow(/finished/);
    expect(document.undo()).toBeNull();
  });

  it('refuses an edit from a worker once the mask has changed under it', () => {
    const document = new SegmentationDocument(blobs(size, 4));
    const worker = copyOf(document.volume);
    const delta = grow({ volume: worker, policy: freePolicy }, 1, 2);
    document.apply('Grow', delta);
    expect(document.volume).toEqual(worker);
    expect(() => document.apply('Grow', delta)).toThrow(/has changed/);
    revertDelta(worker, delta);
    document.undo();
    expect(document.volume).toEqual(worker);
  });
});
