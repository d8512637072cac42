import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { localTime } from '#shared/base/localTime.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { knownImage } from '#shared/domain/image.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { runCommandLine } from '#main/cli/run.ts';
import { listImages, openProject, openProjectReadOnly } from '#main/library/index.ts';
import { importModel } from '#main/project/importModel.ts';
import { CasePreparation } from '#main/training/preparation/labelledCases.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { rampVolume, startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';
import { obliqueGrid, randomVolume, unevenGrid } from '#test/support/volumes.ts';

let app: TestStudio;
const at = (...parts: string[]): string => join(app.folder, ...parts);
const importedOn = new Date('2025-03-04T05:06:07Z');
const changedOn = new Date('2026-01-02T03:04:05Z');
const bothDates = new RegExp(`${localTime('2025-03-04T05:06:07Z')}.*${localTime('2026-01-02T03:04:05Z')}`);

beforeEach(async () => {
  app = startStudio();
  await app.client.projects.create({ path: at('project'), name: 'Abdomen', labels: testLabels });
});
afterEach(() => app.close());

/** Labelled cases whose images were last written on one day. */
async function importPairs(mode: 'copy' | 'reference', count = 2): Promise<readonly string[]> {
  await writePairs(at('incoming'), count, count, [20, 18, 16]);
  for (const name of readdirSync(at('incoming/images'))) utimesSync(at('incoming/images', name), importedOn, importedOn);
  const { added, skipped } = await app.client.library.import({ sources: [at('incoming')], mode });
  expect([added.length, skipped]).toEqual([count, []]);
  return added;
}

function image(caseId: string) {
  const project = openProjectReadOnly(at('project'));
  try {
    const [record] = listImages(project.read, caseId);
    if (record === undefined) throw new Error('no image');
    return { record, paths: record.paths.map((path) => (record.storage === 'copy' ? project.paths.inside(path) : path)) };
  } finally {
    project.close();
  }
}

function command(args: readonly string[]): Promise<number> {
  return runCommandLine(args, { stdout: { write: () => true }, stderr: process.stderr }, new AbortController().signal);
}

/** Another image of the same size and place. */
async function change(caseId: string, when: Date | null = changedOn): Promise<string> {
  const [path = ''] = image(caseId).paths;
  const { atime, mtime } = statSync(path);
  await writeVolume(path, rampVolume([20, 18, 16], 555));
  utimesSync(path, when ?? atime, when ?? mtime);
  return path;
}

describe('an image that is no longer the one that was imported', () => {
  it('is refused with both dates, listed once among the problems, and the others are not', async () => {
    const [changed = '', other = ''] = await importPairs('reference');
    await change(changed);
    for (let time = 0; time < 2; time++)
      await expect(app.client.images.open({ caseId: changed })).rejects.toMatchObject({
        code: 'changed',
        message: expect.stringMatching(bothDates) as string,
      });
    await expect(app.client.images.read({ caseId: changed })).rejects.toMatchObject({ code: 'changed' });
    expect(await app.client.images.open({ caseId: other })).toMatchObject({ caseId: other });
    expect((await app.client.problems.list()).problems.filter(({ caseId }) => caseId === changed)).toHaveLength(1);
  });

  it('is refused also where size and date are the same, and where the project’s own copy was changed', async () => {
    const [first = '', second = ''] = await importPairs('copy');
    await change(first, null);
    await expect(app.client.images.open({ caseId: first })).rejects.toMatchObject({ code: 'changed' });
    await change(second);
    await expect(app.client.images.open({ caseId: second })).rejects.toMatchObject({
      code: 'changed',
      message: expect.stringMatching('2026-01-02') as string,
    });
  });

  it('is refused as changed where it cannot even be read any more', async () => {
    const [caseId = ''] = await importPairs('reference', 1);
    const [path = ''] = image(caseId).paths;
    writeFileSync(path, 'a note');
    utimesSync(path, changedOn, changedOn);
    await expect(app.client.images.open({ caseId })).rejects.toMatchObject({
      code: 'changed',
      message: expect.stringMatching(bothDates) as string,
    });
  });

  it('is exported in no format, not even its mask alone', async () => {
    const [changed = '', other = ''] = await importPairs('reference');
    await change(changed);
    for (const format of ['nifti', 'dicom', 'stl', 'csv']) {
      const { files, failures } = await app.client.exports.run({ format, destination: at('out', format), cases: { kind: 'accepted' } });
      expect([format, failures]).toMatchObject([format, [{ caseId: changed, error: { code: 'changed' } }]]);
      expect([format, files.some(({ caseId }) => caseId === changed)]).toEqual([format, false]);
      if (format !== 'csv') expect(files.some(({ caseId }) => caseId === other)).toBe(true);
    }
    await expect(
      app.client.exports.run({ format: 'nnunet', destination: at('out/nnunet'), cases: { kind: 'accepted' } }),
    ).rejects.toMatchObject({
      code: 'changed',
    });
  });

  it('is neither predicted nor trained on; the others are', async () => {
    const [changed = '', other = ''] = await importPairs('reference');
    await app.client.projects.close();
    await writeTinyModel(at('model'));
    const project = openProject(at('project'), { author: 'test' });
    await importModel(project, at('model'), { name: 'Tiny' });
    project.close();
    await app.client.projects.open({ path: at('project') });
    await change(changed);
    await app.client.predictions.run({ caseId: other });
    const { jobId } = await app.client.predictions.runMany({ caseIds: [changed, other] });
    await vi.waitUntil(async () => (await app.client.jobs.get({ jobId })).job.state === 'done', { timeout: 120_000 });
    await expect(app.client.predictions.run({ caseId: changed })).rejects.toMatchObject({
      message: expect.stringMatching(bothDates) as string,
    });
    expect(await app.client.predictions.get({ caseId: changed })).toBeNull();
    expect(await app.client.predictions.get({ caseId: other })).not.toBeNull();

    const preparing = new CasePreparation();
    const looks = await preparing.look(
      [changed, other].map((caseId) => {
        const { record, paths } = image(caseId);
        return {
          name: caseId,
          image: paths,
          labels: at('incoming/labels', `${caseId === changed ? 'case0' : 'case1'}.nii.gz`),
          ...knownImage(record),
        };
      }),
      [1, 2],
      'CT',
      { cancellation: neverCancelled, report: ignoreProgress },
    );
    expect(looks.map((look) => look.case.name)).toEqual([other]);
    expect(preparing.skipped[0]?.reason).toMatch(bothDates);
  });

  it('is a DICOM series of which one file was changed', async () => {
    const volume = randomVolume({ ...obliqueGrid(unevenGrid, [20, 10, 5]), size: [16, 12, 6] }, 3);
    writeDicomSlices(at('incoming/series'), volume);
    const [caseId = ''] = (await app.client.library.import({ sources: [at('incoming')], mode: 'reference' })).added;
    const path = at('incoming/series/3.dcm');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await expect(app.client.images.open({ caseId })).rejects.toMatchObject({
      code: 'changed',
      message: expect.stringContaining('6 files') as string,
    });
    // One that is not there is not a change.
    rmSync(path);
    await expect(app.client.images.open({ caseId })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is not one that was only touched: that is read once more, and known again', async () => {
    const [caseId = ''] = await importPairs('reference', 1);
    utimesSync(image(caseId).paths[0] ?? '', changedOn, changedOn);
    const { failures } = await app.client.exports.run({ format: 'nifti', destination: at('out'), cases: { kind: 'accepted' } });
    expect(failures).toEqual([]);
    expect(image(caseId).record.fileStates).toMatchObject([{ modifiedAt: changedOn.getTime() }]);
  });

  it('is told from one whose header and voxels were copied into one file', async () => {
    const { grid, data } = rampVolume([20, 18, 16]);
    mkdirSync(at('incoming'));
    writeFileSync(
      at('incoming/scan.mhd'),
      `ObjectType = Image\nNDims = 3\nDimSize = ${grid.size.join(' ')}\nElementSpacing = 1 1 2\nOffset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nElementType = MET_SHORT\nElementByteOrderMSB = False\nElementDataFile = scan.raw\n`,
    );
    writeFileSync(at('incoming/scan.raw'), new Uint8Array(data.buffer));
    const [copied = ''] = (await app.client.library.import({ sources: [at('incoming')] })).added;
    await app.client.images.open({ caseId: copied });
    appendFileSync(image(copied).paths[0] ?? '', 'x');
    await app.client.images.close({ caseId: copied });
    await expect(app.client.images.open({ caseId: copied })).rejects.toMatchObject({ code: 'changed' });
  });
});

describe('images that are away', () => {
  it('are not reachable, never changed, and come back with the share', async () => {
    const [caseId = ''] = await importPairs('reference', 1);
    renameSync(at('incoming'), at('unplugged'));
    await expect(app.client.images.open({ caseId })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('not reachable') as string,
    });
    expect(await app.client.library.referenced()).toEqual({ images: 1, missing: 1, folder: at('incoming/images') });
    expect((await app.client.exports.run({ format: 'nifti', destination: at('out'), cases: { kind: 'accepted' } })).failures).toMatchObject(
      [{ caseId, error: { code: 'not-found' } }],
    );
    renameSync(at('unplugged'), at('incoming'));
    expect(await app.client.images.open({ caseId })).toMatchObject({ caseId });
  });

  it('are found again where their folder was moved to, by what they hold', async () => {
    const [first = '', second = ''] = await importPairs('reference');
    renameSync(at('incoming'), at('archive'));
    await change(second).catch(() => undefined);
    await writeVolume(at('archive/images/case1.nii.gz'), rampVolume([20, 18, 16], 555));
    await expect(app.client.library.relink({ from: at('elsewhere'), to: at('archive') })).rejects.toMatchObject({ code: 'not-found' });
    const result = await app.client.library.relink({ from: at('incoming'), to: at('archive') });
    expect(result).toMatchObject({ relinked: [first], skipped: [{ path: at('archive/images/case1.nii.gz'), code: 'changed' }] });
    expect(await app.client.images.open({ caseId: first })).toMatchObject({ caseId: first });
    expect(image(first).paths).toEqual([at('archive/images/case0.nii.gz')]);
    expect(image(second).paths).toEqual([at('incoming/images/case1.nii.gz')]);
    expect((await app.client.library.get({ caseId: first })).events.map(({ kind }) => kind)).toContain('image-relinked');
    expect(await readImage(image(first).paths)).toMatchObject({ contentHash: image(first).record.contentHash });
  });

  it('are relinked on the command line, too', async () => {
    const [caseId = ''] = await importPairs('reference', 1);
    await app.client.projects.close();
    cpSync(at('incoming'), at('archive'), { recursive: true });
    rmSync(at('incoming'), { recursive: true });
    expect(await command(['project', 'relink', at('project'), at('incoming'), at('archive')])).toBe(0);
    expect(image(caseId).paths).toEqual([at('archive/images/case0.nii.gz')]);
    expect(await command(['project', 'relink', at('project'), at('incoming'), at('archive')])).toBe(1);
  });
});

describe('a project that has gone', () => {
  it('is not found, and no empty one is made in its place', async () => {
    await app.client.projects.close();
    const gone = at('project');
    const [, recent] = [rmSync(gone, { recursive: true }), (await app.client.projects.recent()).projects];
    expect(recent).toMatchObject([{ path: gone, exists: false }]);
    await expect(app.client.projects.open({ path: gone })).rejects.toMatchObject({ code: 'not-found' });
    expect(await command(['project', 'import', gone, app.folder])).toBe(1);
    expect(await command(['project', 'list', gone])).toBe(1);
    expect(existsSync(gone)).toBe(false);
    mkdirSync(gone); // an empty mount point
    await expect(app.client.projects.open({ path: gone })).rejects.toMatchObject({ code: 'not-found' });
    expect(readdirSync(gone)).toEqual([]);
  });

  it('while it was open is not made again at its end', async () => {
    const [caseId = ''] = await importPairs('copy', 1);
    await app.client.images.open({ caseId });
    await app.client.images.close({ caseId });
    renameSync(at('project'), at('moved'));
    await expect(app.client.images.open({ caseId })).rejects.toMatchObject({ code: 'not-found' });
    await expect(app.client.document.open({ caseId })).rejects.toMatchObject({ code: 'not-found' });
    expect(existsSync(at('project'))).toBe(false);
    await app.client.projects.close().catch(() => undefined);
    expect(existsSync(at('project'))).toBe(false);
    expect(await app.client.projects.open({ path: at('moved') })).toMatchObject({ counts: { accepted: 1 } });
  });
});
