import type { Client } from '#shared/contract/client.ts';

/** Hands journal records to the host in order, and knows what is on disk. */
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
    this.#sending ??= this.#send();
  }

  /** Settles once everything handed over so far is on disk. */
  async flush(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  async #send(): Promise<void> {
    await Promise.resolve(); // What one event handler adds goes in one message.
    try {
      while (this.#queue.length > 0 && !this.#failed) {
        const records = this.#queue.splice(0, 256);
        const { sequence } = await this.#client.document.append({ caseId: this.#caseId, session: this.#session, sequence: this.#sequence, records });
        this.#sequence = sequence;
        this.waiting = this.#queue.length;
      }
    } catch (error) {
      this.#failed = true;
      this.#onError(error);
    } finally {
      this.#sending = null;
    }
  }
}
