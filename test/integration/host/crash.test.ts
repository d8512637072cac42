import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { openLog } from '#main/host/logFile.ts';
import { testLabels, writePairs } from '#test/support/studio.ts';
import { connectClient, enter, launchWebHost } from '#test/support/webHost.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-crash-'));
const rendererFolder = join(folder, 'renderer');
mkdirSync(rendererFolder);
writeFileSync(join(rendererFolder, 'index.html'), '<!doctype html>');
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a kill of the main process', () => {
  it('loses nothing acknowledged and is explained at the next start', async () => {
    const dataFolder = join(folder, 'data');
    const path = join(folder, 'project');
    await writePairs(join(folder, 'incoming'), 1, 0);
    const first = await launchWebHost({ rendererFolder, dataFolder });
    const one = await connectClient(first.origin, await enter(first.address));
    await one.client.projects.create({ path, name: 'Abdomen', labels: testLabels });
    const {
      added: [caseId = ''],
    } = await one.client.library.import({ sources: [join(folder, 'incoming')] });
    const { session, mask, history } = await one.client.document.open({ caseId });
    const records: Uint8Array[] = [];
    const document = SegmentationDocument.restore(mask, history, {
      sink: (record) => {
        records.push(record);
      },
    });
    for (const [step, label] of [1, 2, 1].entries())
      document.push(
        `Brush ${String(step)}`,
        paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-8 + 3 * step, -15, 36], radius: 2.5 }, label),
      );
    const { sequence } = await one.client.document.append({ caseId, session, sequence: 0, records });
    expect(sequence).toBe(records.length);
    const ended = new Promise((resolve) => {
      first.process.once('exit', resolve);
    });
    first.process.kill('SIGKILL');
    await ended;
    // A call that was not answered is rejected, not left hanging.
    await expect(one.client.library.list()).rejects.toMatchObject({ code: 'io' });

    const second = await launchWebHost({ rendererFolder, dataFolder });
    try {
      const { client, socket } = await connectClient(second.origin, await enter(second.address));
      expect((await client.app.info()).crash?.message).toContain('did not end properly');
      await client.projects.open({ path });
      const opened = await client.document.open({ caseId });
      expect(opened.recovered?.message).toBeTruthy();
      const found = SegmentationDocument.restore(opened.mask, opened.history);
      expect([...found.volume.data]).toEqual([...document.volume.data]);
      expect(found.history.undoName).toBe('Brush 2');
      socket.close();
    } finally {
      await second.stop();
    }
  });
});

describe('the log', () => {
  it('holds no message, path or name of a patient', () => {
    const log = openLog(join(folder, 'logs'));
    const cause = Object.assign(new Error("ENOENT: '/data/SMITH^JOHN 1950-02-03/scan.nii'"), { code: 'ENOENT' });
    log.error('library.import', new StudioError('io', 'SMITH^JOHN could not be read.', { detail: 'PatientID 4711', cause }));
    log.write('started', { host: 'web' });
    const text = readdirSync(join(folder, 'logs'))
      .map((name) => readFileSync(join(folder, 'logs', name), 'utf8'))
      .join('');
    expect(text).toContain('"code":"ENOENT"');
    expect(text).not.toMatch(/SMITH|JOHN|1950|4711|\/data|could not be read/);
    // Places in the code are named by file alone.
    expect(text).toMatch(/crash\.test\.ts:\d+/);
    expect(text).not.toContain(import.meta.dirname);
  });
});
