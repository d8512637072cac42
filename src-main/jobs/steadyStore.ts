import { StudioError } from '#shared/base/errors.ts';
import type { Job } from '#shared/domain/job.ts';
import type { JobStore } from './store.ts';
import { isStopped } from './transitions.ts';

/** Between attempts to write what could not be written. */
const RETRY_MS = 2000;

/**
 * Jobs change state when their process says so, whether or not the disk has room just then. What the store cannot write is held, and written
 * once it can; until then it is answered from here. A program that ends before finds the job as after any crash.
 */
export class SteadyJobStore implements JobStore {
  readonly #store: JobStore;
  readonly #settled: () => void;
  readonly #held = new Map<string, Job>();
  #retry: NodeJS.Timeout | undefined;

  /** `settled` is called when everything that was held has been written. */
  constructor(store: JobStore, settled: () => void) {
    this.#store = store;
    this.#settled = settled;
  }

  /** Throws where the store cannot write: for what a person asks for, who is told then. */
  add(job: Job): void {
    this.#store.save(job);
  }

  save(job: Job): void {
    this.#held.delete(job.id); // what is newer comes behind what is older
    this.#held.set(job.id, job);
    this.#write();
  }

  get(id: string): Job | undefined {
    return this.#held.get(id) ?? this.#store.get(id);
  }

  list(limit: number): Job[] {
    return this.#store.list(limit).map((job) => this.#held.get(job.id) ?? job);
  }

  unfinished(): Job[] {
    const known = passing(() => this.#store.unfinished());
    if (known === null) this.#later();
    const ids = new Set(known?.map(({ id }) => id));
    return [
      ...(known ?? []).map((job) => this.#held.get(job.id) ?? job),
      ...[...this.#held.values()].filter(({ id }) => !ids.has(id)),
    ].filter(({ state }) => !isStopped(state));
  }

  /** Writes what is held, if it can be written now; nothing is tried again after that. */
  close(): void {
    this.#write();
    clearTimeout(this.#retry);
  }

  #write(): void {
    for (const [id, job] of this.#held) {
      const written = passing(() => {
        this.#store.save(job);
        return true;
      });
      if (written === null) {
        this.#later();
        return;
      }
      this.#held.delete(id);
    }
  }

  #later(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#write();
      if (this.#held.size === 0) this.#settled();
    }, RETRY_MS);
    this.#retry.unref();
  }
}

/** Null where the disk is full, or away: that may pass. */
function passing<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof StudioError && (error.code === 'disk-full' || error.code === 'io')) return null;
    throw error;
  }
}
