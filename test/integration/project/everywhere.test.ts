import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeMask, freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { latestMaskRevision, listMaskRevisions, openProjectReadOnly } from '#main/library/index.ts';
import { readDocument, readMaskFile } from '#main/document/index.ts';
import { imageOf } from '#main/library/index.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

const step = resolve(import.meta.dirname, '../../support/projectStep.ts');
const killer = pathToFileURL(resolve(import.meta.dirname, '../../support/killAtWrite.ts')).href;
const cyst = { value: 3, name: 'Cyst', color: '#009e73', locked: false } as const;

let app: TestStudio;
/** case0 is accepted with label 1 and in correction, case1 accepted with label 2, case2 in correction with label 1. */
let ids: readonly string[];
const project = (): string => join(app.folder, 'project');

async function draw(caseId: string, label: number): Promise<void> {
  const opened = await app.client.document.open({ caseId });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(opened.mask, opened.history, { sink: (record) => records.push(record) });
  document.push('Brush', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-5, -15, 36], radius: 3 }, label));
  await app.client.document.append({ caseId, session: opened.session, sequence: 0, records });
  await app.client.document.close({ caseId, session: opened.session });
}

beforeEach(async () => {
  app = startStudio();
  await writePairs(join(app.folder, 'incoming'), 3, 2);
  await app.client.projects.create({ path: project(), name: 'Abdomen', labels: [...testLabels, cyst] });
  await app.client.library.import({ sources: [join(app.folder, 'incoming')] });
  ids = (await app.client.library.list({ sort: 'name' })).cases.map(({ id }) => id);
  await draw(ids[2] ?? '', 1);
});
afterEach(() => app.close());

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

/** Of each case: its newest accepted mask, its mask in correction and its status. */
async function state(folder: string): Promise<unknown[]> {
  const library = openProjectReadOnly(folder);
  try {
    return await Promise.all(
      ids.map(async (id) => {
        const revision = latestMaskRevision(library.read, id);
        const mask =
          (await readDocument(join(library.paths.case(id), 'document'), id, () => imageOf(library.read, id).grid))?.volume ?? null;
        return [
          revision === undefined ? null : hash(readFileSync(library.paths.inside(revision.path))),
          mask === null ? null : hash(encodeMask(mask)),
          library.read.get<{ status: string }>('SELECT status FROM cases WHERE id = $id', { id })?.status,
        ];
      }),
    );
  } finally {
    library.close();
  }
}

async function values(folder: string): Promise<string[]> {
  const library = openProjectReadOnly(folder);
  try {
    const found: string[] = [];
    for (const id of ids) {
      const revision = latestMaskRevision(library.read, id);
      const document = (await readDocument(join(library.paths.case(id), 'document'), id, () => imageOf(library.read, id).grid))?.volume;
      const of = (data: ArrayLike<number> | undefined): string =>
        [...new Set(Array.from(data ?? []))]
          .filter((value) => value > 0)
          .sort()
          .join('');
      found.push(`${of(revision && (await readMaskFile(library.paths.inside(revision.path))).data)}/${of(document?.data)}`);
    }
    return found;
  } finally {
    library.close();
  }
}

describe('a label turned into another everywhere', () => {
  it('makes new revisions and a step in what is corrected, and goes back bit for bit, also after a restart', async () => {
    const before = await state(project());
    expect(await values(project())).toEqual(['1/', '2/', '/1']);
    expect(
      (await app.client.history.holding({ label: 1 })).cases.map(({ name, accepted, inCorrection }) => [name, accepted, inCorrection]),
    ).toEqual([
      ['case0', true, false],
      ['case2', false, true],
    ]);
    expect((await app.client.history.edit({ from: 1, into: 3 })).changed.map(({ name }) => name)).toEqual(['case0', 'case2']);
    expect(await values(project())).toEqual(['3/', '2/', '/3']);
    const after = await state(project());
    await app.studio.close();
    app = startStudio(app.folder);
    await app.client.projects.open({ path: project() });
    expect((await app.client.history.list()).steps.at(-1)).toMatchObject({
      kind: 'edit',
      name: '“Liver” turned into “Cyst” everywhere',
      state: 'done',
    });
    expect(await app.client.history.undo()).toMatchObject({ kept: [], changed: [{ name: 'case0' }, { name: 'case2' }] });
    expect(await state(project())).toEqual(before);
    const library = openProjectReadOnly(project());
    expect(listMaskRevisions(library.read, ids[0] ?? '').map(({ revision, acceptance }) => [revision, acceptance])).toEqual([
      [3, 'imported'],
      [2, 'imported'],
      [1, 'imported'],
    ]);
    library.close();
    await app.client.history.redo();
    expect(await state(project())).toEqual(after);
  });

  it('names a case that was edited since and leaves it', async () => {
    await app.client.history.edit({ from: 1, into: null });
    expect(await values(project())).toEqual(['/', '2/', '/']);
    await draw(ids[2] ?? '', 2);
    const { changed, kept } = await app.client.history.undo();
    expect([changed.map(({ name }) => name), kept]).toEqual([
      ['case0'],
      [{ caseId: ids[2], name: 'case2', reason: 'Its mask was edited since.' }],
    ]);
    expect(await values(project())).toEqual(['1/', '2/', '/2']);
  });

  it('waits until the case is closed, and until its label is unlocked', async () => {
    const opened = await app.client.document.open({ caseId: ids[2] ?? '' });
    await expect(app.client.history.edit({ from: 1, into: 2 })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('“case2” is open') as string,
    });
    await app.client.document.close({ caseId: ids[2] ?? '', session: opened.session });
    await app.client.projects.setLabels({ labels: [...testLabels, { ...cyst, locked: true }] });
    await expect(app.client.history.edit({ from: 1, into: 3 })).rejects.toMatchObject({
      message: expect.stringContaining('“Cyst” is locked') as string,
    });
    expect(await values(project())).toEqual(['1/', '2/', '/1']);
  });

  it.each(['edit', 'undo'])(
    'is done wholly or not at all after a kill at each write (%s)',
    async (what) => {
      const from = await state(project());
      if (what === 'undo') await app.client.history.edit({ from: 1, into: 3 });
      const [before, start] = [await state(project()), project()];
      await app.client.projects.close();
      const outcomes = new Set<string>();
      for (let at = 1; ; at++) {
        const copy = join(app.folder, `copy-${what}-${String(at)}`);
        cpSync(start, copy, { recursive: true });
        const { signal, status, stderr } = spawnSync(
          process.execPath,
          ['--import', killer, step, copy, join(app.folder, 'data'), what, '1,3'],
          {
            env: { ...process.env, KILL_AT_WRITE: String(at) },
            encoding: 'utf8',
          },
        );
        if (signal === null) {
          expect([status, stderr]).toEqual([0, '']);
          break;
        }
        await app.client.projects.open({ path: copy });
        await app.client.projects.close();
        const now = await values(copy);
        const done = what === 'edit' ? ['3/', '2/', '/3'] : ['1/', '2/', '/1'];
        if (JSON.stringify(now) !== JSON.stringify(done)) expect(await state(copy)).toEqual(before);
        else if (what === 'undo') expect(await state(copy)).toEqual(from);
        // Nothing that no revision names is left.
        const library = openProjectReadOnly(copy);
        for (const id of ids) {
          const named = listMaskRevisions(library.read, id).map(({ path }) => path.split('/').at(-1));
          const folder = join(library.paths.case(id), 'revisions');
          if (named.length > 0) expect(readdirSync(folder).filter((name) => !named.includes(name))).toEqual([]);
        }
        library.close();
        outcomes.add(JSON.stringify(now));
      }
      expect(outcomes.size).toBe(2);
    },
    240_000,
  );
});

describe('the history of the project', () => {
  it('takes labels, exclusion and validation locks back, and does them again', async () => {
    const { client } = app;
    await client.projects.setLabels({ labels: [{ ...testLabels[0], name: 'Hepar' }, testLabels[1], cyst] });
    await client.projects.addLabel();
    await client.library.update({ caseIds: ids.slice(0, 2), status: 'excluded' });
    await client.library.update({ caseIds: [ids[2] ?? ''], heldOut: true });
    const steps = async () => (await client.history.list()).steps.slice(-4).map(({ name, state: now }) => [name, now]);
    expect(await steps()).toEqual([
      ['“Liver” renamed to “Hepar”', 'done'],
      ['Label added: “Label 4”', 'done'],
      ['2 cases excluded', 'done'],
      ['1 case held out', 'done'],
    ]);
    for (let n = 0; n < 4; n++) await client.history.undo();
    const { project: now } = await client.projects.current();
    expect([now?.labels, now?.removedLabels.map(({ name }) => name), now?.counts]).toEqual([
      [...testLabels, cyst],
      ['Label 4'],
      { unlabelled: 0, predicted: 0, inCorrection: 1, accepted: 2, excluded: 0 },
    ]);
    for (let n = 0; n < 4; n++) await client.history.redo();
    expect((await client.projects.current()).project).toMatchObject({
      labels: [{ name: 'Hepar' }, {}, {}, { name: 'Label 4' }],
      removedLabels: [],
      counts: { excluded: 2 },
    });
    expect((await client.library.get({ caseId: ids[2] ?? '' })).case.heldOut).toBe(true);
  });

  it('does not take back a label that a mask holds, and says which', async () => {
    const { value } = await app.client.projects.addLabel();
    await draw(ids[2] ?? '', value);
    await expect(app.client.history.undo()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('case2') as string,
    });
  });

  it('names a case that was changed again since', async () => {
    await app.client.library.update({ caseIds: [ids[2] ?? ''], status: 'excluded' });
    await app.client.history.undo();
    await app.client.library.update({ caseIds: [ids[2] ?? ''], status: 'excluded' });
    await draw(ids[2] ?? '', 2);
    expect((await app.client.history.undo()).kept).toEqual([{ caseId: ids[2], name: 'case2', reason: 'It was changed again since.' }]);
  });
});
