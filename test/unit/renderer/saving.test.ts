/// <reference types="svelte" />
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import '#test/support/windowGlobals.ts';
import { fillDisk, withSmallDisk } from '#test/trust/smallDisk.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Client } from '#shared/contract/client.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import { MemoryShelf, type Shelf } from '#renderer/api/shelf.ts';
import { encodeStrokes } from '#renderer/stores/strokes.ts';
import { Studio } from '#renderer/stores/studio.svelte.ts';
import { UnsavedWork } from '#renderer/stores/unsaved.svelte.ts';

let host: TestStudio;
let shelf: Shelf;
let windows: Studio[];
let caseIds: readonly string[];
const filler = (): string => join(host.folder, 'disk', 'filler');

async function openWindow(): Promise<Studio> {
  const studio = new Studio(host.client, shelf);
  windows.push(studio);
  await studio.begin();
  return studio;
}

/** A host whose project lies on a disk of 8 MB. */
async function onSmallDisk(work: () => Promise<void>): Promise<void> {
  const done = await withSmallDisk(join(host.folder, 'disk'), async () => {
    await host.client.projects.create({ path: join(host.folder, 'disk', 'project'), name: 'Saving', labels: testLabels });
    await writePairs(join(host.folder, 'incoming'), 2, 0, [40, 32, 12]);
    caseIds = (await host.client.library.import({ sources: [join(host.folder, 'incoming')], mode: 'reference' })).added;
    await work();
    rmSync(filler(), { force: true });
    for (const studio of windows) await studio.session?.close();
    await host.client.projects.close();
    return true;
  });
  if (done === null) console.log('skipped: no small disk can be mounted here');
}

/** More than what is left in the journal's last block. */
function draw(studio: Studio, steps = 90): void {
  for (let n = 0; n < steps; n++)
    studio.session?.editing.paintOnce(`Dab ${n}`, { kind: 'ball', centre: [-9 + ((n * 7) % 30), 0, 40], radius: 4 }, 1 + (n % 2));
}
const maskOf = (studio: Studio): Uint8Array | undefined => studio.session?.editing.mask.data.slice();
const steps = (studio: Studio): number => studio.session?.editing.history().names.length ?? -1;

beforeEach(() => {
  host = startStudio();
  shelf = new MemoryShelf();
  windows = [];
});
afterEach(async () => {
  await host.close();
});

describe('saving from a window', () => {
  it('counts what waits as a person does: a stroke of many records is one change', () =>
    onSmallDisk(async () => {
      const studio = await openWindow();
      await studio.openCase(caseIds[0] ?? '');
      fillDisk(filler());
      draw(studio, 1);
      const journal = studio.session?.journal;
      expect(journal?.changes).toBe('1 change');
      const stroke = studio.session?.editing.begin('Stroke');
      for (let n = 0; n < 8; n++) stroke?.dab({ kind: 'ball', centre: [3 * n, 0, 40], radius: 4 }, 2);
      stroke?.commit();
      expect([journal?.changes, journal?.waiting]).toEqual(['2 changes', 10]);
    }));

  it('goes on once a full disk has room again, and says what waits meanwhile; flush never hangs', () =>
    onSmallDisk(async () => {
      const [first = '', second = ''] = caseIds;
      const studio = await openWindow();
      await studio.openCase(first);
      draw(studio, 3);
      await studio.session?.journal.flush();
      fillDisk(filler());
      draw(studio);
      const journal = studio.session?.journal;
      for (let attempt = 0; attempt < 3; attempt++) await expect(journal?.flush()).rejects.toMatchObject({ code: 'disk-full' });
      expect(journal).toMatchObject({
        waiting: 90,
        trouble: { passing: true, message: expect.stringContaining('disk is full') as string },
      });
      expect(journal?.since).toBeLessThanOrEqual(Date.now());
      expect(studio.activities.messages).toEqual([]); // A message would go away.
      rmSync(filler());
      journal?.tryAgain();
      await journal?.flush();
      expect(journal).toMatchObject({ waiting: 0, since: null, trouble: null });
      await journal?.shelve();
      expect(await shelf.list()).toEqual([]);
      const mask = maskOf(studio);
      await studio.openCase(second);
      await studio.openCase(first);
      expect(maskOf(studio)).toEqual(mask);
      expect(steps(studio)).toBe(93);
    }));

  it('asks before a case with unsaved edits is left, and brings them back when it is opened again', () =>
    onSmallDisk(async () => {
      const [first = '', second = ''] = caseIds;
      const studio = await openWindow();
      await studio.openCase(first);
      fillDisk(filler());
      draw(studio);
      const mask = maskOf(studio);
      const going = studio.openCase(second);
      await expect.poll(() => studio.unsaved.leaving).not.toBeNull();
      studio.unsaved.leaving?.(false);
      await going;
      expect(studio.session?.caseId).toBe(first);
      const closing = studio.closeProject();
      await expect.poll(() => studio.unsaved.leaving).not.toBeNull();
      studio.unsaved.leaving?.(false);
      await closing;
      expect(studio.session?.caseId).toBe(first);
      const leaving = studio.openCase(second);
      await expect.poll(() => studio.unsaved.leaving).not.toBeNull();
      studio.unsaved.leaving?.(true);
      await leaving;
      expect(studio.unsaved.left).toMatchObject([{ caseId: first, sequence: 0 }]);
      expect(studio.unsaved.left[0]?.records).toHaveLength(90);
      // While the disk is full they cannot come back, and the case is not opened without them.
      const again = studio.openCase(first);
      await again;
      expect(studio.session).toBeNull();
      rmSync(filler());
      await studio.openCase(first);
      expect(maskOf(studio)).toEqual(mask);
      expect(steps(studio)).toBe(90);
      expect(studio.unsaved.left).toEqual([]);
    }));

  it('keeps what a window that crashes had not saved, in mid-stroke, for the next one', () =>
    onSmallDisk(async () => {
      const [first = ''] = caseIds;
      const studio = await openWindow();
      await studio.openCase(first);
      const { editing, journal } = studio.session ?? {};
      const stroke = editing?.begin('Brush');
      const dab = (n: number): void => stroke?.dab({ kind: 'ball', centre: [-9 + ((n * 7) % 30), 0, 40], radius: 4 }, 1 + (n % 2));
      for (let n = 0; n < 10; n++) dab(n);
      await journal?.flush();
      fillDisk(filler());
      for (let n = 10; n < 150; n++) dab(n);
      await expect(journal?.flush()).rejects.toMatchObject({ code: 'disk-full' });
      await journal?.end(); // Nothing of that window runs any more.
      rmSync(filler());
      expect(await shelf.list()).toMatchObject([{ caseId: first, sequence: 10 }]);
      const next = await openWindow(); // The host still thinks that the first window has the case.
      await next.openCase(first);
      expect(maskOf(next)).toEqual(maskOf(studio) ?? editing?.mask.data);
      expect(next.session?.editing.history().names).toEqual(['Brush']);
      expect(next.unsaved.left).toEqual([]);
      next.session?.editing.undo();
      expect(maskOf(next)?.some((label) => label !== 0)).toBe(false);
    }));

  it('keeps edits that no longer fit, and says so', () =>
    onSmallDisk(async () => {
      const [first = ''] = caseIds;
      const studio = await openWindow();
      await studio.openCase(first);
      fillDisk(filler());
      draw(studio);
      await expect(studio.session?.journal.flush()).rejects.toMatchObject({ code: 'disk-full' });
      // Another window, whose browser has another shelf, takes over and saves.
      const other = await host.client.document.open({ caseId: first });
      rmSync(filler());
      await expect.poll(() => studio.session).toBeNull();
      await expect.poll(() => studio.unsaved.left).toHaveLength(1);
      await host.client.document.close({ caseId: first, session: other.session });
      const second = new Studio(host.client);
      windows.push(second);
      await second.begin();
      await second.openCase(first);
      draw(second, 2);
      await second.closeCase();
      await studio.openCase(first);
      expect(steps(studio)).toBe(2);
      expect(studio.unsaved.left).toHaveLength(1);
      expect(studio.activities.messages.map(({ text }) => text)).toContain(
        '90 changes that had not been saved no longer fit this case: it was changed elsewhere since.',
      );
      // A layer shows where they were; the mask is as the others left it.
      const { session } = studio;
      const before = maskOf(studio);
      const layer = session?.strokes?.written.layer.data;
      expect(layer?.some((label) => label !== 0)).toBe(true);
      await studio.shown.takeStrokes();
      expect(steps(studio)).toBe(3);
      expect(maskOf(studio)).toEqual(before?.map((label, at) => (layer?.[at] === 0 ? label : (layer?.[at] ?? 0))));
      expect([session?.strokes, studio.unsaved.left, await shelf.list(), session?.journal.waiting]).toEqual([null, [], [], 0]);
      session?.editing.undo();
      expect(maskOf(studio)).toEqual(before);
    }));

  it('drops edits that no longer fit where the person says so', () =>
    onSmallDisk(async () => {
      const [first = ''] = caseIds;
      const studio = await openWindow();
      await studio.openCase(first);
      studio.session?.editing.paintOnce('Dab', { kind: 'ball', centre: [0, 0, 40], radius: 4 }, 1);
      const unsaved = studio.session?.journal.unsaved();
      await studio.session?.journal.flush();
      if (unsaved === undefined) throw new Error('nothing');
      await studio.unsaved.openStrokes(encodeStrokes({ ...unsaved, session: 'another', base: null }));
      expect(studio.session?.strokes?.of.session).toBe('another');
      const [left] = studio.unsaved.left;
      if (left !== undefined) await studio.unsaved.forget(left);
      expect([studio.session?.strokes, studio.unsaved.left, steps(studio)]).toEqual([null, [], 1]);
    }));

  it('from a second window takes along what the first is still saving, and neither offers it as left behind', () =>
    onSmallDisk(async () => {
      const [first = ''] = caseIds;
      const studio = await openWindow();
      await studio.openCase(first);
      fillDisk(filler());
      draw(studio);
      await expect(studio.session?.journal.flush()).rejects.toMatchObject({ code: 'disk-full' });
      await studio.session?.journal.shelve();
      const mask = maskOf(studio);
      const beside = new UnsavedWork(host.client, shelf, { activities: studio.activities, project: () => '', changed: () => undefined });
      await beside.look();
      expect([(await shelf.list()).length, beside.left]).toEqual([1, []]);
      rmSync(filler());
      const second = await openWindow();
      await second.openCase(first);
      await expect.poll(() => studio.session).toBeNull();
      expect([maskOf(second), steps(second)]).toEqual([mask, 90]);
      await expect.poll(() => shelf.list()).toEqual([]);
      expect([second.unsaved.left, studio.unsaved.left]).toEqual([[], []]);
      expect(second.activities.messages).toEqual([]);
      expect(studio.activities.messages.map(({ text }) => text)).toEqual([
        'This case was opened in another window. Open it here again to go on.',
      ]);
    }));

  it('brings back what was left in a project there, not into a copy of it; where the project was moved, too', async () => {
    const [project, copy, moved] = ['project', 'copy', 'moved'].map((name) => join(host.folder, name)) as [string, string, string];
    await host.client.projects.create({ path: project, name: 'Saving', labels: testLabels });
    await writePairs(join(host.folder, 'incoming'), 1, 0, [40, 32, 12]);
    const [first = ''] = (await host.client.library.import({ sources: [join(host.folder, 'incoming')], mode: 'copy' })).added;
    const append: Client['document']['append'] = () => Promise.reject(new StudioError('io', 'The disk is away.'));
    const studio = new Studio({ ...host.client, document: { ...host.client.document, append } }, shelf);
    await studio.begin();
    await studio.openCase(first);
    draw(studio, 3);
    await studio.shown.change(null, false);
    await host.client.projects.close();
    cpSync(project, copy, { recursive: true });
    const window = await openWindow();
    await window.openProject(copy);
    expect(window.unsaved.left).toMatchObject([{ caseId: first, project, elsewhere: true }]);
    await window.openCase(first);
    expect([steps(window), window.unsaved.left.length]).toEqual([0, 1]);
    await host.client.projects.close();
    renameSync(project, moved);
    await window.openProject(moved);
    expect(window.unsaved.left).toMatchObject([{ caseId: first, project, elsewhere: false }]);
    await window.openCase(first);
    expect([steps(window), window.unsaved.left.length]).toEqual([3, 0]);
    await window.closeCase();
  });
});
