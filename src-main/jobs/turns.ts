import type { Cancellation } from '#shared/base/cancellation.ts';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import type { JobPriority } from '#shared/domain/job.ts';

/**
 * Shares the device inside the compute process. Interactive tasks run one after the other; a background task that reaches
 * `turn` waits while any of them is there, so that a prediction waits for one training step at most.
 */
export class Turns {
  #interactive = 0;
  #tail: Promise<void> = Promise.resolve();
  #waiting: (() => void)[] = [];

  /** Runs a task in its place. */
  async run<T>(priority: JobPriority, work: () => Promise<T>): Promise<T> {
    if (priority === 'background') return work();
    this.#interactive += 1;
    const before = this.#tail;
    let release = (): void => undefined;
    this.#tail = new Promise((resolve) => {
      release = resolve;
    });
    try {
      await before;
      return await work();
    } finally {
      release();
      this.#interactive -= 1;
      if (this.#interactive === 0) for (const go of this.#waiting.splice(0)) go();
    }
  }

  /** Between two steps. Always gives the event loop a turn, so that messages arrive. */
  async turn(priority: JobPriority, cancellation: Cancellation): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    while (priority === 'background' && this.#interactive > 0 && !cancellation.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    throwIfCancelled(cancellation);
  }
}
