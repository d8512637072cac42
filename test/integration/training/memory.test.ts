import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Job } from '#shared/domain/job.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { JobQueue } from '#main/jobs/queue.ts';
import { MemoryJobStore } from '#main/jobs/store.ts';
import type { PretrainResult } from '#main/jobs/requests/pretrain.ts';
import { paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { pretrainNetworkOptions } from '#main/training/pretrain.ts';
import { trainingBytes } from '#main/training/trainingNetwork.ts';
import { labelSet, phantoms, type PhantomCase } from '../../support/improve.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'memory-'));
  cases = await phantoms(join(root, 'scans'), 3, 2);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
afterEach(() => {
  for (const name of ['LOGONET_DEVICE_MEMORY', 'HOLD_IN']) Reflect.deleteProperty(process.env, name);
});

const patch = [16, 16, 16] as const;
const store = new MemoryJobStore();
const told: string[] = [];

function makeQueue(changed: (job: Job) => void = () => undefined, entry?: string): JobQueue {
  return new JobQueue({
    store,
    folder: (id) => join(root, id),
    ...(entry !== undefined && { compute: { entry } }),
    events: {
      changed,
      point: () => undefined,
      alarm: () => undefined,
      compute: ({ state, message }) => {
        told.push(`${state}: ${message}`);
      },
    },
  });
}

/** Starts a job and pauses it within a phase; resolves with its id when its process has ended. */
async function pausedIn(phase: string, submit: (queue: JobQueue) => Promise<string>): Promise<string> {
  process.env['HOLD_IN'] = phase;
  let paused: Promise<void> | undefined;
  const queue = makeQueue(
    (job) => {
      if (job.phase === phase) paused ??= queue.pause(job.id);
    },
    join(import.meta.dirname, '../../support/jobs/interruptedWorker.ts'),
  );
  const id = await submit(queue);
  expect(await queue.wait(id)).toMatchObject({ state: 'paused' });
  await paused;
  await queue.close();
  return id;
}

const request = {
  kind: 'train',
  title: 'Train',
  config: {
    cases: [] as { name: string; image: string; labels: string }[],
    labelSet,
    variant: 'tiny',
    threads: 1,
    seed: 1,
    patch: [...patch],
    batch: 2,
    budget: { steps: 8 },
    validationFraction: 0,
    checkpointSeconds: 0,
  },
} as const;

async function submit(queue: JobQueue): Promise<string> {
  const { id } = await queue.submit({
    ...request,
    config: { ...request.config, cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })) },
  });
  return id;
}

const weightsOf = (id: string): Buffer => readFileSync(join(root, id, 'out', 'weights.safetensors'));

it(
  'a training whose device has less memory than before resumes from its checkpoint with a smaller plan, and ends with the same weights',
  { timeout: 1_800_000 },
  async () => {
    const executor = createCpuExecutor({ threads: 1 });
    const bytes =
      trainingBytes(executor, variant('tiny', 3), {
        batch: 2,
        patch,
        optimiser: paperOptimiser,
        loss: { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 },
      }) ?? 0;
    executor.dispose();

    const id = await pausedIn('Training', submit);
    expect(store.get(id)?.canResume).toBe(true);
    process.env['LOGONET_DEVICE_MEMORY'] = String(Math.floor(bytes * 0.9));
    const scarce = makeQueue();
    scarce.resume(id);
    expect(await scarce.wait(id)).toMatchObject({ state: 'done', attempt: 3, error: null });
    expect(told.some((message) => /^restarted: .*needs .* resumes from its checkpoint with a smaller plan/.test(message))).toBe(true);
    expect((await scarce.log(id)).alarms.some(({ message }) => message.startsWith('Goes on with'))).toBe(true);
    await scarce.close();

    delete process.env['LOGONET_DEVICE_MEMORY'];
    const undisturbed = makeQueue();
    const other = await submit(undisturbed);
    expect(await undisturbed.wait(other)).toMatchObject({ state: 'done', attempt: 1 });
    await undisturbed.close();
    expect(weightsOf(id).equals(weightsOf(other))).toBe(true);
  },
);

it('so does masked pre-training, with the clusterers and clusters that it began with', { timeout: 1_800_000 }, async () => {
  const config = (name: string) => ({
    scans: cases,
    learnedFolder: join(root, name),
    labelSet,
    variant: 'tiny',
    spacing: [1, 1, 1],
    intensity: { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 },
    patch: [...patch],
    batch: 2,
    budget: { steps: 8 },
    clusterers: 2,
    threads: 1,
    seed: 1,
  });
  const run = async (name: string, queue: JobQueue): Promise<string> =>
    (await queue.submit({ kind: 'pretrain', title: 'Pre-train', config: config(name) })).id;
  const pretrained = (name: string): Buffer => readFileSync(join(root, name, 'model', 'weights.safetensors'));

  const undisturbed = makeQueue();
  const whole = await run('whole', undisturbed);
  expect(await undisturbed.wait(whole)).toMatchObject({ state: 'done', attempt: 1 });
  const { clusters } = (await undisturbed.result(whole)) as PretrainResult;
  await undisturbed.close();

  const id = await pausedIn('Pre-training', (queue) => run('scarce', queue));
  const executor = createCpuExecutor({ threads: 1 });
  const bytes = trainingBytes(executor, variant('tiny', 3), pretrainNetworkOptions({ batch: 2, patch, clusterers: 2, clusters })) ?? 0;
  executor.dispose();
  process.env['LOGONET_DEVICE_MEMORY'] = String(Math.floor(bytes * 0.9));
  const scarce = makeQueue();
  scarce.resume(id);
  expect(await scarce.wait(id)).toMatchObject({ state: 'done', attempt: 3, error: null });
  expect((await scarce.log(id)).alarms.some(({ message }) => message.startsWith('Goes on with'))).toBe(true);
  expect(await scarce.result(id)).toMatchObject({ clusterers: 2, clusters, steps: 8 });
  await scarce.close();
  expect(pretrained('scarce').equals(pretrained('whole'))).toBe(true);
});
