import { StudioError, type WireError } from '#shared/base/errors.ts';
import type { Job } from '#shared/domain/job.ts';
import { SteadyJobStore } from './steadyStore.ts';
import type { JobStore } from './store.ts';
import { isStopped, nextState } from './transitions.ts';
import type { JobAction } from './transitions.ts';

export interface Running {
  /** With the latest progress, which is not worth a write to the store. */
  job: Job;
  /** What to become when it has stopped. */
  stopping: 'cancel' | 'pause' | null;
  timer: NodeJS.Timeout | null;
}

export interface BookOptions {
  readonly store: JobStore;
  readonly changed: (job: Job) => void;
  /** A job that stopped before it was done can go on from where it was. */
  readonly canResume: (jobId: string) => boolean;
  /** What could not be written for a while has been. */
  readonly settled: () => void;
}

/** What is known of each job: its state by the table of states, which of them run, and who waits for their end. Every change is stored and told. */
export class JobBook {
  readonly #options: BookOptions;
  readonly #store: SteadyJobStore;
  readonly #running = new Map<string, Running>();
  readonly #waiters = new Map<string, ((job: Job) => void)[]>();

  constructor(options: BookOptions) {
    this.#options = options;
    this.#store = new SteadyJobStore(options.store, options.settled);
  }

  get(id: string): Job {
    const job = this.#running.get(id)?.job ?? this.#store.get(id);
    if (job === undefined) throw new StudioError('not-found', 'There is no such job.');
    return job;
  }

  list(limit: number): Job[] {
    return this.#store.list(limit).map((job) => this.#running.get(job.id)?.job ?? job);
  }

  /** Those that wait and those that run, in order of submission. */
  unfinished(): Job[] {
    return this.#store.unfinished();
  }

  running(id: string): Running | undefined {
    return this.#running.get(id);
  }

  get runningIds(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** Throws where it cannot be written. */
  add(job: Job): void {
    this.#store.add(job);
    this.#options.changed(job);
  }

  /** It runs, and did before this program began. */
  goesOn(job: Job): void {
    this.#running.set(job.id, { job, stopping: null, timer: null });
  }

  start(job: Job): Job {
    const started: Job = {
      ...job,
      state: nextState(job.state, 'start'),
      attempt: job.attempt + 1,
      phase: 'Starting',
      startedAt: job.startedAt ?? now(),
      endedAt: null,
      error: null,
      canResume: false,
    };
    this.goesOn(started);
    this.#store.save(started);
    this.#options.changed(started);
    return started;
  }

  /** Told, and not stored. */
  progress(id: string, { phase, fraction, remainingSeconds }: Pick<Job, 'phase' | 'fraction' | 'remainingSeconds'>): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.job = { ...running.job, phase, fraction: Math.min(1, Math.max(0, fraction)), remainingSeconds };
    this.#options.changed(running.job);
  }

  /** One step of the state table, remembered and told. `silent`: whoever waits goes on waiting. */
  act(job: Job, action: JobAction, change: Partial<Job> = {}, silent = false): Job {
    const state = nextState(job.state, action);
    clearTimeout(this.#running.get(job.id)?.timer ?? undefined);
    this.#running.delete(job.id);
    const over = isStopped(state);
    const canResume = over && state !== 'done' && this.#options.canResume(job.id);
    const next: Job = { ...job, state, canResume, endedAt: over ? now() : null, remainingSeconds: null, ...change };
    this.#store.save(next);
    // Before anyone else is told: whoever waits must not depend on what they do with it.
    if (over && !silent) for (const resolve of this.#take(job.id)) resolve(next);
    this.#options.changed(next);
    return next;
  }

  /** Resolves when the job no longer waits or runs. */
  wait(id: string): Promise<Job> {
    const job = this.get(id);
    if (isStopped(job.state)) return Promise.resolve(job);
    return new Promise((resolve) => {
      this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), resolve]);
    });
  }

  close(): void {
    this.#store.close();
  }

  #take(id: string): ((job: Job) => void)[] {
    const waiters = this.#waiters.get(id) ?? [];
    this.#waiters.delete(id);
    return waiters;
  }
}

export const now = (): string => new Date().toISOString();

export function stopped(message: string): WireError {
  return { code: 'internal', message };
}
