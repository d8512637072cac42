import type { Client } from '#shared/contract/client.ts';

/** What the window remembers of itself between starts, kept by the host. Writing waits a moment, so that drags write once. */
export class Memory {
  readonly #client: Client;
  /** What waits to be written, by key. */
  readonly #waiting = new Map<string, { readonly value: unknown; readonly timer: ReturnType<typeof setTimeout> }>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** The value that was set last, or null; what cannot be read counts as absent. */
  async get(key: string): Promise<unknown> {
    const waits = this.#waiting.get(key);
    if (waits !== undefined) return JSON.parse(JSON.stringify(waits.value));
    try {
      const { value } = await this.#client.settings.recall({ key });
      return value === null ? null : JSON.parse(value);
    } catch {
      return null;
    }
  }

  set(key: string, value: unknown): void {
    clearTimeout(this.#waiting.get(key)?.timer);
    this.#waiting.set(key, { value, timer: setTimeout(() => this.#write(key), 400) });
  }

  /** Writes at once what waits: the window is about to go. */
  flush(): void {
    for (const key of [...this.#waiting.keys()]) this.#write(key);
  }

  #write(key: string): void {
    const waits = this.#waiting.get(key);
    if (waits === undefined) return;
    clearTimeout(waits.timer);
    this.#waiting.delete(key);
    this.#client.settings.remember({ key, value: JSON.stringify(waits.value) }).catch(() => undefined); // Forgetting a layout loses no work.
  }
}
