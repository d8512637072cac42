import { StudioError } from '#shared/base/errors.ts';
import type { Severity } from '#shared/domain/job.ts';
import type { CheckpointStore } from './checkpoint.ts';

type Alarm = (severity: Severity, message: string) => void;

/**
 * A full disk must not end a training: what was saved before is intact, and the person is told, once until saving succeeds again. Where
 * nothing was saved before, the error passes.
 */
export class GuardedStore {
  readonly #store: CheckpointStore;
  readonly #alarm: Alarm;
  #hasCheckpoint = false;
  #failing = false;

  constructor(store: CheckpointStore, alarm: Alarm) {
    this.#store = store;
    this.#alarm = alarm;
  }

  async load(name: 'checkpoint' | 'best'): Promise<Uint8Array | undefined> {
    const bytes = await this.#store.load(name);
    this.#hasCheckpoint ||= bytes !== undefined;
    return bytes;
  }

  /** Whether the bytes are saved. Throws `disk-full` or `io` where there is no earlier checkpoint. */
  async save(name: 'checkpoint' | 'best', bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#store.save(name, bytes);
    } catch (error) {
      if (!(error instanceof StudioError) || (error.code !== 'disk-full' && error.code !== 'io') || !this.#hasCheckpoint) throw error;
      if (!this.#failing) this.#alarm('error', `The checkpoint could not be saved; the one before is intact. ${error.message}`);
      this.#failing = true;
      return false;
    }
    this.#hasCheckpoint = true;
    this.#failing = false;
    return true;
  }
}
