import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDocument } from '#main/document/index.ts';
import { Random } from '#shared/base/random.ts';
import type { LpsPoint, Triple } from '#shared/geometry/grid.ts';
import {
  decodeHistory,
  decodeRecord,
  encodeHistory,
  encodeMask,
  encodeRecord,
  freePolicy,
  History,
  paint,
  RecordPlayer,
  SegmentationDocument,
  type DocumentRecord,
  type Stroke,
} from '#shared/segmentation/index.ts';

const size: Triple = [12, 10, 8];
const grid = { size, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] } as const;
const emptyMask = () => ({ grid, data: new Uint8Array(size[0] * size[1] * size[2]) });

type Action = 'begin' | 'dab' | 'commit' | 'cancel' | 'push' | 'undo' | 'redo' | 'send';
const actions = fc.array(
  fc.record({
    act: fc.constantFrom<Action>('begin', 'dab', 'dab', 'dab', 'commit', 'cancel', 'push', 'undo', 'undo', 'redo', 'send'),
    seed: fc.nat(1000),
  }),
  { maxLength: 40 },
);

function dab(document: SegmentationDocument, seed: number) {
  const random = new Random(seed);
  const centre = size.map((extent) => random.uniform(0, extent)) as unknown as LpsPoint;
  return paint(
    { volume: document.volume, policy: freePolicy },
    { kind: 'ball', centre, radius: random.uniform(0.5, 3) },
    random.integer(3),
  );
}

/** Mask and history without the times at which things were made. */
function shown({ volume, history }: { volume: Parameters<typeof encodeMask>[0]; history: History }): unknown {
  return {
    mask: Buffer.from(encodeMask(volume)).toString('base64'),
    edits: history.edits.map(({ name, delta }) => [name, Buffer.from(delta.bytes).toString('base64')]),
    done: history.done,
  };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'player-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a start after a crash at this moment would show. */
async function recovered(folder: string): Promise<unknown> {
  const copy = `${folder}-crashed`;
  cpSync(folder, copy, { recursive: true });
  try {
    const document = await openDocument(copy, { caseId: 'case', grid });
    const state = shown(document);
    await document.close();
    return state;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

describe('the record player', () => {
  it('leads window, host and recovery to the same mask and history', async () => {
    await fc.assert(
      fc.asyncProperty(actions, (steps) =>
        inFolder(async (folder) => {
          const host = await openDocument(folder, { caseId: 'case', grid, snapshotBytes: 600 });
          const unsent: Uint8Array[] = [];
          const window = new SegmentationDocument(emptyMask(), { sink: (record) => unsent.push(record) });
          let stroke: Stroke | null = null;
          let strokes = 0;
          for (const { act, seed } of steps) {
            if (act === 'begin') stroke ??= window.begin(`Stroke ${++strokes}`);
            else if (act === 'send') await host.append(unsent.splice(0));
            else if (stroke !== null) {
              if (act === 'dab') stroke.add(dab(window, seed));
              else if (act === 'commit' || act === 'cancel') {
                stroke[act]();
                stroke = null;
              }
            } else if (act === 'push') window.push(`Step ${seed}`, dab(window, seed));
            else if (act === 'undo' || act === 'redo') window[act]();
          }
          await host.append(unsent.splice(0));
          expect(encodeMask(host.volume)).toEqual(encodeMask(window.volume));
          const crashed = await recovered(folder);
          stroke?.commit();
          expect(crashed).toEqual(shown(window));
          await host.append(unsent.splice(0));
          expect(shown(host)).toEqual(shown(window));
          await host.close();
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('plays all of a batch or none, rolls back, and lets host and recovery decide alike on any sequence of records', async () => {
    const records = fc.array(
      fc.record({ kind: fc.constantFrom('edit', 'partial', 'partial', 'undo', 'redo', 'cancel'), from: fc.nat(3), seed: fc.nat(60) }),
      { maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(records, fc.nat(4), (drafts, batch) =>
        inFolder(async (folder) => {
          const host = await openDocument(folder, { caseId: 'case', grid });
          const player = new RecordPlayer(emptyMask(), new History());
          // Deltas made on an older or another state: some fit, some do not.
          const bases = [new SegmentationDocument(emptyMask())];
          const made = drafts.map(({ kind, from, seed }): DocumentRecord => {
            if (kind === 'undo' || kind === 'redo' || kind === 'cancel') return { kind, at: seed };
            const base = bases[Math.max(0, bases.length - 1 - from)] as SegmentationDocument;
            const next = SegmentationDocument.restore(encodeMask(base.volume), encodeHistory(new History()));
            const edit = { name: `${kind} ${seed}`, at: seed, delta: dab(next, seed) };
            bases.push(next);
            return { kind: kind as 'edit' | 'partial', edit };
          });
          while (made.length > 0) {
            const some = made.splice(0, batch + 1);
            const before = shown(player);
            const stroke = player.stroke;
            let fitted = true;
            try {
              player.play(some)();
              expect(shown(player)).toEqual(before); // rolled back
              expect(player.stroke).toBe(stroke);
              player.play(some);
            } catch (error) {
              expect(error).toMatchObject({ code: 'conflict' });
              expect(shown(player)).toEqual(before);
              fitted = false;
            }
            const appended = host.append(some.map(encodeRecord));
            if (fitted) await appended;
            else await expect(appended).rejects.toMatchObject({ code: 'conflict' });
            expect(shown(host)).toEqual(shown(player));
          }
          const crashed = await recovered(folder);
          player.finishStroke();
          expect(crashed).toEqual(shown(player));
          await host.close();
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('keeps the name of a stroke that a snapshot falls into', () =>
    inFolder(async (folder) => {
      const host = await openDocument(folder, { caseId: 'case', grid });
      const unsent: Uint8Array[] = [];
      const window = new SegmentationDocument(emptyMask(), { sink: (record) => unsent.push(record) });
      window.begin('Brush').add(dab(window, 1));
      expect(unsent.map((bytes) => decodeRecord(bytes).kind)).toEqual(['partial']);
      await host.append(unsent.splice(0));
      await host.snapshot();
      const { mask, history } = host.state();
      expect(decodeHistory(history).edits).toEqual([]);
      expect(mask).toEqual(encodeMask(window.volume));
      const again = await openDocument(folder, { caseId: 'case', grid });
      expect(again.history.undoName).toBe('Brush');
      await again.close();
      await host.close();
    }));
});
