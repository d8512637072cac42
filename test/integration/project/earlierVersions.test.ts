import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readImage } from '#main/imageio/readImage.ts';
import { decodeMask, decodeRecord, encodeRecord } from '#shared/segmentation/index.ts';
import { logonet } from '../../support/commandLine.ts';
import { startStudio } from '../../support/studio.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/versions');

/** Voxels of labels 1 and 2 in the mask that a person had on the screen when the program was killed. */
const expectedVoxels = [152, 33];

describe('a project of version 0.1.0', () => {
  let root: string;
  let folder: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'versions-'));
    folder = join(root, 'project');
    cpSync(join(fixtures, '0.1.0/project'), folder, { recursive: true });
    vi.stubEnv('LOGONET_DATA', join(root, 'data'));
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true, maxRetries: 20 });
  });

  it('predicts as that version did', async () => {
    const models = join(folder, 'models');
    const image = readdirSync(join(folder, 'images')).find((name) => name.startsWith('0f57401c')) as string;
    const out = join(root, 'predicted');
    const model = join(models, readdirSync(models)[0] as string);
    const outcome = await logonet(['predict', '--model', model, '--out', out, join(folder, 'images', image, 'image.nii'), '--json']);
    expect(outcome).toMatchObject({ code: 0 });
    const { predictions } = JSON.parse(outcome.stdout) as { predictions: { mask: string }[] };
    const [then, now] = await Promise.all([
      readImage(join(fixtures, '0.1.0/prediction.nii.gz')),
      readImage(predictions[0]?.mask as string),
    ]);
    expect(new Set(then.volume.data).size).toBeGreaterThan(1);
    expect(now.volume.grid).toEqual(then.volume.grid);
    // Equal to the voxel on the processors that were tried; sums of another order may tip one that is undecided.
    expect(then.volume.data.filter((value, at) => value !== now.volume.data[at]).length).toBeLessThanOrEqual(2);
  });

  it('opens with every stroke of the case that was being corrected', async () => {
    const { client, studio, close } = startStudio(mkdtempSync(join(tmpdir(), 'versions-app-')));
    try {
      await client.projects.open({ path: folder });
      const { cases } = await client.library.list({ limit: 10 });
      expect(cases.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual([
        'case_0 accepted',
        'case_1 accepted',
        'case_2 accepted',
        'case_3 accepted',
        'case_4 inCorrection',
        'case_5 unlabelled',
      ]);
      const { id } = cases.find(({ name }) => name === 'case_4') as (typeof cases)[number];
      const opened = await client.document.open({ caseId: id });
      expect(opened.recovered?.changes).toBeGreaterThan(0);
      const { data } = decodeMask(opened.mask);
      expect([1, 2].map((label) => data.filter((value) => value === label).length)).toEqual(expectedVoxels);
      await client.document.close({ caseId: id, session: opened.session });
    } finally {
      await studio.close();
      await close();
    }
  });

  it('has journals whose records are written today as they were then', () => {
    const journals = readdirSync(join(fixtures, '0.1.0/project/cases'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.log'),
    );
    expect(journals).toHaveLength(1);
    const bytes = readFileSync(join(fixtures, '0.1.0/project/cases', journals[0] as string));
    const payloads: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32LE(at))
      payloads.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at)));
    const records = payloads.slice(1).map(decodeRecord); // the first is the header
    expect(records.map(({ kind }) => kind)).toEqual(['partial', 'edit', 'partial', 'edit', 'partial', 'edit', 'undo', 'partial']);
    expect(records.map((record) => Buffer.from(encodeRecord(record)))).toEqual(payloads.slice(1));
  });

  it('goes on with the improvement that was paused', { timeout: 300_000 }, async () => {
    const [id] = readdirSync(join(folder, 'jobs')).filter((job) => !readdirSync(join(folder, 'jobs', job)).includes('result.json'));
    const outcome = await logonet(['improve', folder, '--resume', id as string, '--json']);
    expect(outcome).toMatchObject({ code: 0 });
    const listed = await logonet(['project', 'list', folder, '--json']);
    expect((JSON.parse(listed.stdout) as { models: unknown[] }).models).toHaveLength(2);
  });
});
