import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { rampVolume, startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
const projectFolder = (): string => join(app.folder, 'project');

beforeEach(() => {
  app = startStudio();
});
afterEach(() => app.close());

async function withCases(count: number, masks: number): Promise<string[]> {
  await writePairs(join(app.folder, 'incoming'), count, masks);
  await app.client.projects.create({ path: projectFolder(), name: 'Abdomen', labels: testLabels });
  const { added } = await app.client.library.import({ sources: [join(app.folder, 'incoming')] });
  return [...added];
}

describe('projects', () => {
  it('are created, closed, remembered and opened again', async () => {
    const { client } = app;
    await expect(client.library.list()).rejects.toMatchObject({
      code: 'conflict',
      message: 'No project is open. Open one, or make a new one.',
    });
    await client.projects.create({ path: projectFolder(), name: 'Abdomen', labels: testLabels });
    await expect(client.projects.create({ path: app.folder, name: 'x', labels: [] })).rejects.toMatchObject({ code: 'conflict' });
    expect((await client.projects.current()).project?.name).toBe('Abdomen');
    expect((await client.projects.open({ path: projectFolder() })).labels).toEqual(testLabels);
    await client.projects.close();
    expect((await client.projects.current()).project).toBeNull();
    expect((await client.projects.recent()).projects).toMatchObject([{ name: 'Abdomen', exists: true }]);
    await expect(client.projects.open({ path: join(app.folder, 'nowhere') })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('say what is wrong with a label set', async () => {
    await expect(
      app.client.projects.create({ path: projectFolder(), name: 'x', labels: [testLabels[0], testLabels[0]] }),
    ).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('same value') as string });
  });
});

describe('import', () => {
  it('takes pairs, finds duplicates, refuses bad files with their reason, and goes on', async () => {
    const { client } = app;
    const ids = await withCases(3, 2);
    expect(ids).toHaveLength(3);
    const { total, cases } = await client.library.list({ sort: 'name' });
    expect([total, cases.map((each) => [each.name, each.status, each.hasMask])]).toEqual([
      3,
      [
        ['case0', 'accepted', true],
        ['case1', 'accepted', true],
        ['case2', 'unlabelled', false],
      ],
    ]);
    expect(cases[0]).toMatchObject({ size: [12, 10, 8], spacing: [1, 1, 2] });

    mkdirSync(join(app.folder, 'more'));
    writeFileSync(join(app.folder, 'more', 'broken.nii'), 'not an image');
    writeFileSync(join(app.folder, 'more', 'copy.nii.gz'), readFileSync(join(app.folder, 'incoming/images/case1.nii.gz')));
    const fractions: number[] = [];
    const again = await client.library.import(
      { sources: [join(app.folder, 'more'), join(app.folder, 'absent')] },
      {
        onProgress: ({ fraction }) => {
          fractions.push(fraction);
        },
      },
    );
    expect(again).toMatchObject({ added: [], duplicates: 1 });
    expect(again.skipped.map(({ path }) => path.split('/').at(-1)).sort()).toEqual(['absent', 'broken.nii']);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    const { problems } = await client.problems.list();
    expect(problems.map(({ subject }) => subject.split('/').at(-1)).sort()).toEqual(['absent', 'broken.nii']);
    await client.problems.dismiss();
    expect((await client.problems.list()).total).toBe(0);
  });

  it('by reference leaves the files where they are and copies nothing', async () => {
    await writePairs(join(app.folder, 'incoming'), 1, 0);
    await app.client.projects.create({ path: projectFolder(), name: 'x', labels: [] });
    const { added } = await app.client.library.import({ sources: [join(app.folder, 'incoming')], mode: 'reference' });
    expect(readdirSync(join(projectFolder(), 'images'))).toEqual([]);
    expect((await app.client.images.open({ caseId: added[0] ?? '' })).byteLength).toBe(12 * 10 * 8 * 2);
  });

  it('refuses a mask of another grid, asks what a value means that nothing names, and keeps the image', async () => {
    const { client } = app;
    await writePairs(join(app.folder, 'incoming'), 2, 2);
    writeFileSync(join(app.folder, 'incoming/labels/case1.nii.gz'), readFileSync(join(app.folder, 'incoming/labels/case0.nii.gz')));
    await writePairs(join(app.folder, 'small'), 1, 1, [5, 5, 5]);
    writeFileSync(join(app.folder, 'incoming/labels/case0.nii.gz'), readFileSync(join(app.folder, 'small/labels/case0.nii.gz')));
    await client.projects.create({
      path: projectFolder(),
      name: 'x',
      labels: [{ value: 9, name: 'Other', color: '#000000', locked: false }],
    });
    rmSync(join(app.folder, 'incoming/labels/labels.csv'));
    const sources = [join(app.folder, 'incoming')];
    await expect(client.library.import({ sources })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Nothing says what the value 1 means') as string,
    });
    expect((await client.library.list()).total).toBe(0);
    const { plan, labels, question, cases } = await client.library.planImport({ sources });
    expect([cases.length, question === null, labels.map(({ key }) => key)]).toEqual([2, false, ['value:1']]);
    const result = await client.library.import({ sources, plan, labels: [{ key: 'value:1', target: 'Other' }] });
    expect([result.added.length, result.masks]).toEqual([2, 1]);
    expect(result.skipped.map(({ message }) => message)).toEqual([expect.stringContaining('does not lie on the image’s voxels')]);
  });

  it('can be cancelled and keeps what was there', async () => {
    await writePairs(join(app.folder, 'incoming'), 6, 0);
    await app.client.projects.create({ path: projectFolder(), name: 'x', labels: [] });
    const controller = new AbortController();
    const call = app.client.library.import(
      { sources: [join(app.folder, 'incoming')] },
      {
        signal: controller.signal,
        onProgress: ({ phase, detail }) => {
          if (phase === 'Importing' && detail?.startsWith('3 of') === true) controller.abort();
        },
      },
    );
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    const { total } = await app.client.library.list();
    expect(total).toBeGreaterThanOrEqual(2);
    expect(total).toBeLessThan(6);
  });
});

describe('cases', () => {
  it('are updated, filtered, shown and suggested', async () => {
    const { client } = app;
    const [first = '', second = ''] = await withCases(3, 0);
    const told: string[] = [];
    client.on('library.changed', ({ caseIds }) => {
      told.push(...(caseIds ?? ['all']));
    });
    await client.library.update({ caseIds: [first], status: 'excluded', notes: 'Motion artefact' });
    await client.library.update({ caseIds: [second], heldOut: true });
    expect((await client.library.list({ text: 'ARTEFACT' })).cases.map(({ id }) => id)).toEqual([first]);
    expect((await client.library.list({ statuses: ['unlabelled'] })).total).toBe(2);
    expect((await client.library.list({ heldOut: true })).cases.map(({ id }) => id)).toEqual([second]);
    const { events } = await client.library.get({ caseId: first });
    expect(events.map(({ kind }) => kind)).toEqual(['status-changed', 'notes-changed', 'image-added', 'case-added']);
    expect(told).toEqual([first, second]);
    const picture = await client.library.thumbnail({ caseId: first });
    expect(picture?.gray.length).toBe((picture?.width ?? 0) * (picture?.height ?? 0));
    expect(new Set(picture?.gray).size).toBeGreaterThan(10);
    const { suggestion } = await client.library.next();
    expect(suggestion?.caseId).not.toBe(first);
    await expect(client.library.get({ caseId: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('stream their voxels from the wanted slice outwards', async () => {
    const [first = ''] = await withCases(1, 0);
    const description = await app.client.images.open({ caseId: first });
    expect(description).toMatchObject({ voxelType: 'int16', byteLength: 1920, range: [-1000, -41] });
    const voxels = new Uint8Array(description.byteLength);
    await app.client.images.read(
      { caseId: first },
      {
        onItem: ({ offset, bytes }) => {
          voxels.set(bytes, offset);
        },
      },
    );
    expect([...new Int16Array(voxels.buffer)]).toEqual([...rampVolume([12, 10, 8]).data]);
  });
});

describe('the mask', () => {
  const edit = async (caseId: string, label: number): Promise<void> => {
    const opened = await app.client.document.open({ caseId });
    const records: Uint8Array[] = [];
    const document = SegmentationDocument.restore(opened.mask, opened.history, {
      sink: (record) => {
        records.push(record);
      },
    });
    document.push(
      'Brush',
      paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-5, -15, 36], radius: 3 }, label),
    );
    expect(records.length).toBeGreaterThan(0);
    await app.client.document.append({ caseId, session: opened.session, sequence: 0, records });
    await app.client.document.close({ caseId, session: opened.session });
  };
  const voxelsOf = async (caseId: string): Promise<{ counts: Record<number, number>; undo: string | null }> => {
    const opened = await app.client.document.open({ caseId });
    const document = SegmentationDocument.restore(opened.mask, opened.history, {});
    const counts: Record<number, number> = {};
    for (const value of document.volume.data) if (value > 0) counts[value] = (counts[value] ?? 0) + 1;
    return { counts, undo: document.history.undoName };
  };

  it('is kept with its undo history over close, restart and acceptance', async () => {
    const [first = ''] = await withCases(1, 0);
    await edit(first, 1);
    expect((await app.client.library.get({ caseId: first })).case.status).toBe('inCorrection');
    await app.studio.close();
    app = startStudio(app.folder);
    await app.client.projects.open({ path: projectFolder() });
    const { counts, undo } = await voxelsOf(first);
    expect(undo).toBe('Brush');
    expect(counts[1]).toBeGreaterThan(20);
    const opened = await app.client.document.open({ caseId: first });
    await app.client.document.accept({ caseId: first, session: opened.session, sequence: 0 });
    expect((await app.client.library.get({ caseId: first })).case).toMatchObject({ status: 'accepted', hasMask: true });
    expect((await app.client.document.open({ caseId: first })).changedSinceAccepted).toBe(false);
  });

  it('begins with the imported mask', async () => {
    const [first = ''] = await withCases(1, 1);
    const { counts } = await voxelsOf(first);
    expect(counts).toEqual({ 1: 192 });
  });

  it('belongs to one window: the other is told and refused, as is a gap in the sequence', async () => {
    const { client } = app;
    const [first = ''] = await withCases(1, 0);
    const one = await client.document.open({ caseId: first });
    const ended: string[] = [];
    client.on('document.sessionEnded', ({ session }) => {
      ended.push(session);
    });
    const two = await client.document.open({ caseId: first });
    expect(ended).toEqual([one.session]);
    await expect(
      client.document.append({ caseId: first, session: one.session, sequence: 0, records: [new Uint8Array(8)] }),
    ).rejects.toMatchObject({ code: 'conflict' });
    await expect(
      client.document.append({ caseId: first, session: two.session, sequence: 1, records: [new Uint8Array(8)] }),
    ).rejects.toMatchObject({ code: 'conflict' });
    await expect(
      client.document.append({ caseId: first, session: two.session, sequence: 0, records: [new Uint8Array(8)] }),
    ).rejects.toMatchObject({ code: 'corrupt' });
  });
});

describe('the application', () => {
  it('tells of a run that did not end well, once', async () => {
    writeFileSync(join(app.folder, 'data', 'running.json'), JSON.stringify({ pid: 999_999_999, startedAt: '2026-01-01T00:00:00.000Z' }));
    const next = startStudio(app.folder);
    expect((await next.client.app.info()).crash?.at).toBe('2026-01-01T00:00:00.000Z');
    await next.client.app.acknowledgeCrash();
    expect((await next.client.app.info()).crash).toBeNull();
    await next.studio.close();
    expect(existsSync(join(app.folder, 'data', 'running.json'))).toBe(false);
  });

  it('browses folders and remembers settings', async () => {
    const { client } = app;
    mkdirSync(join(app.folder, 'b folder'));
    writeFileSync(join(app.folder, 'a.txt'), '12345');
    const { entries, parent } = await client.files.list({ path: app.folder });
    expect(entries.map(({ name, kind, size }) => [name, kind, size])).toEqual([
      ['b folder', 'folder', 0],
      ['data', 'folder', 0],
      ['a.txt', 'file', 5],
    ]);
    expect(parent).not.toBeNull();
    expect(await client.files.createFolder({ parent: app.folder, name: 'new' })).toMatchObject({
      path: expect.stringMatching(/new$/) as string,
    });
    await expect(client.files.createFolder({ parent: app.folder, name: '../up' })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(client.files.list({ path: 'relative' })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(client.files.pick({ kind: 'folder', title: 'x' })).rejects.toMatchObject({ code: 'unsupported' });
    await client.settings.update({ annotator: 'Reader 1' });
    await client.settings.remember({ key: 'layout', value: '{"views":3}' });
    const next = startStudio(app.folder);
    expect((await next.client.settings.get()).annotator).toBe('Reader 1');
    expect((await next.client.settings.recall({ key: 'layout' })).value).toBe('{"views":3}');
    expect((await next.client.settings.recall({ key: '__proto__' })).value).toBeNull();
    await next.studio.close();
  });
});

describe('images', () => {
  it('go on loading for whoever still waits when the first has cancelled', async () => {
    const [caseId = ''] = await withCases(1, 0);
    const controller = new AbortController();
    const first = app.client.images.open({ caseId }, { signal: controller.signal });
    const second = app.client.images.open({ caseId });
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect(await second).toMatchObject({ caseId, modality: 'unknown' });
  });

  it('can be asked for again after all have cancelled', async () => {
    const [caseId = ''] = await withCases(1, 0);
    const controller = new AbortController();
    const first = app.client.images.open({ caseId }, { signal: controller.signal });
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect(await app.client.images.open({ caseId })).toMatchObject({ caseId });
  });
});
