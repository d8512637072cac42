import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { Job } from '#shared/domain/job.ts';
import { readJobFile } from '#main/jobs/jobFolder.ts';
import { readPreparation } from '#main/training/preparation/prepare.ts';
import { decodeSafetensors, encodeSafetensors } from '#main/model/safetensors.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { startImprovement } from '#main/project/improvement.ts';
import { silentLog } from '#shared/base/log.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import { Workbench } from '#main/project/workbench.ts';
import { logonet } from '../../support/commandLine.ts';
import { labelSet, phantoms } from '../../support/improve.ts';

const entry = join(import.meta.dirname, '../../support/jobs/interruptedWorker.ts');
let root: string;
let leftAlone: Promise<Buffer> | undefined;

function workbench(changed: (job: Job) => void = () => undefined): Workbench {
  return new Workbench({
    publish: (name, payload) => {
      if (name === 'jobs.changed') changed((payload as { job: Job }).job);
    },
    log: silentLog,
    settings: new SettingsKeeper(join(root, 'app')),
    devices: { chosen: 'cpu' },
    compute: { entry },
  });
}

/** The project folder with five accepted cases and two open ones; the files of some images lie in it, those of others do not. */
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'moved-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  const cases = await phantoms(join(root, 'scans'), 7, 4);
  for (const [index, { image, mask }] of cases.entries()) {
    const folder = join(root, index % 2 === 0 ? 'inside' : 'outside');
    for (const kind of ['images', 'labels']) mkdirSync(join(folder, kind), { recursive: true });
    cpSync(image, join(folder, 'images', `${String(index)}.nii`));
    if (index < 5) cpSync(mask, join(folder, 'labels', `${String(index)}.nii`));
  }
  const bench = workbench();
  const { project } = await bench.create(join(root, 'study'), 'Study', labelSet);
  for (const [folder, mode] of [
    ['inside', 'copy'],
    ['outside', 'reference'],
  ] as const) {
    const choices = new Map(labelSet.labels.map(({ value, name }) => [String(value), name]));
    expect(
      await importCases(project, [join(root, folder)], { mode, choices, cancellation: neverCancelled, report: ignoreProgress }),
    ).toMatchObject({
      skipped: [],
    });
  }
  await bench.close();
});
afterEach(() => {
  Reflect.deleteProperty(process.env, 'HOLD_IN');
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** A copy of the project in which Improve was pressed; with `pauseIn` the job is paused within that phase. The project is closed again. */
async function begun(name: string, pauseIn?: string): Promise<{ folder: string; id: string }> {
  const folder = join(root, name);
  cpSync(join(root, 'study'), folder, { recursive: true });
  if (pauseIn !== undefined) process.env['HOLD_IN'] = pauseIn;
  let pausing: Promise<void> | undefined;
  const bench = workbench((job) => {
    if (job.phase === pauseIn) pausing ??= bench.require().queue.pause(job.id);
  });
  const session = await bench.open(folder);
  const steps = { pretrain: name.includes('pre-training') ? 6 : 0, train: 6 };
  const id = await startImprovement(session, { minutes: 10, device: 'cpu', memoryBytes: 0, steps, threads: 1, seed: 5, variant: 'tiny' });
  expect(await session.queue.wait(id)).toMatchObject(pauseIn === undefined ? { state: 'done' } : { state: 'paused', canResume: true });
  await pausing;
  await session.adopted(id);
  await bench.close();
  Reflect.deleteProperty(process.env, 'HOLD_IN');
  return { folder, id };
}

/** Opens the project, resumes the job unless it is done, and resolves with the new model's weights. */
async function finished(folder: string, id: string): Promise<Buffer> {
  const bench = workbench();
  const { queue, project, adopted } = await bench.open(folder);
  if (queue.get(id).state !== 'done') queue.resume(id);
  expect(await queue.wait(id)).toMatchObject({ state: 'done', error: null });
  await adopted(id);
  const { modelId } = queue.get(id);
  expect(await queue.result(id)).toMatchObject({ modelId, modelFolder: project.paths.model(modelId ?? '') });
  await bench.close();
  return weights(folder, modelId);
}

/** Of the same project and settings, never paused nor moved. */
const weightsLeftAlone = (): Promise<Buffer> => (leftAlone ??= begun('left alone').then(({ folder, id }) => finished(folder, id)));

const weights = (folder: string, modelId: string | null): Buffer =>
  readFileSync(join(folder, 'models', modelId ?? '', 'weights.safetensors'));

function filesNaming(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .filter((file) => readFileSync(file).includes(text));
}

it(
  'a project that is moved while its improvement is paused in pre-training ends with the weights of one that was left alone',
  { timeout: 1_800_000 },
  async () => {
    const undisturbed = await begun('left alone with pre-training');
    const { folder, id } = await begun('paused in pre-training', 'Pre-training');
    const others = filesNaming(folder, root).filter((file) => !/jobs.*job\.json$|library\.sqlite|backups/.test(file));
    expect([filesNaming(folder, folder), others]).toEqual([[], []]);
    const moved = join(root, 'another', 'place');
    mkdirSync(join(root, 'another'));
    renameSync(folder, moved);
    expect((await finished(moved, id)).equals(await finished(undisturbed.folder, undisturbed.id))).toBe(true);
    expect(existsSync(folder)).toBe(false);
    expect(filesNaming(moved, moved)).toEqual([]);
  },
);

it('so it does when it is paused in fine-tuning and resumes from the command line', { timeout: 900_000 }, async () => {
  const { folder, id } = await begun('before', 'Training');
  expect(filesNaming(folder, folder)).toEqual([]);
  const moved = join(root, 'after');
  renameSync(folder, moved);
  const { code, stdout, stderr } = await logonet(['improve', moved, '--resume', id, '--json']);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('logonet:') as string]);
  const { comparison } = JSON.parse(stdout) as { comparison: { afterModelId: string } };
  expect(weights(moved, comparison.afterModelId).equals(await weightsLeftAlone())).toBe(true);
});

/** Writes the job's files as versions before this one did, with absolute paths everywhere. */
async function asEarlierVersion(folder: string, id: string): Promise<void> {
  const job = join(folder, 'jobs', id);
  const train = join(job, 'checkpoint', 'train');
  const { home: _home, ...description } = await readJobFile(job);
  writeFileSync(join(job, 'job.json'), JSON.stringify({ format: 1, ...description }));
  const preparation = await readPreparation(train);
  writeFileSync(join(train, 'preparation.json'), JSON.stringify(preparation));
  const file = join(train, 'checkpoint.safetensors');
  const { tensors, metadata } = decodeSafetensors(readFileSync(file));
  const state = JSON.parse(metadata['state'] ?? '') as { signature: string };
  const whole = {
    trainingCases: preparation?.training.map((each) => each.file),
    validationCases: preparation?.validation.map((each) => each.file),
  };
  writeFileSync(
    file,
    encodeSafetensors(tensors, {
      state: JSON.stringify({ ...state, signature: JSON.stringify({ ...JSON.parse(state.signature), ...whole }) }),
    }),
  );
  for (const each of [join(job, 'job.json'), join(train, 'preparation.json'), file])
    expect(readFileSync(each).includes(join(folder, 'jobs'))).toBe(each !== join(job, 'job.json'));
  expect(readFileSync(join(job, 'job.json'), 'utf8')).toContain(join(folder, 'learned'));
}

it('an improvement that an earlier version paused goes on, where it was and at another place', { timeout: 900_000 }, async () => {
  const expected = await weightsLeftAlone();
  const { folder, id } = await begun('earlier', 'Training');
  await asEarlierVersion(folder, id);
  const moved = join(root, 'moved since');
  cpSync(folder, moved, { recursive: true });
  // The copy must not work on the original's files.
  const original = readdirSync(folder, { recursive: true }).length;
  expect((await finished(moved, id)).equals(expected)).toBe(true);
  expect(readdirSync(folder, { recursive: true })).toHaveLength(original);
  expect(filesNaming(join(moved, 'jobs'), folder)).toEqual([]);
  expect((await finished(folder, id)).equals(expected)).toBe(true);
});
