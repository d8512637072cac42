import { StudioError } from '#shared/base/errors.ts';
import type { Client } from '#shared/contract/client.ts';

const retryMilliseconds = 3000;

/** With a full disk the host has written nothing and still holds the document: the same records can be sent again. */
function canRetry(error: unknown): boolean {
  return error instanceof StudioError && error.code === 'disk-full';
}

/**
 * Hands journal records to the host in order, and knows what is on disk. While the disk is full they are kept and sent again every few
 * seconds; what else goes wrong needs the case to be opened anew.
 */
export class Journal {
  /** Records that are not acknowledged yet. */
  waiting = $state(0);
  readonly #client: Client;
  readonly #caseId: string;
  readonly #session: string;
  readonly #onError: (error: unknown) => void;
  #queue: Uint8Array[] = [];
  #sequence = 0;
  #sending: Promise<void> | null = null;
  #failed = false;

  constructor(client: Client, caseId: string, session: string, onError: (error: unknown) => void) {
    this.#client = client;
    this.#caseId = caseId;
    this.#session = session;
    this.#onError = onError;
  }

  get sequence(): number {
    return this.#sequence;
  }

  add(record: Uint8Array): void {
    this.#queue.push(record);
    this.waiting++;
    if (!this.#failed) this.#sending ??= this.#send();
  }

  /** Settles once everything handed over so far is on disk. */
  async flush(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  async #send(): Promise<void> {
    await Promise.resolve(); // What one event handler adds goes in one message.
    let told = false;
    try {
      while (this.#queue.length > 0) {
        const records = this.#queue.slice(0, 256);
        try {
          const { sequence } = await this.#client.document.append({ caseId: this.#caseId, session: this.#session, sequence: this.#sequence, records });
          this.#queue.splice(0, records.length);
          this.#sequence = sequence;
          this.waiting = this.#queue.length;
          told = false;
        } catch (error) {
          if (!canRetry(error)) throw error;
          if (!told) this.#onError(error);
          told = true;
          await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
        }
      }
    } catch (error) {
      this.#failed = true;
      this.#onError(error);
    } finally {
      this.#sending = null;
    }
  }
}
