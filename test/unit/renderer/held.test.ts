/// <reference types="svelte" />
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import '#test/support/windowGlobals.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import { Studio } from '#renderer/stores/studio.svelte.ts';

let [holder, host]: TestStudio[] = [];
let studio: Studio;
let path: string;
let caseId: string;
beforeEach(async () => {
  holder = startStudio();
  path = join(holder.folder, 'project');
  await holder.client.projects.create({ path, name: 'Held', labels: testLabels });
  await writePairs(join(holder.folder, 'incoming'), 1, 0);
  [caseId = ''] = (await holder.client.library.import({ sources: [join(holder.folder, 'incoming')], mode: 'copy' })).added;
  host = startStudio();
  studio = new Studio(host.client);
  await studio.begin();
});
afterEach(async () => {
  await studio.closeCase();
  studio.held.watch(null);
  await host?.close();
  await holder?.close();
});

const said = (): string[] => studio.activities.messages.map(({ text }) => text);
const paint = (): void => studio.session?.editing.paintOnce('Dab', { kind: 'ball', centre: [-6, -15, 36], radius: 3 }, 1);

it('a case that is read alone shows what was done to it, and takes none of it back', { timeout: 120_000 }, async () => {
  if (holder === undefined) throw new Error('no holder');
  const window = new Studio(holder.client);
  await window.begin();
  await window.openProject(path);
  await window.openCase(caseId);
  for (const x of [-6, -2]) window.session?.editing.paintOnce(`Dab ${x}`, { kind: 'ball', centre: [x, -15, 36], radius: 3 }, 1);
  window.session?.editing.undo();
  await window.session?.journal.flush();
  const done = { names: ['Dab -6', 'Dab -2'], done: 1 };
  expect(window.session?.editing.history()).toEqual(done);
  await studio.openProject(path, { readOnly: true });
  studio.leaveHeld();
  await studio.openCase(caseId);
  expect(studio.session?.editing.history()).toEqual(done);
  expect(studio.session?.editing.mask.data).toEqual(window.session?.editing.mask.data);
  expect(() => studio.session?.editing.undo()).toThrow(/open for reading alone/);
  expect(() => studio.session?.editing.redo()).toThrow(/open for reading alone/);
  expect(studio.session?.editing.history()).toEqual(done);
  await window.closeCase();
});

it('a project that another program has is asked about, read, and worked in once it is free', { timeout: 120_000 }, async () => {
  await studio.openProject(path);
  expect([studio.project, studio.held.asked, studio.held.hold?.held]).toEqual([null, path, true]);
  expect(said()).toEqual([]);
  await studio.openProject(path, { readOnly: true });
  studio.leaveHeld();
  expect(studio.project?.readOnly).toMatch(/open for reading alone, because .* has it open on/);
  expect(studio.mayChange()).toBe(false);

  await studio.openCase(caseId);
  expect([studio.session?.caseId, said()]).toEqual([caseId, [studio.project?.readOnly]]);
  expect(paint).toThrow(/open for reading alone/);
  expect(() => studio.session?.editing.begin('Stroke')).toThrow(/open for reading alone/);
  expect([studio.session?.journal.waiting, studio.session?.editing.undoCount]).toEqual([0, 0]);

  // The case that is open comes back as it is there now.
  await holder?.client.library.update({ caseIds: [caseId], notes: 'from there' });
  const before = studio.session;
  await studio.openProject(path, { readOnly: true });
  expect(studio.session).not.toBe(before);
  expect([studio.session?.caseId, studio.cases.find(caseId)?.notes]).toEqual([caseId, 'from there']);

  // Still held: asked again, and nothing is lost of what is shown.
  await studio.openProject(path);
  expect([studio.held.asked, studio.session?.caseId]).toEqual([path, caseId]);
  studio.leaveHeld();

  await holder?.client.projects.close();
  await expect.poll(() => studio.held.hold?.held, { timeout: 60_000 }).toBe(false);
  await studio.openProject(path);
  expect([studio.project?.readOnly, studio.held.hold, studio.session?.caseId]).toEqual([null, null, caseId]);
  paint();
  await studio.session?.journal.flush();
  expect((await host?.client.library.get({ caseId }))?.case.status).toBe('inCorrection');
});
