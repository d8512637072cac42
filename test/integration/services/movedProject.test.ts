import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
const folder = (): string => join(app.folder, 'project');
const elsewhere = (): string => join(app.folder, 'elsewhere');
const away = { code: 'not-found', message: expect.stringContaining('not reachable') as string };

beforeEach(() => {
  app = startStudio();
});
afterEach(() => app.close());

/** A window on a case. */
async function openWindow(caseId: string) {
  const { session, mask, history } = await app.client.document.open({ caseId });
  const unsent: Uint8Array[] = [];
  const editor = SegmentationDocument.restore(mask, history, { sink: (record) => unsent.push(record) });
  let sequence = 0;
  return {
    editor,
    async dab(x: number): Promise<void> {
      editor.push(
        `Dab ${String(x)}`,
        paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre: [x, 0, 40], radius: 4 }, 1),
      );
      const records = unsent.splice(0);
      ({ sequence } = await app.client.document.append({ caseId, session, sequence, records }));
    },
    accept: () => app.client.document.accept({ caseId, session, sequence, asItIs: true }),
    close: () => app.client.document.close({ caseId, session }),
  };
}

it('a project that is moved while it is open is not begun again in its old place, and loses nothing', async () => {
  await app.client.projects.create({ path: folder(), name: 'Moved', labels: testLabels });
  await writePairs(join(app.folder, 'incoming'), 2, 0, [40, 32, 12]);
  const [first = '', second = ''] = (await app.client.library.import({ sources: [join(app.folder, 'incoming')] })).added;
  const window = await openWindow(first);
  await window.dab(-5);
  renameSync(folder(), elsewhere());
  const gone = (): void => {
    expect(existsSync(folder())).toBe(false);
  };

  await expect(app.client.document.open({ caseId: second })).rejects.toMatchObject(away);
  gone();
  await expect(window.accept()).rejects.toMatchObject(away);
  gone();
  await writePairs(join(app.folder, 'more'), 3, 0, [20, 16, 6]);
  await expect(app.client.library.import({ sources: [join(app.folder, 'more')] })).rejects.toMatchObject(away);
  gone();
  await expect(app.client.predictions.run({ caseId: second })).rejects.toThrow();
  gone();
  await window.dab(0); // Its journal is the file that was moved.
  await window.close();
  gone();
  await app.client.projects.close();
  gone();

  // Where it lies now, and moved back.
  await app.client.projects.open({ path: elsewhere() });
  const there = await openWindow(first);
  expect(there.editor.history.edits.map(({ name }) => name)).toEqual(['Dab -5', 'Dab 0']);
  renameSync(elsewhere(), folder());
  await expect(there.accept()).rejects.toMatchObject(away);
  renameSync(folder(), elsewhere());
  expect(await there.accept()).toMatchObject({ kind: 'accepted' });
  await there.dab(5);
  await there.close();
  await app.client.projects.close();
  renameSync(elsewhere(), folder());
  await app.client.projects.open({ path: folder() });
  const back = await openWindow(first);
  expect(back.editor.history.edits.map(({ name }) => name)).toEqual(['Dab -5', 'Dab 0', 'Dab 5']);
  expect((await app.client.library.list({})).cases.map(({ status }) => status).sort()).toEqual(['inCorrection', 'unlabelled']);
});
