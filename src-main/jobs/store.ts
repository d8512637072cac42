import type { Job } from '#shared/domain/job.ts';
import { isStopped } from './transitions.ts';

/** Where jobs are remembered. The services implement it over the library; the queue knows nothing of databases. */
export interface JobStore {
  /** Inserts or replaces; the state change is durable when this returns. */
  save(job: Job): void;
  get(id: string): Job | undefined;
  /** Newest first. */
  list(limit: number): Job[];
  /** Queued and running ones, oldest first. */
  unfinished(): Job[];
}

/** Jobs of this process only: for the command line and tests. */
export class MemoryJobStore implements JobStore {
  readonly #jobs = new Map<string, Job>();

  save(job: Job): void {
    this.#jobs.set(job.id, job);
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  list(limit: number): Job[] {
    return [...this.#jobs.values()].reverse().slice(0, limit);
  }

  unfinished(): Job[] {
    return [...this.#jobs.values()].filter((job) => !isStopped(job.state));
  }
}
