import type { Job } from '#shared/domain/job.ts';
import type { Project } from '#main/library/index.ts';
import type { AdoptionEvents } from './adoptionEvents.ts';
import { adoptResult } from './jobResults.ts';
import type { Log } from '#shared/base/log.ts';

/** Takes over the results of finished jobs, one after the other, and lets others wait for them and watch jobs. */
export class Adoptions {
  readonly #project: Project;
  readonly #events: AdoptionEvents;
  readonly #log: Log;
  readonly #watchers = new Map<string, Set<(job: Job) => void>>();
  readonly #results = new Map<string, Promise<void>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(project: Project, events: AdoptionEvents, log: Log) {
    this.#project = project;
    this.#events = events;
    this.#log = log;
  }

  /** To be called with every change of a job. */
  jobChanged(job: Job): void {
    for (const watcher of this.#watchers.get(job.id) ?? []) watcher(job);
    if (job.state !== 'done' || this.#results.has(job.id)) return;
    const result = this.#last.then(() => adoptResult(this.#project, job, this.#events));
    this.#results.set(job.id, result);
    this.#last = result.catch(async (error: unknown) => {
      this.#log.error('adopt result', error);
      await this.#events
        .problem(job.title, 'The result of this job could not be taken into the project. Open the project again to retry.')
        .catch((another: unknown) => this.#log.error('problem', another)); // On a full disk, not even that can be written.
    });
  }

  /** Resolves when a finished job's result is in the library. */
  async wait(jobId: string): Promise<void> {
    await this.#results.get(jobId);
  }

  /** Calls `watcher` with each change of a job until the result is called. */
  watch(jobId: string, watcher: (job: Job) => void): () => void {
    const watchers = this.#watchers.get(jobId) ?? new Set();
    this.#watchers.set(jobId, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
    };
  }

  async settle(): Promise<void> {
    await this.#last;
  }
}
