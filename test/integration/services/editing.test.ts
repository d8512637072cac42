import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openProject, listMaskRevisions } from '#main/library/index.ts';
import { readMaskFile } from '#main/document/index.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { encodeMask, freePolicy, paint, SegmentationDocument, type Stroke } from '#shared/segmentation/index.ts';
import { fillDisk, withSmallDisk } from '../../trust/smallDisk.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '../../support/studio.ts';

let app: TestStudio;
let caseId: string;
const projectFolder = (): string => join(app.folder, 'disk', 'project');

async function begin(): Promise<void> {
  await app.client.projects.create({ path: projectFolder(), name: 'Editing', labels: testLabels });
  await writePairs(join(app.folder, 'incoming'), 1, 0, [40, 32, 12]);
  [caseId = ''] = (await app.client.library.import({ sources: [join(app.folder, 'incoming')], mode: 'reference' })).added;
}

beforeEach(() => {
  app = startStudio();
});
afterEach(async () => {
  await app.close();
});

/** A window on the case, without its retries. */
async function openWindow() {
  const opened = await app.client.document.open({ caseId });
  const unsent: Uint8Array[] = [];
  const editor = SegmentationDocument.restore(opened.mask, opened.history, { sink: (record) => unsent.push(record) });
  let sequence = 0;
  const draw = (x: number, label = 1) =>
    paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre: [x, 0, 40], radius: 4 }, label);
  return {
    ...opened,
    editor,
    unsent,
    get sequence() {
      return sequence;
    },
    draw,
    dab: (x: number, label = 1) => editor.push(`Dab ${x}`, draw(x, label)),
    append: (records: readonly Uint8Array[], from = sequence) =>
      app.client.document.append({ caseId, session: opened.session, sequence: from, records: [...records] }),
    async send(): Promise<void> {
      const records = [...unsent];
      ({ sequence } = await this.append(records));
      unsent.splice(0, records.length);
    },
    accept: () => app.client.document.accept({ caseId, session: opened.session, sequence }),
    mask: () => encodeMask(editor.volume),
    steps: () => editor.history.edits.map(({ name }) => name),
  };
}

const statusOf = async (): Promise<string | undefined> => (await app.client.library.list({})).cases.find(({ id }) => id === caseId)?.status;

describe('a case that is edited', () => {
  it('goes out as it was at one moment: without the stroke that is being drawn, whatever is painted meanwhile', async () => {
    await begin();
    const window = await openWindow();
    window.dab(-5);
    const stroke = window.editor.begin('Brush');
    stroke.add(window.draw(4, 2));
    await window.send();
    const out = join(app.folder, 'out');
    const run = (format: string) =>
      app.client.exports.run({ format, destination: join(out, format), cases: { kind: 'these', caseIds: [caseId] }, deidentify: false });
    const labelsOf = async (path: string) => [...new Set((await readLabels(path)).volume.data)];
    const { files, failures } = await run('nifti');
    expect(failures).toEqual([]);
    expect(await labelsOf(files[0]?.path ?? '')).toEqual([0, 1]);
    const dataset = await run('nnunet');
    expect(await labelsOf(dataset.files.find(({ path }) => path.includes('labelsTr'))?.path ?? '')).toEqual([0, 1]);
    stroke.commit();
    await window.send();
    const csv = await run('csv');
    expect(readFileSync(csv.files[0]?.path ?? '', 'utf8')).toMatch(/,2,Spleen,[1-9]/);
  });

  it('on a full disk: the same records at the same sequence are saved once there is room', async () => {
    const done = await withSmallDisk(join(app.folder, 'disk'), async () => {
      await begin();
      const window = await openWindow();
      window.dab(-5);
      await window.send();
      fillDisk(join(app.folder, 'disk', 'filler'));
      for (let x = 0; x < 90; x++) window.dab(-9 + (x % 30), 1 + (x % 2));
      for (let attempt = 0; attempt < 3; attempt++) await expect(window.send()).rejects.toMatchObject({ code: 'disk-full' });
      rmSync(join(app.folder, 'disk', 'filler'));
      await window.send();
      window.editor.undo();
      await window.send();
      const again = await openWindow();
      expect(again.mask()).toEqual(window.mask());
      expect(again.steps()).toEqual(window.steps());
      await app.client.projects.close();
      return true;
    });
    if (done === null) console.log('skipped: no small disk can be mounted here');
  });

  it('whose answer was lost: what is sent again is written once', async () => {
    await begin();
    const window = await openWindow();
    window.dab(-5);
    window.dab(3, 2);
    await window.append(window.unsent, 0);
    window.editor.undo();
    // The window heard nothing: it sends all of it again, with what came since.
    expect(await window.append(window.unsent, 0)).toEqual({ sequence: 3 });
    expect(await window.append(window.unsent, 0)).toEqual({ sequence: 3 });
    const again = await openWindow();
    expect(again.mask()).toEqual(window.mask());
    expect(again.editor.history.done).toBe(1);
    await expect(again.append(window.unsent, 5)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('in mid-stroke by a window that goes: the stroke is a finished step on both sides', async () => {
    await begin();
    const before = await openWindow();
    const stroke: Stroke = before.editor.begin('Brush');
    for (let x = -8; x < 10; x += 3) stroke.add(before.draw(x));
    await before.send();
    stroke.commit();
    before.unsent.length = 0; // The end of the stroke never arrives.
    const window = await openWindow();
    expect(window.mask()).toEqual(before.mask());
    expect(window.steps()).toEqual(['Brush']);
    // Far from the stroke, and over it.
    window.dab(25, 2);
    await window.send();
    window.dab(0, 2);
    await window.send();
    const again = await openWindow();
    expect(again.mask()).toEqual(window.mask());
    while (again.editor.undo() !== null);
    expect(again.editor.volume.data.some((label) => label !== 0)).toBe(false);
    before.editor.undo();
    await expect(before.append(before.unsent, 6)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('in mid-stroke by a window that goes while the disk is full', async () => {
    const done = await withSmallDisk(join(app.folder, 'disk'), async () => {
      await begin();
      const before = await openWindow();
      const stroke = before.editor.begin('Brush');
      for (let n = 0; n < 200; n++) stroke.add(before.draw(-9 + ((n * 7) % 30), 1 + (n % 2)));
      await before.send();
      fillDisk(join(app.folder, 'disk', 'filler'));
      const window = await openWindow();
      expect(window.steps()).toEqual(['Brush']);
      for (let x = 0; x < 90; x++) window.dab(-9 + (x % 30), 1 + (x % 2));
      await expect(window.send()).rejects.toMatchObject({ code: 'disk-full' });
      rmSync(join(app.folder, 'disk', 'filler'));
      await window.send();
      await app.client.projects.close();
      await app.client.projects.open({ path: projectFolder() });
      const again = await openWindow();
      expect(again.mask()).toEqual(window.mask());
      expect(again.steps()).toEqual(window.steps());
      await app.client.projects.close();
      return true;
    });
    if (done === null) console.log('skipped: no small disk can be mounted here');
  });

  it('while it is accepted: what comes meanwhile is not in the revision, and the case is in correction', async () => {
    await begin();
    const window = await openWindow();
    window.dab(-5);
    await window.send();
    const accepted = window.mask();
    const accepting = window.accept();
    window.dab(9, 2);
    await Promise.all([window.send(), accepting]);
    expect(await statusOf()).toBe('inCorrection');
    await window.accept();
    expect(await statusOf()).toBe('accepted');
    await app.client.projects.close();
    const project = openProject(projectFolder(), { author: 'test' });
    const [first, second] = listMaskRevisions(project.read, caseId).toSorted((a, b) => a.revision - b.revision);
    expect(encodeMask(await readMaskFile(project.paths.inside(first?.path ?? '')))).toEqual(accepted);
    expect(encodeMask(await readMaskFile(project.paths.inside(second?.path ?? '')))).toEqual(window.mask());
    project.close();
  });

  it('by a window that went with edits unsent: the next hands them over, once, whatever stood between', async () => {
    await begin();
    const before = await openWindow();
    before.dab(-5);
    await before.send();
    const stroke = before.editor.begin('Brush');
    stroke.add(before.draw(3));
    await before.send();
    const { sequence } = before;
    stroke.add(before.draw(9));
    stroke.commit();
    before.editor.undo();
    const held = { caseId, session: before.session, base: before.base };
    // The program restarts, too.
    await app.client.projects.close();
    await app.client.projects.open({ path: projectFolder() });
    for (let attempt = 0; attempt < 2; attempt++)
      expect(await app.client.document.resume({ ...held, sequence, records: before.unsent })).toEqual({ sequence: sequence + 3 });
    const window = await openWindow();
    expect(window.mask()).toEqual(before.mask());
    expect(window.steps()).toEqual(['Dab -5', 'Brush']);
    expect(window.editor.history.done).toBe(1);
    window.dab(20);
    await window.send();
    // Others have written since.
    await expect(app.client.document.resume({ ...held, sequence: sequence + 3, records: before.unsent })).rejects.toMatchObject({
      code: 'conflict',
    });
    // A window that had saved nothing yet.
    const third = await openWindow();
    third.dab(-9, 2);
    await app.client.document.resume({ caseId, session: third.session, base: third.base, sequence: 0, records: third.unsent });
    expect((await openWindow()).mask()).toEqual(third.mask());
  });
});
