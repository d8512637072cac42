/** Runs a job's folder without an application around it: what `logonet worker` does, on whatever machine has the folder. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import type { Progress, ReportProgress } from '#shared/base/progress.ts';
import type { CurvePoint, JobAlarm } from '#shared/domain/job.ts';
import { findInstallation } from '#main/files/installation.ts';
import { readJobFile } from '../jobFolder.ts';
import { registry } from '../registry.ts';
import type { TaskRegistry } from '../task.ts';
import { runJobFolder } from '../worker.ts';
import { readStatus, writeStatus, type WorkerStatus } from './workerStatus.ts';

export interface HeadlessOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly onPoint?: (point: CurvePoint) => void;
  readonly onAlarm?: (alarm: JobAlarm) => void;
  /** What a job computes on that leaves it open. */
  readonly device?: string;
  /** The product's own unless given. */
  readonly tasks?: TaskRegistry;
}

/** A file in a folder without a job: asks a worker only to say that it is there and can write here. */
export const PROBE = 'probe';

const BETWEEN_WRITES_MS = 2000;
const SIGN_OF_LIFE_MS = 8000;

/**
 * Runs the job that a folder describes and writes status.json beside it. Whether it is done already is no question: then it answers at once.
 * Throws what the task throws; `cancelled` where it was asked to stop and has left its checkpoint.
 */
export async function runHeadless(path: string, options: HeadlessOptions): Promise<unknown> {
  const folder = resolve(path);
  const before = await readStatus(folder);
  const status: { -readonly [Key in keyof WorkerStatus]: WorkerStatus[Key] } = {
    format: 1,
    state: 'running',
    attempt: (before?.attempt ?? 0) + 1,
    crashes: crashesAfter(before),
    phase: 'Starting',
    fraction: before?.fraction ?? 0,
    remainingSeconds: null,
    at: '',
    host: hostname(),
    program: findInstallation(import.meta.dirname).version,
    error: null,
  };
  let writing: Promise<unknown> = Promise.resolve();
  const write = (change: Partial<WorkerStatus>): Promise<unknown> => {
    Object.assign(status, change, { at: new Date().toISOString() });
    const now = { ...status };
    // A disk that is full for a moment must not end the work; that it stays full is said by the work itself.
    writing = writing.then(() => writeStatus(folder, now)).catch(() => undefined);
    return writing;
  };

  if (existsSync(join(folder, PROBE)) && !existsSync(join(folder, 'job.json'))) {
    await writeStatus(folder, { ...status, state: 'done', at: new Date().toISOString() });
    return { host: status.host, program: status.program };
  }
  await readJobFile(folder); // before anything is written into what may be no job at all
  if (existsSync(join(folder, 'result.json'))) {
    await write({ state: 'done', phase: 'Done', fraction: 1 });
    return JSON.parse(await readFile(join(folder, 'result.json'), 'utf8'));
  }
  const claim = join(folder, `attempt.${String(status.attempt)}`);
  await refuseSecond(folder, before, claim);
  await write({});
  const beats = setInterval(() => void write({}), BETWEEN_WRITES_MS);
  let last = performance.now();
  try {
    const result = await runJobFolder(options.tasks ?? registry, folder, {
      attempt: status.attempt,
      crashes: status.crashes,
      cancellation: options.cancellation,
      ...(options.device !== undefined && { device: options.device }),
      report: (progress: Progress) => {
        options.report(progress);
        const changed = progress.phase !== status.phase;
        const { phase, fraction, remainingSeconds = null } = progress;
        Object.assign(status, { phase, fraction, remainingSeconds });
        if (!changed && performance.now() - last < BETWEEN_WRITES_MS) return;
        last = performance.now();
        void write({});
      },
      onPoint: (point) => {
        status.crashes = 0; // it got further: the next crash is the first again
        options.onPoint?.(point);
      },
      ...(options.onAlarm && { onAlarm: options.onAlarm }),
    });
    await write({ state: 'done', phase: 'Done', fraction: 1, remainingSeconds: 0, error: null });
    return result;
  } catch (error) {
    const { code, message } = toWireError(error);
    await write({ state: code === 'cancelled' ? 'stopped' : 'failed', remainingSeconds: null, error: { code, message } });
    throw error;
  } finally {
    clearInterval(beats);
    await rm(claim, { force: true });
  }
}

/**
 * Two workers in one folder would spoil each other's checkpoints, and a scheduler that lost sight of a machine may start a second one. Of two that
 * begin at once, one makes the file of this attempt. What a worker that is alive says changes every two seconds. Throws `conflict`.
 */
async function refuseSecond(folder: string, before: WorkerStatus | undefined, claim: string): Promise<void> {
  const isFirst = await writeFile(claim, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
  if (isFirst && before?.state !== 'running') return;
  await new Promise((resolve) => {
    setTimeout(resolve, SIGN_OF_LIFE_MS);
  });
  const now = await readStatus(folder);
  if (now !== undefined && now.at !== before?.at)
    throw new StudioError('conflict', `Another worker is at work in this folder, on ${now.host}. Stop it there first.`);
}

/**
 * Whoever was killed may have asked for too much memory: the next attempt asks for less. A scheduler that put the job back into its queue by itself
 * (preempted, or its machine went down) says so, and that is no reason.
 */
function crashesAfter(before: WorkerStatus | undefined): number {
  if (before === undefined) return 0;
  const lacksMemory = before.state === 'failed' && (before.error?.code === 'out-of-memory' || before.error?.code === 'device');
  const requeued = Number(process.env['SLURM_RESTART_COUNT'] ?? 0) > 0;
  if (lacksMemory || (before.state === 'running' && !requeued)) return before.crashes + 1;
  return before.crashes;
}

/** Throws `not-found` with what to give where a path is missing. */
export function requireFolder(path: string): void {
  if (!existsSync(path))
    throw new StudioError('corrupt', 'There is no such folder on this machine: give the folder of a job.', { detail: path });
}
