import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDocument, type CaseDocument } from '#main/document/index.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { encodeMask, encodeRecord, freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';

const grid: Grid = { size: [40, 32, 24], affine: [0.8, 0, 0, 0, 0, 0.8, 0, 0, 0, 0, 2, 0] };
const caseId = 'case-1';
let folder: string;
let opened: CaseDocument[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'document-'));
  opened = [];
});
afterEach(async () => {
  for (const document of opened) await document.close().catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
});

/** Opening again without closing is what a crash leaves behind. */
async function open(options: { snapshotBytes?: number } = {}): Promise<CaseDocument> {
  const document = await openDocument(folder, { caseId, grid, ...options });
  opened.push(document);
  return document;
}

/** A window on the document: edits, and what it still has to send. */
function windowOn(document: CaseDocument): {
  editor: SegmentationDocument;
  records: Uint8Array[];
  send(): Promise<void>;
  dab(x: number, label?: number): void;
} {
  const { mask, history } = document.state();
  const records: Uint8Array[] = [];
  const editor = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
  return {
    editor,
    records,
    send: () => document.append(records.splice(0)),
    dab(x, label = 1) {
      editor.push(
        `Dab ${x}`,
        paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre: [x, 10, 20], radius: 4 }, label),
      );
    },
  };
}

const sameMask = (document: CaseDocument, editor: SegmentationDocument): boolean =>
  Buffer.compare(document.state().mask, encodeMask(editor.volume)) === 0;

describe('a case document', () => {
  it('brings mask and undo history back after a crash, and says so', async () => {
    const document = await open();
    const { editor, send, dab } = windowOn(document);
    for (const x of [5, 8, 12, 20]) dab(x, (x % 2) + 1);
    editor.undo();
    await send();
    const again = await open();
    expect(sameMask(again, editor)).toBe(true);
    expect(again.history.undoName).toBe('Dab 12');
    expect(again.history.redoName).toBe('Dab 20');
    expect(again.recovery).toMatchObject({ caseId, changes: 5, unfinished: null, droppedBytes: 0 });
    expect(again.recovery?.sentence).toContain('5 changes');
    while (editor.undo() !== null);
    const empty = windowOn(again);
    while (empty.editor.undo() !== null);
    expect(empty.editor.volume.data.every((label) => label === 0)).toBe(true);
    await again.close();
  });

  it('keeps the history over a clean close and reports no recovery', async () => {
    const document = await open();
    const { editor, send, dab } = windowOn(document);
    dab(10);
    dab(14, 2);
    await send();
    await document.close();
    const again = await open();
    expect(again.recovery).toBeNull();
    expect(again.history.edits.map((edit) => edit.name)).toEqual(['Dab 10', 'Dab 14']);
    expect(sameMask(again, editor)).toBe(true);
    await again.close();
  });

  it('keeps what was drawn of an open stroke as an edit of its own', async () => {
    const document = await open();
    const { editor, send, dab } = windowOn(document);
    dab(6);
    const stroke = editor.begin('Brush');
    for (let x = 8; x < 20; x++)
      stroke.add(paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre: [x, 10, 20], radius: 3 }, 2));
    await send();
    const again = await open();
    expect(again.recovery).toMatchObject({ changes: 1, unfinished: 'Brush' });
    expect(sameMask(again, editor)).toBe(true);
    expect(again.history.undoName).toBe('Brush');
    // Once recovered it is an edit like any other.
    const third = await open();
    expect(third.recovery).toMatchObject({ changes: 2, unfinished: null });
    expect(sameMask(third, editor)).toBe(true);
    await third.close();
  });

  it('gives an abandoned stroke up on both sides', async () => {
    const document = await open();
    const { editor, send, dab } = windowOn(document);
    dab(6);
    const stroke = editor.begin('Brush');
    stroke.add(paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre: [20, 10, 20], radius: 3 }, 2));
    await send();
    stroke.cancel();
    await send();
    expect(sameMask(document, editor)).toBe(true);
    expect(document.history.edits).toHaveLength(1);
    await document.close();
  });

  it('refuses records that do not fit and stays as it was', async () => {
    const document = await open();
    const first = windowOn(document);
    const second = windowOn(document);
    first.dab(10);
    second.dab(10, 2);
    await first.send();
    const before = document.state();
    await expect(second.send()).rejects.toMatchObject({ code: 'conflict' });
    await expect(document.append([new Uint8Array([9, 9, 9])])).rejects.toMatchObject({ code: 'corrupt' });
    const undo = encodeRecord({ kind: 'undo', at: 0 });
    await expect(document.append([undo], { session: 'a', sequence: 7 })).rejects.toMatchObject({ code: 'conflict' });
    expect(document.state()).toEqual(before);
    await document.close();
  });

  it('drops a torn tail, at every length of it', async () => {
    const document = await open();
    const { dab, send, editor } = windowOn(document);
    dab(8);
    await send();
    const [name] = readdirSync(folder).filter((file) => file.startsWith('journal.'));
    const path = join(folder, String(name));
    const sound = readFileSync(path).length;
    const expected = encodeMask(editor.volume);
    dab(20, 2);
    await send();
    const whole = readFileSync(path);
    for (let length = sound; length < whole.length; length += 3) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const again = await open();
      expect(Buffer.compare(again.state().mask, expected)).toBe(0);
      expect(again.recovery).toMatchObject({ changes: 1, droppedBytes: length - sound });
      expect(readFileSync(path).length).toBe(sound);
    }
  });

  it('loses nothing when the head of a journal is damaged', async () => {
    const document = await open();
    const { dab, send, editor } = windowOn(document);
    dab(8);
    const stroke = editor.begin('Brush');
    stroke.add(paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre: [20, 10, 20], radius: 3 }, 2));
    await send();
    const path = join(folder, 'journal.0.log');
    const bytes = readFileSync(path);
    bytes[20] = ~(bytes[20] as number) & 0xff;
    writeFileSync(path, bytes);
    for (let opening = 0; opening < 2; opening++) {
      const again = await open();
      expect(sameMask(again, editor)).toBe(true);
      expect(again.history.edits.map(({ name }) => name)).toEqual(['Dab 8', 'Brush']);
      const { dab: more, send: save } = windowOn(again);
      if (opening === 0) expect(again.recovery).toMatchObject({ changes: 1, unfinished: 'Brush' });
      else more(30);
      await save();
      if (opening === 1) expect((await open()).history.edits).toHaveLength(3);
    }
  });

  it('keeps a copy of a journal that is damaged inside', async () => {
    const document = await open();
    const { dab, send } = windowOn(document);
    for (const x of [8, 12, 16]) {
      dab(x);
      await send();
    }
    const path = join(folder, 'journal.0.log');
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = ~(bytes[bytes.length >> 1] as number) & 0xff;
    writeFileSync(path, bytes);
    const again = await open();
    expect(again.recovery?.sentence).toContain('damaged');
    expect(again.history.edits.length).toBeLessThan(3);
    const [copy] = readdirSync(folder).filter((name) => name.startsWith('damaged.'));
    expect(readFileSync(join(folder, String(copy))).equals(bytes)).toBe(true);
  });

  it('falls back to the snapshot before when the newest is damaged, and loses nothing', async () => {
    const document = await open();
    const { dab, send, editor } = windowOn(document);
    dab(8);
    await send();
    await document.snapshot();
    dab(20, 2);
    await send();
    const newest = join(folder, 'mask.1.snapshot');
    const bytes = readFileSync(newest);
    bytes[bytes.length >> 1] = ~(bytes[bytes.length >> 1] as number) & 0xff;
    writeFileSync(newest, bytes);
    const again = await open();
    expect(sameMask(again, editor)).toBe(true);
    expect(again.history.edits).toHaveLength(2);
    await again.close();
    const after = await open();
    expect(after.recovery).toBeNull();
    expect(sameMask(after, editor)).toBe(true);
  });

  it('compacts by itself and keeps the undo history', async () => {
    const document = await open({ snapshotBytes: 2000 });
    const { dab, send, editor } = windowOn(document);
    for (let x = 0; x < 40; x++) {
      dab(x / 2, 1 + (x % 3));
      await send();
    }
    await document.close();
    const generations = readdirSync(folder).filter((file) => file.startsWith('mask.'));
    expect(generations.length).toBeLessThanOrEqual(2);
    expect(generations).not.toContain('mask.0.snapshot');
    const again = await open();
    expect(again.history.edits).toHaveLength(document.history.edits.length);
    expect(sameMask(again, editor)).toBe(true);
    await again.close();
  });

  it('takes what comes at once in order, and what comes twice once', async () => {
    const document = await open();
    const { dab, records, editor } = windowOn(document);
    const sent: Promise<void>[] = [];
    for (let x = 2; x < 30; x++) {
      dab(x, 1 + (x % 2));
      sent.push(document.append(records.slice(0, x - 1), { session: 'a', sequence: 0 }));
    }
    await Promise.all(sent);
    expect(document.writer).toEqual({ session: 'a', sequence: 28 });
    expect(document.history.edits).toHaveLength(28);
    expect(sameMask(document, editor)).toBe(true);
    await document.close();
    await expect(document.append([])).rejects.toMatchObject({ code: 'conflict' });
  });
});
