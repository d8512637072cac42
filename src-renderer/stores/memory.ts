import type { Client } from '#shared/contract/client.ts';

/** What the window remembers of itself between starts, kept by the host. Writing waits a moment, so that drags write once. */
export class Memory {
  readonly #client: Client;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** The stored value, or null; what cannot be read counts as absent. */
  async get(key: string): Promise<unknown> {
    try {
      const { value } = await this.#client.settings.recall({ key });
      return value === null ? null : JSON.parse(value);
    } catch {
      return null;
    }
  }

  set(key: string, value: unknown): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => {
        this.#client.settings.remember({ key, value: JSON.stringify(value) }).catch(() => undefined); // Forgetting a layout loses no work.
      }, 400),
    );
  }
}
