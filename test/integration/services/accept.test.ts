import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDocument, readMaskFile } from '#main/document/index.ts';
import { latestPrediction, listMaskRevisions, openProjectReadOnly } from '#main/library/index.ts';
import { voxelCount, type LabelVolume } from '#shared/geometry/grid.ts';
import { copyPrediction, encodeRecord, freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { makeHandProject } from '#test/support/handProject.ts';
import { startStudio, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
let path: string;
let caseId: string;

/** `patient 02` is predicted, and nobody has corrected it. */
beforeEach(async () => {
  app = startStudio();
  path = await makeHandProject(join(app.folder, 'hand'));
  await app.client.projects.open({ path });
  caseId = (await app.client.library.list({ text: 'patient 02' })).cases[0]?.id ?? '';
});
afterEach(() => app.close());

/** Reads the project beside the host. */
async function look<T>(read: (project: ReturnType<typeof openProjectReadOnly>) => T | Promise<T>): Promise<T> {
  const project = openProjectReadOnly(path);
  try {
    return await read(project);
  } finally {
    project.close();
  }
}

const prediction = (): Promise<LabelVolume> =>
  look((project) => readMaskFile(project.paths.inside(latestPrediction(project.read, caseId)?.path ?? '')));

/** The masks that were accepted, newest first. */
const accepted = (): Promise<LabelVolume[]> =>
  look((project) =>
    Promise.all(listMaskRevisions(project.read, caseId).map((revision) => readMaskFile(project.paths.inside(revision.path)))),
  );

const status = async (): Promise<string> => (await app.client.library.get({ caseId })).case.status;

/** Opens a case and makes the prediction its mask: these labels of it. */
async function correct(labels: readonly number[], of = caseId) {
  const { session, mask, history } = await app.client.document.open({ caseId: of });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
  const { grid } = document.volume;
  const found = of === caseId ? (await prediction()).data : [];
  const layer = {
    grid,
    data: Uint8Array.from({ length: voxelCount(grid) }, (_, at) => (labels.includes(found[at] ?? 0) ? (found[at] ?? 0) : 0)),
  };
  document.push('Use the prediction', copyPrediction({ volume: document.volume, policy: freePolicy }, layer, { replace: true }));
  if (records.length > 0) await app.client.document.append({ caseId: of, session, sequence: 0, records });
  return (asItIs = false, lookedAt = false) =>
    app.client.document.accept({ caseId: of, session, sequence: records.length, asItIs, lookedAt });
}

describe('accepting', () => {
  it('a case that was predicted but not corrected asks, and keeps an empty mask only where a person says so', async () => {
    const accept = await correct([]);
    expect(await accept()).toEqual({ kind: 'asks', empty: true, missing: [1, 2, 3, 4] });
    expect([await status(), await accepted()]).toEqual(['predicted', []]);
    expect(await accept(true)).toMatchObject({ kind: 'accepted' });
    const [kept] = await accepted();
    expect([await status(), kept?.data.some((value) => value !== 0)]).toEqual(['accepted', false]);
  });

  it('a mask that lacks a label of the prediction asks which, and without any the prediction is the mask', async () => {
    const some = await correct([1, 3]);
    expect(await some()).toEqual({ kind: 'asks', empty: false, missing: [2, 4] });
    expect(await accepted()).toEqual([]);
    const all = await correct([1, 2, 3, 4]);
    expect(await all()).toMatchObject({ kind: 'accepted' });
    expect((await accepted())[0]?.data).toEqual((await prediction()).data);
  });

  it('an empty mask asks also where nothing is predicted; a label that was removed is not missed', async () => {
    const { cases } = await app.client.library.list({ text: '' });
    for (const { id, name } of cases.filter((each) => each.id !== caseId)) {
      const accept = await correct([], id);
      expect(await accept()).toMatchObject({ kind: 'asks', empty: true, missing: name === 'mirrored' ? [] : [1, 2, 3, 4] });
      expect(await accept(true)).toMatchObject({ kind: 'accepted' });
    }
    const accept = await correct([1, 2, 3]);
    expect(await accept()).toMatchObject({ kind: 'asks', missing: [4] });
    await app.client.projects.removeLabel({ value: 4 });
    expect(await accept()).toMatchObject({ kind: 'accepted' });
  });

  it('says whether each of its labels was looked at, in the list and for good', async () => {
    const accept = await correct([1, 2, 3, 4]);
    const how = async () => ({
      row: (await app.client.library.get({ caseId })).case.acceptance,
      kept: await look((project) => listMaskRevisions(project.read, caseId).map(({ acceptance }) => acceptance)),
    });
    expect(await how()).toEqual({ row: null, kept: [] });
    await accept(true, true);
    expect(await how()).toEqual({ row: 'reviewed', kept: ['reviewed'] });
    await accept(true);
    expect(await how()).toEqual({ row: 'unseen', kept: ['unseen', 'reviewed'] });
  });

  it('is not done by setting a status', async () => {
    await expect(app.client.library.update({ caseIds: [caseId], status: 'accepted' as 'excluded' })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    expect(await status()).toBe('predicted');
  });
});

describe('an accepted case that is corrected', () => {
  /** A window: the document, and what it sends. */
  async function open(of = caseId) {
    const { session, mask, history, changedSinceAccepted } = await app.client.document.open({ caseId: of });
    let records: Uint8Array[] = [];
    let sequence = 0;
    const document = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
    const send = async (): Promise<string> => {
      await app.client.document.append({ caseId: of, session, sequence, records });
      sequence += records.length;
      records = [];
      return status();
    };
    const ball = (i: number): void => {
      document.push('Ball', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [i, 0, 40], radius: 9 }, 1));
    };
    return { document, send, ball, changedSinceAccepted };
  }
  const trail = async (): Promise<readonly string[]> => (await app.client.library.get({ caseId })).events.map(({ message }) => message);
  beforeEach(async () => {
    await (
      await correct([1, 2, 3, 4])
    )(true);
  });

  it('is accepted again once its mask is the accepted one, wherever in its history that is', async () => {
    const { document, send, ball } = await open();
    ball(10);
    expect(await send()).toBe('inCorrection');
    ball(14);
    document.undo();
    expect(await send()).toBe('inCorrection');
    document.undo();
    expect(await send()).toBe('accepted');
    document.redo();
    expect(await send()).toBe('inCorrection');
    document.undo();
    document.undo(); // Behind what was accepted.
    expect(await send()).toBe('inCorrection');
    document.redo();
    expect(await send()).toBe('accepted');
    expect((await accepted()).length).toBe(1);
    expect((await trail()).filter((message) => message === 'Every correction was taken back.')).toHaveLength(2);
    // A stroke that is given up; one that is being drawn is none yet.
    const stroke = document.begin('Brush');
    stroke.add(paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [10, 0, 40], radius: 9 }, 1));
    expect(await send()).toBe('inCorrection');
    stroke.cancel();
    expect(await send()).toBe('accepted');
  });

  it('also where the program ended between, and not by other steps to the same place', async () => {
    const before = await open();
    before.ball(10);
    expect(await before.send()).toBe('inCorrection');
    await app.client.projects.close();
    await app.client.projects.open({ path });
    const { document, send, ball } = await open();
    document.undo();
    document.undo();
    ball(20);
    expect(await send()).toBe('inCorrection');
    expect((await open()).changedSinceAccepted).toBe(true);
    await app.client.projects.close();
    await app.client.projects.open({ path });
    expect(await status()).toBe('inCorrection');
  });

  it('is accepted once it is opened, where the undo is on disk and the status was not', async () => {
    const { document, send, ball } = await open();
    ball(10);
    expect(await send()).toBe('inCorrection');
    await app.client.projects.close();
    // What a host leaves that is killed as soon as the undo is on disk.
    const { grid } = document.volume;
    const left = await openDocument(join(path, 'cases', caseId, 'document'), { caseId, grid });
    await left.append([encodeRecord({ kind: 'undo', at: Date.now() })]);
    await left.close();
    await app.client.projects.open({ path });
    expect(await status()).toBe('inCorrection');
    expect((await open()).changedSinceAccepted).toBe(false);
    expect(await status()).toBe('accepted');
  });

  it('stays in correction where a person has said so', async () => {
    await app.client.library.update({ caseIds: [caseId], status: 'inCorrection' });
    const { document, send, ball } = await open();
    ball(10);
    document.undo();
    expect(await send()).toBe('inCorrection');
  });
});

describe('a case that is excluded and included again', () => {
  const exclude = (): Promise<unknown> => app.client.library.update({ caseIds: [caseId], status: 'excluded' });
  const include = (): Promise<unknown> => app.client.library.update({ caseIds: [caseId], status: 'unlabelled' });

  it('is what it was: predicted, in correction, accepted', async () => {
    for (const next of ['predicted', 'inCorrection', 'accepted'] as const) {
      if (next === 'inCorrection') await correct([1]);
      if (next === 'accepted') await (await correct([1, 2, 3, 4]))(true);
      expect(await status()).toBe(next);
      await exclude();
      expect(await status()).toBe('excluded');
      await exclude();
      await include();
      expect(await status()).toBe(next);
    }
    await app.client.history.undo();
    expect(await status()).toBe('excluded');
    await app.client.history.undo();
    expect(await status()).toBe('accepted');
  });
});
