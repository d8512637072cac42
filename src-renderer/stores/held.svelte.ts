import { StudioError } from '#shared/base/errors.ts';
import type { Client } from '#shared/contract/client.ts';

export type Hold = Awaited<ReturnType<Client['projects']['hold']>>;

const everyMs = 3000;

/** A project that another program has: who, and whether it has gone since. */
export class Held {
  /** Could not be opened, so that the person is asked; null: nothing is asked. */
  asked = $state.raw<string | null>(null);
  /** Of the project that is watched, as it was heard last. */
  hold = $state.raw<Hold | null>(null);
  readonly #client: Client;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** True where an error of opening is that another program has the project: the person is asked then. */
  async ask(path: string, error: unknown): Promise<boolean> {
    if (!(error instanceof StudioError && error.code === 'conflict')) return false;
    const hold = await this.#client.projects.hold({ path }).catch(() => null);
    if (hold?.held !== true) return false;
    this.watch(path);
    this.hold = hold;
    this.asked = path;
    return true;
  }

  /** Looks now and then who has a project; null: none is watched any more. */
  watch(path: string | null): void {
    clearInterval(this.#timer);
    this.hold = null;
    if (path === null) return;
    const look = async (): Promise<void> => {
      const hold = await this.#client.projects.hold({ path }).catch(() => null); // Not reachable: what was heard last stands.
      if (hold !== null && this.#timer === timer) this.hold = hold;
    };
    const timer = setInterval(() => void look(), everyMs);
    this.#timer = timer;
    void look();
  }
}
