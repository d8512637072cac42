import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { runCommandLine } from '#main/cli/run.ts';
import { ExportThread } from '#main/exchange/exportThread.ts';
import { gridOf, startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';

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

describe('the export thread', () => {
  it('is replaced when it died over a task', async () => {
    const thread = new ExportThread(app.folder, neverCancelled);
    try {
      await expect(thread.run('unheard of' as 'measure', {} as never, ignoreProgress)).rejects.toMatchObject({ code: 'internal' });
      const volume = { grid: gridOf([2, 2, 2]), data: new Uint8Array(8).fill(1) };
      const rows = await thread.run('measure', { labels: { kind: 'volume', volume }, labelSet: { labels: testLabels } }, ignoreProgress);
      expect(rows.find(({ value }) => value === 1)?.voxels).toBe(8);
    } finally {
      await thread.close();
    }
  });
});

describe('exports', () => {
  it('end their threads by their own hand', async () => {
    const exits: Promise<number>[] = [];
    const started = (worker: Worker): void => {
      exits.push(new Promise((resolve) => worker.once('exit', resolve)));
    };
    process.on('worker', started);
    try {
      const request = { destination: out(), cases: { kind: 'these', caseIds: [caseIds[0] ?? ''] }, deidentify: false } as const;
      for (const format of ['nifti', 'dicom'] as const) expect((await app.client.exports.run({ ...request, format })).failures).toEqual([]);
      // DICOM SEG of an image that was no DICOM fails.
      expect((await app.client.exports.run({ ...request, format: 'dicom-seg' })).failures).toHaveLength(1);
    } finally {
      process.off('worker', started);
    }
    expect(exits.length).toBeGreaterThanOrEqual(3);
    // A worker that is terminated exits with 1.
    expect(new Set(await Promise.all(exits))).toEqual(new Set([0]));
  });

  it('write every accepted mask as it is, under a name that tells nothing', async () => {
    const { files, failures } = await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'accepted' } });
    expect(failures).toEqual([]);
    expect(files.map(({ verified, differingVoxels }) => [verified, differingVoxels])).toEqual([
      [true, 0],
      [true, 0],
    ]);
    expect(readdirSync(out()).filter((name) => name.includes('case0'))).toEqual([]);
    const truth = await readImage(join(app.folder, 'incoming/labels/case0.nii.gz'));
    const written = await readLabels(files.find(({ caseId }) => caseId === caseIds[0])?.path ?? '');
    expect([...written.volume.data]).toEqual([...truth.volume.data]);
    // Not over what is there, unless asked to.
    const again = app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'accepted' } });
    await expect(again).rejects.toMatchObject({ code: 'conflict' });
    expect(
      (await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'accepted' }, overwrite: true })).failures,
    ).toEqual([]);
  });

  it('come in every format that is offered, or say why not', async () => {
    const { formats } = await app.client.exports.formats();
    for (const { id } of formats) {
      const call = app.client.exports.run({
        format: id,
        destination: join(out(), id),
        cases: { kind: 'these', caseIds: [caseIds[0] ?? ''] },
        deidentify: false,
      });
      const { files, failures } = await call;
      if (id === 'dicom-seg' || id === 'rtstruct') expect(failures[0]?.error.message).toContain('DICOM');
      else expect([id, files.length > 0, failures]).toEqual([id, true, []]);
    }
    expect(readdirSync(join(out(), 'nifti'))).toEqual(['case0.nii.gz']);
  });

  it('replace the folder of an earlier DICOM export where that is asked for, and none that holds anything else', async () => {
    const [caseId = ''] = caseIds;
    const run = (overwrite: boolean) =>
      app.client.exports.run({
        format: 'dicom',
        destination: out(),
        cases: { kind: 'these', caseIds: [caseId] },
        deidentify: false,
        overwrite,
      });
    const first = await run(false);
    expect(first.failures).toEqual([]);
    await expect(run(false)).rejects.toMatchObject({ code: 'conflict' });
    const again = await run(true);
    expect([again.failures, again.files.every(({ verified }) => verified), again.files.length]).toEqual([[], true, first.files.length]);
    expect(readdirSync(out())).toEqual(['case0-dicom']);
    writeFileSync(join(out(), 'case0-dicom', 'images', 'notes.txt'), 'mine');
    await expect(run(true)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('notes.txt') as string });
    expect(readdirSync(join(out(), 'case0-dicom', 'images'))).toContain('notes.txt');
  });

  it('take the strokes of an open case along, and are cancelled without a trace', async () => {
    const [caseId = ''] = caseIds;
    const { session, mask, history } = await app.client.document.open({ caseId });
    const records: Uint8Array[] = [];
    const document = SegmentationDocument.restore(mask, history, {
      sink: (record) => {
        records.push(record);
      },
    });
    document.push('Brush', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-6, -16, 36], radius: 4 }, 2));
    await app.client.document.append({ caseId, session, sequence: 0, records });
    const { files } = await app.client.exports.run({ format: 'nifti', destination: out(), cases: { kind: 'these', caseIds: [caseId] } });
    expect([...(await readLabels(files[0]?.path ?? '')).volume.data]).toEqual([...document.volume.data]);

    const stop = new AbortController();
    const cancelled = join(app.folder, 'cancelled');
    const call = app.client.exports.run(
      { format: 'nnunet', destination: cancelled, cases: { kind: 'accepted' } },
      {
        signal: stop.signal,
        onProgress: () => {
          stop.abort();
        },
      },
    );
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    // The answer comes when the thread has ended and what it left is cleared away.
    expect(
      readdirSync(cancelled, { recursive: true, encoding: 'utf8' }).filter(
        (name) => name.includes('.writing-') || name.endsWith('dataset.json'),
      ),
    ).toEqual([]);
  });

  it('of a case without a mask fail for that case alone', async () => {
    const { files, failures } = await app.client.exports.run({
      format: 'nrrd',
      destination: out(),
      cases: { kind: 'these', caseIds: [...caseIds] },
    });
    expect(files).toHaveLength(2);
    expect(failures).toMatchObject([{ caseId: caseIds[2], error: { code: 'not-found' } }]);
    const { events } = await app.client.library.get({ caseId: caseIds[0] ?? '' });
    expect(events.length).toBeGreaterThan(0);
  });
});

describe('logonet project', () => {
  const run = async (...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> => {
    let text = '';
    const code = await runCommandLine(
      [...args, '--json'],
      {
        stdout: {
          write: (part: string) => {
            text += part;
          },
        },
        stderr: process.stderr,
      },
      new AbortController().signal,
    );
    return { code, json: JSON.parse(text) as Record<string, unknown> };
  };

  it('creates, imports, lists, exports and verifies', async () => {
    const folder = join(app.folder, 'cli');
    expect((await run('project', 'create', folder, '--label', 'Liver', '--label', 'Spleen')).json['labels']).toMatchObject([
      { value: 1, name: 'Liver' },
      { value: 2, name: 'Spleen' },
    ]);
    expect((await run('project', 'import', folder, join(app.folder, 'incoming'))).json).toMatchObject({ masks: 2, duplicates: 0 });
    expect((await run('project', 'list', folder)).json['counts']).toMatchObject({ accepted: 2, unlabelled: 1 });
    const exported = await run('project', 'export', folder, '--out', out(), '--format', 'csv');
    expect([exported.code, readdirSync(out())]).toEqual([0, ['volumes.csv']]);
    expect(await run('project', 'verify', folder)).toMatchObject({ code: 0, json: { checked: 5, faults: [] } });
    expect((await run('project', 'create', folder)).code).toBe(1);
  });
});
