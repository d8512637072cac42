import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createJobFolder } from '#main/jobs/jobFolder.ts';
import { exitCodes } from '#main/jobs/submit/exitCodes.ts';
import { readStatus } from '#main/jobs/submit/workerStatus.ts';
import { logonet } from '../../support/commandLine.ts';
import { labelSet, phantoms, type PhantomCase } from '../../support/improve.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'worker-'));
  cases = await phantoms(join(root, 'scans'), 4, 2);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A job's folder as a scheduler finds it: images, masks and results all inside. */
async function jobFolder(name: string, train: number): Promise<string> {
  const folder = join(root, name);
  mkdirSync(folder);
  cpSync(join(root, 'scans'), join(folder, 'input'), { recursive: true });
  const packed = (path: string): string => path.replace(join(root, 'scans'), join(folder, 'input'));
  await createJobFolder(folder, {
    id: name,
    kind: 'improve',
    config: {
      cases: cases.map(({ id, image, mask }, index) => ({ id, name: id, image: packed(image), mask: packed(mask), heldOut: index === 3 })),
      labelSet,
      variant: 'tiny',
      budget: { steps: { pretrain: 0, train } },
      device: 'auto',
      threads: 1,
      seed: 3,
      current: null,
      modelId: 'm1',
      modelFolder: join(folder, 'out', 'model'),
      learnedFolder: join(folder, 'learned'),
    },
  });
  return folder;
}

const weights = (folder: string): Buffer => readFileSync(join(folder, 'out', 'model', 'weights.safetensors'));
const environment = (): void => {
  process.env['LOGONET_DATA'] = join(root, 'app');
};

it('stops at SIGTERM with a checkpoint, goes on in another place, and ends as one that was left alone', { timeout: 900_000 }, async () => {
  environment();
  const whole = await jobFolder('whole', 40);
  expect((await logonet(['worker', whole])).code).toBe(exitCodes.done);
  expect(await readStatus(whole)).toMatchObject({ state: 'done', attempt: 1, crashes: 0, fraction: 1 });

  const first = await jobFolder('first', 40);
  const child = spawn(process.execPath, [resolve('src-main/cli/main.ts'), 'worker', first], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((settle) => {
    child.on('close', settle);
  });
  let told = '';
  child.stderr.on('data', (bytes: Buffer) => {
    told += bytes.toString();
    if (told.includes('Training')) child.kill('SIGTERM');
  });
  expect(await ended).toBe(exitCodes.stopped);
  expect(told).toMatch(/the checkpoint is kept/);
  expect(await readStatus(first)).toMatchObject({ state: 'stopped', attempt: 1 });

  // The folder is all that there is of the job.
  const second = join(root, 'second');
  cpSync(first, second, { recursive: true });
  rmSync(first, { recursive: true });
  const { code, stdout } = await logonet(['worker', second, '--json']);
  expect(code).toBe(exitCodes.done);
  expect(JSON.parse(stdout)).toMatchObject({ result: { modelId: 'm1' } });
  expect(await readStatus(second)).toMatchObject({ state: 'done', attempt: 2, crashes: 0 });
  expect(weights(second).equals(weights(whole))).toBe(true);
  // Whether it is done already is no question.
  expect((await logonet(['worker', second])).code).toBe(exitCodes.done);
});

it('takes no folder in which another works, whether that began long before or at the same moment', { timeout: 900_000 }, async () => {
  environment();
  const start = (folder: string) => {
    const child = spawn(process.execPath, [resolve('src-main/cli/main.ts'), 'worker', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    child.stderr.on('data', (bytes: Buffer) => {
      told += bytes.toString();
    });
    const ended = new Promise<{ code: number | null; told: string }>((settle) => {
      child.on('close', (code) => settle({ code, told }));
    });
    return { child, ended, told: () => told };
  };
  const folder = await jobFolder('twice', 4000);
  const two = [start(folder), start(folder)];
  const refused = await Promise.race(two.map(({ ended }) => ended));
  expect(refused).toEqual({ code: exitCodes.busy, told: expect.stringContaining('Another worker is at work in this folder') as string });
  const late = await start(folder).ended;
  expect(late.code).toBe(exitCodes.busy);
  // The one that works is not disturbed.
  const worker = two.find(({ child }) => child.exitCode === null);
  worker?.child.kill('SIGTERM');
  expect((await worker?.ended)?.code).toBe(exitCodes.stopped);
  expect(await readStatus(folder)).toMatchObject({ state: 'stopped', attempt: 1 });
});

it('tells by its exit code why it could not', { timeout: 300_000 }, async () => {
  environment();
  const code = async (...args: string[]): Promise<number | null> => (await logonet(['worker', ...args])).code;
  expect(await code()).toBe(exitCodes.usage);
  expect(await code(join(root, 'nowhere'))).toBe(exitCodes.job);

  const folder = await jobFolder('codes', 2);
  const file = join(folder, 'job.json');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.slice(0, -20));
  expect(await code(folder)).toBe(exitCodes.job);
  const job = JSON.parse(text) as { config: { cases: object[] } };
  writeFileSync(file, JSON.stringify({ ...job, program: '99.0.0' }));
  const newer = await logonet(['worker', folder, '--json']);
  expect(newer.code).toBe(exitCodes.version);
  expect(JSON.parse(newer.stdout)).toMatchObject({
    error: { code: 'unsupported', message: expect.stringMatching(/written by LoGoNet Studio 99\.0\.0/) as string },
  });
  writeFileSync(file, JSON.stringify({ ...job, format: 3 }));
  expect(await code(folder)).toBe(exitCodes.version);
  writeFileSync(file, JSON.stringify({ ...job, config: {} }));
  expect(await code(folder)).toBe(exitCodes.job);
  writeFileSync(file, JSON.stringify({ ...job, config: { ...job.config, device: 'webgpu:none such' } }));
  expect(await code(folder)).toBe(exitCodes.device);
  writeFileSync(file, text);
  rmSync(join(folder, 'input'), { recursive: true });
  expect(await code(folder)).toBe(exitCodes.input);
});
