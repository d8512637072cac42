/** `npm run test:slurm`: improvements on a real Slurm of one node, through everything that may happen to them there. */
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import type { ImproveOptions } from '#main/project/improvement.ts';
import { startImprovement } from '#main/project/improvement.ts';
import { readLog } from '#main/jobs/jobFolder.ts';
import { quoted } from '#main/jobs/submit/quoted.ts';
import { readSubmission } from '#main/jobs/submit/submission.ts';
import { programHere } from '#main/jobs/submit/target.ts';
import { trySubmission } from '#main/jobs/submit/trySubmission.ts';
import { readStatus } from '#main/jobs/submit/workerStatus.ts';
import { acceptedProject, workbenchOf } from '../support/acceptedProject.ts';
import { logonet } from '../support/commandLine.ts';
import { missing, startCluster, until, type Cluster } from './cluster.ts';

const steps = { pretrain: 0, train: 80 };
const target = 'slurm --partition=batch --cpus-per-task=2 --mem=1500';

describe.skipIf(missing.length > 0)(`Slurm${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`, () => {
  let root: string;
  let study: string;
  let cluster: Cluster;
  let whole: Buffer;
  const options: ImproveOptions = { minutes: 10, device: 'cpu', memoryBytes: 0, steps, threads: 1, seed: 5, variant: 'tiny' };

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'on slurm-'));
    vi.stubEnv('LOGONET_DATA', join(root, 'app'));
    study = await acceptedProject(root);
    cluster = await startCluster();
    const here = await begin('here', undefined);
    whole = await here.weights();
  });
  afterAll(async () => {
    await cluster.close();
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });

  /** Presses Improve in a copy of the project. */
  async function begin(name: string, to: string | undefined) {
    const folder = join(root, name);
    cpSync(study, folder, { recursive: true });
    const bench = workbenchOf(root);
    const session = await bench.open(folder);
    const phases: string[] = [];
    const id = await startImprovement(session, { ...options, ...(to !== undefined && { submit: { target: to } }) });
    session.watch(id, ({ phase }) => phases.push(phase));
    const place = join(folder, 'jobs', id);
    const training = (): Promise<void> =>
      until('it trains', async () => {
        const status = await readStatus(place);
        return status?.state === 'running' && status.phase === 'Training' && status.fraction > 0.05;
      });
    const alarms = async (): Promise<string[]> => (await readLog(place)).alarms.map(({ message }) => message);
    /** Waits for the end and the adoption. */
    const weights = async (): Promise<Buffer> => {
      const job = await session.queue.wait(id);
      expect(job.error).toBeNull();
      expect(job.state).toBe('done');
      await session.adopted(id);
      await bench.close();
      return readFileSync(join(folder, 'models', job.modelId ?? '', 'weights.safetensors'));
    };
    return { bench, session, id, folder, place, phases, training, alarms, weights };
  }
  const slurmJob = (place: string): string => readSubmission(place)?.id ?? '';
  const stateOf = (job: string): string => cluster.ask('squeue', '--noheader', '--states=all', `--jobs=${job}`, '--format=%T').trim();

  it('answers when it is tried, and says why where it does not', { timeout: 120_000 }, async () => {
    expect(await trySubmission('slurm --partition=batch', null, join(root, 'app'), neverCancelled)).toMatchObject({ works: true });
    const refused = await trySubmission('slurm --partition=nowhere', null, join(root, 'app'), neverCancelled);
    expect(refused).toMatchObject({ works: false, answer: expect.stringMatching(/Slurm refused: .*partition/i) as string });
  });

  it('submit: the command line hands over, goes away, and adopts when it comes back', { timeout: 300_000 }, async () => {
    const folder = join(root, 'command');
    cpSync(study, folder, { recursive: true });
    const submitted = await logonet(['improve', folder, '--minutes', '1', '--submit', target, '--detach', '--json']);
    expect(submitted.stderr).not.toMatch(/logonet:/);
    const { jobId } = JSON.parse(submitted.stdout) as { jobId: string };
    expect(existsSync(join(folder, 'jobs', jobId, 'input'))).toBe(true);
    const followed = await logonet(['improve', folder, '--resume', jobId, '--json']);
    expect(JSON.parse(followed.stdout)).toMatchObject({ jobId, comparison: { cases: 1 }, promoted: true });
    expect(readdirSync(join(folder, 'models'))).toHaveLength(1);
    expect(stateOf(slurmJob(join(folder, 'jobs', jobId)))).toBe('COMPLETED');
  });

  it('preempt, requeue, resume: the same weights, bit for bit', { timeout: 300_000 }, async () => {
    const run = await begin('preempted', target);
    await run.training();
    const urgent = cluster
      .ask('sbatch', '--parsable', '--partition=urgent', '--cpus-per-task=2', '--output=/dev/null', '--wrap=sleep 3')
      .trim();
    await until('it stopped with a checkpoint', async () => (await readStatus(run.place))?.state === 'stopped');
    await until('the urgent job is done', () => stateOf(urgent) === 'COMPLETED');
    const job = slurmJob(run.place);
    await until('it is back in the queue', () => /PENDING|RUNNING/.test(stateOf(job)));
    expect(cluster.ask('scontrol', 'show', 'job', job)).toMatch(/Restarts=1/);
    cluster.ask('scontrol', 'update', `JobId=${job}`, 'StartTime=now');
    expect((await run.weights()).equals(whole)).toBe(true);
    expect(await readStatus(run.place)).toMatchObject({ state: 'done', attempt: 2, crashes: 0 });
    expect(run.phases.some((phase) => phase.startsWith('Waiting in the queue, Slurm'))).toBe(true);
  });

  it('cancel: Slurm ends it, the checkpoint stays, and it can go on', { timeout: 300_000 }, async () => {
    const run = await begin('cancelled', target);
    await run.training();
    const job = slurmJob(run.place);
    await run.session.queue.cancel(run.id);
    expect(run.session.queue.get(run.id)).toMatchObject({ state: 'cancelled', canResume: true });
    await until('it has left the queue', () => stateOf(job) === 'CANCELLED');
    run.session.queue.resume(run.id);
    expect((await run.weights()).equals(whole)).toBe(true);
    expect(slurmJob(run.place)).not.toBe(job);
  });

  it('node down: it goes on when the node is back', { timeout: 300_000 }, async () => {
    const run = await begin('node down', target);
    await run.training();
    await cluster.nodeDown();
    const job = slurmJob(run.place);
    await until('Slurm has put it back into the queue', () => stateOf(job) === 'PENDING');
    // No machine is back within a moment: what Slurm still sends to the run that is gone must not meet the next one.
    cluster.ask('scontrol', 'hold', job);
    await cluster.nodeUp();
    await new Promise((resolve) => {
      setTimeout(resolve, 5000);
    });
    cluster.ask('scontrol', 'release', job);
    cluster.ask('scontrol', 'update', `JobId=${job}`, 'StartTime=now');
    expect((await run.weights()).equals(whole)).toBe(true);
    expect(await readStatus(run.place)).toMatchObject({ state: 'done', attempt: 2, crashes: 0 });
  });

  it('killed for memory: it comes back with a smaller plan', { timeout: 300_000 }, async () => {
    // Once, something in the step takes more memory than the job has.
    const program = join(root, 'greedy once');
    const mark = join(root, 'greedy.mark');
    const [node = '', main = ''] = programHere();
    const greedy = `const {readFileSync}=require('fs');setInterval(()=>{try{if(JSON.parse(readFileSync(process.argv[1]+'/status.json')).phase==='Training')globalThis.all??=Buffer.alloc(3e9,1)}catch{}},200)`;
    writeFileSync(
      program,
      `#!/bin/sh\nif [ ! -e ${quoted(mark)} ]; then touch ${quoted(mark)}; ${quoted(node)} -e ${quoted(greedy)} "$2" & fi\nexec ${quoted(node)} ${quoted(main)} "$@"\n`,
    );
    chmodSync(program, 0o755);
    const link = join(tmpdir(), `greedy-${String(process.pid)}`); // options are split at blanks
    cpSync(program, link);
    try {
      const run = await begin('memory', `${target} --program=${link}`);
      expect((await run.weights()).equals(whole)).toBe(true);
      expect(await readStatus(run.place)).toMatchObject({ state: 'done', attempt: 2 });
      expect(await run.alarms()).toContainEqual(
        expect.stringMatching(/^Goes on with .* instead of .*: a little slower, with the same result/),
      );
      expect(readFileSync(join(run.place, 'slurm.log'), 'utf8')).toMatch(/memory/i);
    } finally {
      rmSync(link, { force: true });
    }
  });
});
