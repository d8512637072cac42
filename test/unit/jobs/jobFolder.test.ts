import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CurvePoint } from '#shared/domain/job.ts';
import {
  appendLog,
  checkpointFolder,
  createJobFolder,
  hasCheckpoint,
  readJobFile,
  readLog,
  readResult,
  writeResult,
} from '#main/jobs/jobFolder.ts';

const point = (step: number, loss: number): CurvePoint => ({ step, seconds: step, loss, learningRate: null, dice: null });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'job-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a job folder', () => {
  it('gives back what was put in', async () => {
    await createJobFolder(folder, { id: 'a', kind: 'train', config: { minutes: 3 } });
    expect(await readJobFile(folder)).toEqual({ id: 'a', kind: 'train', config: { minutes: 3 }, home: folder });
    await expect(readResult(folder)).rejects.toMatchObject({ code: 'not-found' });
    await writeResult(folder, { dice: 0.5 });
    expect(await readResult(folder)).toEqual({ dice: 0.5 });
  });

  it('has a result whose names are those of today, also where version 0.1.0 wrote it', async () => {
    await writeResult(folder, { predictions: [], leftOut: [{ path: 'x', reason: 'y' }], secondLook: [] });
    expect(await readResult(folder)).toEqual({ predictions: [], skipped: [{ path: 'x', reason: 'y' }], suspectMasks: [] });
  });

  it('names what lies in its home wherever that is moved, and what lies outside where it is', async () => {
    const outside = join(tmpdir(), 'scan.nii');
    const at = (home: string) => ({
      job: join(home, 'jobs', 'a'),
      config: { model: join(home, 'models', '7'), images: [{ path: [join(home, 'images', '1.dcm')] }, { path: outside }] },
      result: { mask: join(home, 'jobs', 'a', 'out', 'm.nii') },
    });
    const [before, after] = [at(join(folder, 'before')), at(join(folder, 'after'))];
    mkdirSync(join(folder, 'before'));
    await createJobFolder(before.job, { id: 'a', kind: 'predict', config: before.config }, join(folder, 'before'));
    const { home } = await readJobFile(before.job);
    await writeResult(before.job, before.result, home);
    expect([home, await readResult(before.job)]).toEqual([join(folder, 'before'), before.result]);
    for (const name of ['job.json', 'result.json']) expect(readFileSync(join(before.job, name), 'utf8')).not.toContain(folder);
    renameSync(join(folder, 'before'), join(folder, 'after'));
    expect(await readJobFile(after.job)).toEqual({ id: 'a', kind: 'predict', config: after.config, home: join(folder, 'after') });
    expect(await readResult(after.job)).toEqual(after.result);
  });

  it('is not made below a home that has gone', async () => {
    const home = join(folder, 'gone');
    await expect(createJobFolder(join(home, 'jobs', 'a'), { id: 'a', kind: 'train', config: {} }, home)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('not reachable') as string,
    });
    expect(existsSync(home)).toBe(false);
  });

  it('of an earlier version is read as it is', async () => {
    const config = { model: join(folder, 'models', '7') };
    writeFileSync(join(folder, 'job.json'), JSON.stringify({ format: 1, id: 'a', kind: 'predict', config }));
    expect(await readJobFile(folder)).toEqual({ id: 'a', kind: 'predict', config, home: folder });
  });

  it('refuses a damaged description', async () => {
    await createJobFolder(folder, { id: 'a', kind: 'train', config: {} });
    writeFileSync(join(folder, 'job.json'), '{"format":1,"id":"a","kind":"mine-bitcoin","config":{}}');
    await expect(readJobFile(folder)).rejects.toMatchObject({ code: 'corrupt' });
    writeFileSync(join(folder, 'job.json'), '{"form');
    await expect(readJobFile(folder)).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('replaces points that a resumed run repeats, and passes over torn lines', async () => {
    for (const [step, loss] of [
      [1, 0.9],
      [2, 0.8],
      [3, 0.7],
    ] as const)
      appendLog(folder, { point: point(step, loss) });
    appendFileSync(join(folder, 'log.jsonl'), '{"point":{"step":4,"sec\n');
    appendLog(folder, { point: point(2, 0.6) });
    appendLog(folder, { alarm: { at: '2026-01-01T00:00:00Z', severity: 'warning', message: 'x' } });
    const log = await readLog(folder);
    expect(log.points.map(({ step, loss }) => [step, loss])).toEqual([
      [1, 0.9],
      [2, 0.6],
    ]);
    expect(log.alarms).toHaveLength(1);
  });

  it('sees a checkpoint, but not a half-written one', async () => {
    await createJobFolder(folder, { id: 'a', kind: 'train', config: {} });
    writeFileSync(join(checkpointFolder(folder), '.writing-0123456789ab-x.bin'), '');
    expect(hasCheckpoint(folder)).toBe(false);
    writeFileSync(join(checkpointFolder(folder), 'x.bin'), '');
    expect(hasCheckpoint(folder)).toBe(true);
  });
});
