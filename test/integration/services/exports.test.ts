import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { runCommandLine } from '#main/cli/run.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
let caseIds: readonly string[];
const out = (): string => join(app.folder, 'out');

beforeEach(async () => {
  app = startStudio();
  await writePairs(join(app.folder, 'incoming'), 3, 2);
  await app.client.projects.create({ path: join(app.folder, 'project'), name: 'Abdomen', labels: testLabels });
  caseIds = (await app.client.library.import({ sources: [join(app.folder, 'incoming')] })).added;
});
afterEach(() => app.close());

describe('exports', () => {
  it('write every accepted mask as it is, under a name that tells nothing', async () => {
    const { files, failures } = await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'accepted' } });
    expect(failures).toEqual([]);
    expect(files.map(({ verified, differingVoxels }) => [verified, differingVoxels])).toEqual([[true, 0], [true, 0]]);
    expect(readdirSync(out()).filter((name) => name.includes('case0'))).toEqual([]);
    const truth = await readImage(join(app.folder, 'incoming/labels/case0.nii.gz'));
    const written = await readLabels(files.find(({ caseId }) => caseId === caseIds[0])?.path ?? '');
    expect([...written.volume.data]).toEqual([...truth.volume.data]);
    // Not over what is there, unless asked to.
    const again = await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'accepted' } });
    expect(again.failures.map(({ error }) => error.code)).toEqual(['conflict', 'conflict']);
    expect((await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'accepted' }, overwrite: true })).failures).toEqual([]);
  });

  it('come in every format that is offered, or say why not', async () => {
    const { formats } = await app.client.exports.formats();
    for (const { id } of formats) {
      const call = app.client.exports.run({ format: id, destination: join(out(), id), cases: { kind: 'these', caseIds: [caseIds[0] ?? ''] }, deidentify: false });
      const { files, failures } = await call;
      if (id === 'dicom-seg') expect(failures[0]?.error.message).toContain('DICOM');
      else expect([id, files.length > 0, failures]).toEqual([id, true, []]);
    }
    expect(readdirSync(join(out(), 'nifti'))).toEqual(['case0.nii.gz']);
  });

  it('take the strokes of an open case along, and are cancelled without a trace', async () => {
    const [caseId = ''] = caseIds;
    const { session, mask, history } = await app.client.document.open({ caseId });
    const records: Uint8Array[] = [];
    const document = SegmentationDocument.restore(mask, history, { sink: (record) => { records.push(record); } });
    document.push('Brush', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-6, -16, 36], radius: 4 }, 2));
    await app.client.document.append({ caseId, session, sequence: 0, records });
    const { files } = await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'these', caseIds: [caseId] } });
    expect([...(await readLabels(files[0]?.path ?? '')).volume.data]).toEqual([...document.volume.data]);

    const stop = new AbortController();
    const cancelled = join(app.folder, 'cancelled');
    const call = app.client.exports.run({ format: 'nnunet', destination: cancelled, cases: { kind: 'accepted' } }, { signal: stop.signal, onProgress: () => { stop.abort(); } });
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    // The answer comes when the thread has ended and what it left is cleared away.
    expect(readdirSync(cancelled, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.writing-') || name.endsWith('dataset.json'))).toEqual([]);
  });

  it('of a case without a mask fail for that case alone', async () => {
    const { files, failures } = await app.client.exports.run({ format: 'nrrd', destination: out(), cases: { kind: 'these', caseIds: [...caseIds] } });
    expect(files).toHaveLength(2);
    expect(failures).toMatchObject([{ caseId: caseIds[2], error: { code: 'not-found' } }]);
    const { events } = await app.client.library.get({ caseId: caseIds[0] ?? '' });
    expect(events.length).toBeGreaterThan(0);
  });
});

describe('logonet project', () => {
  const run = async (...words: string[]): Promise<{ code: number; json: Record<string, unknown> }> => {
    let text = '';
    const code = await runCommandLine([...words, '--json'], { stdout: { write: (part: string) => { text += part; } }, stderr: process.stderr }, new AbortController().signal);
    return { code, json: JSON.parse(text) as Record<string, unknown> };
  };

  it('creates, imports, lists, exports and verifies', async () => {
    const folder = join(app.folder, 'cli');
    expect((await run('project', 'create', folder, '--label', 'Liver', '--label', 'Spleen')).json['labels']).toMatchObject([{ value: 1, name: 'Liver' }, { value: 2, name: 'Spleen' }]);
    expect((await run('project', 'import', folder, join(app.folder, 'incoming'))).json).toMatchObject({ masks: 2, duplicates: 0 });
    expect((await run('project', 'list', folder)).json['counts']).toMatchObject({ accepted: 2, unlabelled: 1 });
    const exported = await run('project', 'export', folder, '--out', out(), '--format', 'csv');
    expect([exported.code, readdirSync(out())]).toEqual([0, ['volumes.csv']]);
    expect(await run('project', 'verify', folder)).toMatchObject({ code: 0, json: { checked: 5, faults: [] } });
    expect((await run('project', 'create', folder)).code).toBe(1);
  });
});
