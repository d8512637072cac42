import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import type { Job } from '#shared/domain/job.ts';
import { JobQueue } from '#main/jobs/queue.ts';
import type { QueueEvents } from '#main/jobs/queue.ts';
import { MemoryJobStore } from '#main/jobs/store.ts';
import { memoryPair } from '#test/support/memoryPair.ts';

const entry = join(import.meta.dirname, '../../support/jobs/worker.ts');
const sumOfSquares = (n: number): number => (n * (n + 1) * (2 * n + 1)) / 6;
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition())
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
};

let root: string;
let store: MemoryJobStore;
let queue: JobQueue;
let changes: Job[];
let points: number[];
let compute: { state: string }[];

function makeQueue(options: { stopSeconds?: number } = {}): JobQueue {
  const events: QueueEvents = {
    changed: (job) => {
      changes.push(job);
    },
    point: (_id, point) => {
      points.push(point.step);
    },
    alarm: () => undefined,
    compute: (event) => {
      compute.push({ state: event.state });
    },
  };
  return new JobQueue({ store, folder: (id) => join(root, id), events, compute: { entry }, ...options });
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'queue-'));
  store = new MemoryJobStore();
  [changes, points, compute] = [[], [], []];
  queue = makeQueue();
});
afterEach(async () => {
  await queue.close();
  rmSync(root, { recursive: true, force: true });
});

const train = (config: object): Promise<Job> => queue.submit({ kind: 'train', title: 'Train', config: { stepMs: 5, ...config } });

describe('the queue', () => {
  it('runs a job to its end and keeps result, curve and model', async () => {
    const job = await train({ until: 5 });
    expect(job.state).toBe('queued');
    const done = await queue.wait(job.id);
    expect(done).toMatchObject({ state: 'done', fraction: 1, modelId: 'model-1', attempt: 1, error: null });
    expect(await queue.result(job.id)).toMatchObject({ sum: sumOfSquares(5) });
    expect((await queue.log(job.id)).points.map((each) => each.step)).toEqual([1, 2, 3, 4, 5]);
    expect(changes.some((each) => each.phase === 'Counting' && each.state === 'running')).toBe(true);
  });

  it('keeps the sentence of an error and the alarm before it', async () => {
    const job = await queue.submit({ kind: 'evaluate', title: 'Evaluate', config: {} });
    expect(await queue.wait(job.id)).toMatchObject({
      state: 'failed',
      error: { code: 'invalid-file', message: 'The mask "a.nii" is truncated.' },
    });
    expect((await queue.log(job.id)).alarms).toHaveLength(1);
  });

  it('tells whoever waits, also when a window cannot be told', async () => {
    await queue.close();
    const { connection, internalErrors } = memoryPair({});
    const events: QueueEvents = {
      changed: (job) => {
        connection.publish('jobs.changed', { job });
      },
      point: () => undefined,
      alarm: () => undefined,
      compute: () => undefined,
    };
    queue = new JobQueue({ store, folder: (id) => join(root, id), events, compute: { entry } });
    // Its phase is longer than the contract allows, from the first report to the end.
    const failing = await train({ until: 2, phase: 'x'.repeat(300), failsWith: 'x'.repeat(5000) });
    expect((await queue.wait(failing.id)).error?.message).toHaveLength(4000);
    expect(internalErrors.length).toBeGreaterThanOrEqual(2);
    const next = await train({ until: 1 });
    expect(await queue.wait(next.id)).toMatchObject({ state: 'done' });
  });

  it('outlives a disk that is full while jobs begin and end, and writes their states once there is room', async () => {
    const save = store.save.bind(store);
    let full = false;
    store.save = (job) => {
      if (full) throw new StudioError('disk-full', 'The disk is full.');
      save(job);
    };
    const job = await train({ until: 30, holdAt: 3 });
    await until(() => points.length >= 3);
    const [waiting, cancelled] = [await train({ until: 2 }), await train({ until: 2 })];
    full = true;
    await queue.pause(job.id);
    expect([queue.get(job.id).state, store.get(job.id)?.state]).toEqual(['paused', 'running']);
    expect(await queue.wait(waiting.id)).toMatchObject({ state: 'done' }); // begun, and at its end, without a word on disk
    await queue.cancel(cancelled.id).catch(() => undefined); // done, or cancelled
    await expect(train({ until: 1 })).rejects.toMatchObject({ code: 'disk-full' });
    queue.resume(job.id);
    expect(await queue.wait(job.id)).toMatchObject({ state: 'done', attempt: 2 });
    expect(await queue.result(job.id)).toMatchObject({ sum: sumOfSquares(30) });
    expect([store.get(job.id)?.state, store.get(waiting.id)?.state]).toEqual(['running', 'queued']);
    full = false;
    await until(() => store.unfinished().length === 0);
    expect([store.get(job.id)?.state, store.get(waiting.id)?.state]).toEqual(['done', 'done']);
  });

  it('refuses a kind that it cannot run', async () => {
    const job = await queue.submit({ kind: 'cluster', title: 'x', config: {} });
    expect(await queue.wait(job.id)).toMatchObject({ state: 'failed', error: { code: 'unsupported' } });
  });

  it('runs one background job at a time, in order', async () => {
    const [a, b] = [await train({ until: 4 }), await train({ until: 4 })];
    await queue.wait(b.id);
    const running = changes.filter((job) => job.state === 'running' || job.state === 'done').map((job) => job.id);
    expect(running.indexOf(b.id)).toBeGreaterThan(running.lastIndexOf(a.id));
  });

  it('lets a prediction go between the steps of a training', async () => {
    const training = await train({ until: 100_000, stepMs: 20 });
    await until(() => points.length >= 3);
    const prediction = await queue.submit({ kind: 'predict', title: 'Predict', config: {}, priority: 'interactive' });
    expect(await queue.wait(prediction.id)).toMatchObject({ state: 'done' });
    expect(queue.get(training.id).state).toBe('running');
    expect(readFileSync(join(root, prediction.id, 'out', 'at'), 'utf8')).toMatch(/^\d+$/);
  });

  it('pauses, resumes and cancels, and loses no step', async () => {
    const job = await train({ until: 30, holdAt: 3 });
    await until(() => points.length >= 3);
    await queue.pause(job.id);
    expect(queue.get(job.id)).toMatchObject({ state: 'paused', canResume: true });
    queue.resume(job.id);
    expect(await queue.wait(job.id)).toMatchObject({ state: 'done', attempt: 2 });
    expect(await queue.result(job.id)).toMatchObject({ sum: sumOfSquares(30) });

    const other = await train({ until: 100_000 });
    await until(() => queue.get(other.id).fraction > 0);
    await queue.cancel(other.id);
    expect(queue.get(other.id).state).toBe('cancelled');
    await expect(queue.cancel(other.id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('does not pause, and so take up again, what was cancelled', async () => {
    const job = await train({ until: 100_000 });
    await until(() => queue.get(job.id).fraction > 0);
    await Promise.all([queue.cancel(job.id), queue.pause(job.id)]);
    expect(queue.get(job.id).state).toBe('cancelled');
  });

  it('cancels a job that still waits', async () => {
    await train({ until: 100_000 });
    const waiting = await train({ until: 20 });
    await queue.cancel(waiting.id);
    expect(queue.get(waiting.id)).toMatchObject({ state: 'cancelled', attempt: 0, canResume: false });
  });

  it('ends the process of a job that does not stop', async () => {
    await queue.close();
    queue = makeQueue({ stopSeconds: 0.3 });
    const job = await queue.submit({ kind: 'rank', title: 'Rank', config: {} });
    await until(() => queue.get(job.id).state === 'running');
    await queue.cancel(job.id);
    expect(queue.get(job.id).state).toBe('cancelled');
  });
});

describe('when the compute process dies', () => {
  it('notices kill -9, says so, and resumes from the checkpoint to the same result', async () => {
    const job = await train({ until: 30, holdAt: 5 });
    await until(() => points.length >= 5);
    process.kill(queue.computePid ?? 0, 'SIGKILL');
    const done = await queue.wait(job.id);
    expect(done).toMatchObject({ state: 'done', attempt: 2 });
    expect(await queue.result(job.id)).toMatchObject({ sum: sumOfSquares(30) });
    // A loaded machine may also report silence before or after.
    expect(compute.map((each) => each.state).filter((state) => state === 'crashed' || state === 'restarted')).toEqual([
      'crashed',
      'restarted',
    ]);
  });

  it('gives up on a job that only crashes', async () => {
    const job = await train({ until: 5, dieAt: 2, diesAlways: true });
    expect(await queue.wait(job.id)).toMatchObject({ state: 'interrupted', attempt: 3, canResume: true });
  });

  it('tries again with a smaller plan when memory ran out', async () => {
    const job = await train({ until: 5, memoryAt: 3 });
    expect(await queue.wait(job.id)).toMatchObject({ state: 'done', attempt: 2 });
    expect(await queue.result(job.id)).toMatchObject({ crashes: 1, sum: sumOfSquares(5) });
  });

  it.skipIf(process.platform === 'win32')('notices a process that stands still, and that it is back', { timeout: 300_000 }, async () => {
    const job = await train({ until: 250, stepMs: 10 });
    await until(() => points.length >= 2);
    const pid = queue.computePid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await until(() => compute.some((each) => each.state === 'silent'));
    process.kill(pid, 'SIGCONT');
    await until(() => compute.some((each) => each.state === 'running'));
    expect(await queue.wait(job.id)).toMatchObject({ state: 'done', attempt: 1 });
  });

  it('finds, after the app itself died, what was running', async () => {
    const job = await train({ until: 100_000 });
    await until(() => queue.get(job.id).fraction > 0);
    await queue.close();
    expect(store.get(job.id)).toMatchObject({ state: 'interrupted', canResume: true });
    store.save({ ...queue.get(job.id), state: 'running' }); // as a crash of main leaves it
    queue = makeQueue();
    expect(queue.recover().map((each) => [each.id, each.state, each.canResume])).toEqual([[job.id, 'interrupted', true]]);
  });
});
