import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { programHere } from '#main/jobs/submit/target.ts';
import { quoted } from '#main/jobs/submit/quoted.ts';
import { readStatus } from '#main/jobs/submit/workerStatus.ts';
import { trySubmission } from '#main/jobs/submit/trySubmission.ts';
import type { Submit } from '#main/project/handOver.ts';
import { startImprovement } from '#main/project/improvement.ts';
import { logonet } from '../../support/commandLine.ts';
import { acceptedProject, patientName, workbenchOf } from '../../support/acceptedProject.ts';

const worker = [...programHere(), 'worker'].map(quoted).join(' ');
let root: string;
let study: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'submit-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  study = await acceptedProject(root);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** A script of the site's own, as `--submit` may name one. */
function script(name: string, lines: string): string {
  const path = join(root, name);
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Improves a copy of the project, here or elsewhere; resolves with the new model's weights and the job's folder. */
async function improve(name: string, submit?: Submit) {
  const folder = join(root, name);
  cpSync(study, folder, { recursive: true });
  const bench = workbenchOf(root);
  const session = await bench.open(folder);
  const phases = new Set<string>();
  const id = await startImprovement(session, {
    minutes: 10,
    device: 'cpu',
    memoryBytes: 0,
    steps: { pretrain: 5, train: 6 },
    threads: 1,
    seed: 5,
    variant: 'tiny',
    ...(submit && { submit }),
  });
  const stop = session.watch(id, ({ phase }) => phases.add(phase));
  const job = await session.queue.wait(id);
  expect(job.error).toBeNull();
  expect(job.state).toBe('done');
  await session.adopted(id);
  stop();
  const result = (await session.queue.result(id)) as { comparison: { cases: number } };
  await bench.close();
  const models = readdirSync(join(folder, 'models'));
  expect(models).toEqual([job.modelId]);
  return { folder, id, phases, result, weights: readFileSync(join(folder, 'models', job.modelId ?? '', 'weights.safetensors')) };
}

function filesNaming(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .filter((file) => file.includes(text) || readFileSync(file).includes(text));
}

describe('an improvement that runs elsewhere', () => {
  it('ends with the weights of one that ran here; what is handed over names no patient', { timeout: 900_000 }, async () => {
    const here = await improve('here');
    const keep = join(root, 'kept');
    const there = await improve('there', { target: script('keeps', `cp -r "$1" ${keep} && exec ${worker} "$1"`) });
    expect(there.weights.equals(here.weights)).toBe(true);
    expect(there.result.comparison.cases).toBe(here.result.comparison.cases);
    expect([...there.phases].some((phase) => / on /.test(phase))).toBe(true);
    expect(filesNaming(keep, patientName)).toEqual([]);
    expect(filesNaming(keep, 'study')).toEqual([]);
    // What was pre-trained there need not be done again here; packed copies of images do not stay.
    const pretrained = ({ folder }: { folder: string }) => {
      const { key, cases } = JSON.parse(readFileSync(join(folder, 'learned', 'pretrained.json'), 'utf8')) as {
        key: string;
        cases: string[];
      };
      return { key, cases: cases.length };
    };
    expect(pretrained(there).cases).toBe(pretrained(here).cases);
    expect(existsSync(join(there.folder, 'jobs', there.id, 'input'))).toBe(false);
  });

  it('runs in a shared folder whose content is copied to the other machine and back', { timeout: 900_000 }, async () => {
    const shared = join(root, 'shared');
    const other = join(root, 'other machine');
    mkdirSync(other);
    const there = await improve('copied', {
      target: script(
        'copies',
        `set -e\nname=$(basename "$1")\ncp -r "$1" "${other}/"\n${worker} "${other}/$name"\ncp -r "${other}/$name/." "$1"`,
      ),
      sharedFolder: shared,
    });
    expect(readdirSync(shared)).toEqual([]);
    const trained = readFileSync(join(other, there.id, 'out', 'model', 'weights.safetensors'));
    expect(there.weights.equals(trained)).toBe(true);
  });

  it('reads images where the other machine has them', { timeout: 900_000 }, async () => {
    const [from, to] = [join(root, 'outside'), join(root, 'as mounted there')];
    cpSync(from, to, { recursive: true });
    const kept = join(root, 'mapped kept');
    await improve('mapped', {
      target: script('mapped.sh', `cp -r "$1" "${kept}" && exec ${worker} "$1"`),
      mapped: [{ from, to }],
    });
    expect(readFileSync(join(kept, 'job.json'), 'utf8')).toContain('as mounted there');
    expect(readdirSync(join(kept, 'input')).filter((name) => name.endsWith('.nii'))).toHaveLength(3);
  });

  it('says what the command said when no worker was started', { timeout: 120_000 }, async () => {
    const folder = join(root, 'refused');
    cpSync(study, folder, { recursive: true });
    const bench = workbenchOf(root);
    const session = await bench.open(folder);
    const submit = { target: script('refuses', 'echo "gpu1: no route to host" >&2; exit 255') };
    const options = { minutes: 10, device: 'cpu', memoryBytes: 0, steps: { pretrain: 0, train: 2 }, threads: 1, variant: 'tiny', submit };
    const job = await session.queue.wait(await startImprovement(session, options));
    expect(job).toMatchObject({ state: 'failed', canResume: false });
    expect(job.error?.message).toMatch(/exit code 255\) before a worker had started.*no route to host/);
    await bench.close();
  });

  it('stops with a checkpoint when the project is closed, whatever the command started, and goes on', { timeout: 600_000 }, async () => {
    const folder = join(root, 'closed');
    cpSync(study, folder, { recursive: true });
    const options = { minutes: 10, device: 'cpu', memoryBytes: 0, steps: { pretrain: 0, train: 200 }, threads: 1, variant: 'tiny' };
    const bench = workbenchOf(root);
    const session = await bench.open(folder);
    // Not the shell's own process: what it starts.
    const id = await startImprovement(session, { ...options, submit: { target: script('starts', `${worker} "$1"; exit $?`) } });
    await new Promise<void>((training) => session.watch(id, ({ phase }) => phase.startsWith('Training') && training()));
    await bench.close();
    expect(await readStatus(join(folder, 'jobs', id))).toMatchObject({ state: 'stopped', attempt: 1 });

    const again = workbenchOf(root);
    const { queue } = await again.open(folder);
    expect(queue.get(id)).toMatchObject({ state: 'interrupted', canResume: true });
    queue.resume(id);
    expect(await queue.wait(id)).toMatchObject({ state: 'done', error: null });
    await again.close();
    expect(await readStatus(join(folder, 'jobs', id))).toMatchObject({ state: 'done', attempt: 2, crashes: 0 });
  });

  it('is not left alone with a command that ends with the program', { timeout: 120_000 }, async () => {
    const { code, stderr } = await logonet(['improve', study, '--submit', worker, '--detach']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--detach belongs to --submit slurm/)]);
    expect((await logonet(['improve', study, '--map', '/a=/b'])).stderr).toMatch(/--folder and --map belong to --submit/);
  });

  it('can be tried before it is needed', { timeout: 120_000 }, async () => {
    const attempt = (target: string) => trySubmission(target, null, join(root, 'app'), neverCancelled);
    expect(await attempt(worker)).toMatchObject({
      works: true,
      answer: expect.stringMatching(/answers with LoGoNet Studio .* reads and writes/) as string,
    });
    expect(await attempt('false')).toMatchObject({
      works: false,
      answer: expect.stringMatching(/no worker answered \(exit code 1\)/) as string,
    });
    expect(await attempt('slurm --partition=nowhere')).toMatchObject({ works: false, answer: expect.stringMatching(/Slurm/) as string });
    expect(readdirSync(join(root, 'app')).filter((name) => name.startsWith('try-'))).toEqual([]);
  });
});
