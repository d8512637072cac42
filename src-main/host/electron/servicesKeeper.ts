import { ServicesProcess, type ServicesEvents } from './servicesProcess.ts';

export interface KeeperEvents extends Pick<ServicesEvents, 'frame' | 'control'> {
  /** It has ended by itself; it is started again unless `gaveUp` follows. */
  readonly lost: () => void;
  readonly restarted: () => void;
  /** It ended too often in a row. `start` tries once more. */
  readonly gaveUp: (reason: string) => void;
}

export interface KeeperLimits {
  /** Milliseconds before the first restart in a row, the second and so on; there are as many restarts as entries. */
  readonly delaysMs: readonly number[];
  /** A process that lived for so long was in order: the next restart is the first again. */
  readonly soundAfterMs: number;
}

const usualLimits: KeeperLimits = { delaysMs: [0, 1000, 3000, 10_000], soundAfterMs: 60_000 };

/** Keeps the services running: starts them again when they end by themselves, ever later, and gives up where that does not help. */
export class ServicesKeeper {
  readonly #node: string;
  readonly #entry: string;
  readonly #events: KeeperEvents;
  readonly #limits: KeeperLimits;
  #services: ServicesProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #restarts = 0;
  #startedAt = 0;
  #closed = false;

  constructor(node: string, entry: string, events: KeeperEvents, limits = usualLimits) {
    this.#node = node;
    this.#entry = entry;
    this.#events = events;
    this.#limits = limits;
  }

  /** The process that runs now, or null between two. */
  get current(): ServicesProcess | null {
    return this.#services;
  }

  /** Starts the services; after `gaveUp`, with as many restarts as at first. */
  start(): void {
    this.#restarts = 0;
    this.#launch();
  }

  /** Lets them save, and starts nothing any more. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#services?.close();
  }

  #launch(): void {
    this.#startedAt = performance.now();
    this.#services = new ServicesProcess(this.#node, this.#entry, {
      frame: this.#events.frame,
      control: this.#events.control,
      gone: (reason) => {
        this.#services = null;
        if (!this.#closed) this.#gone(reason);
      },
    });
  }

  #gone(reason: string): void {
    this.#events.lost();
    if (performance.now() - this.#startedAt >= this.#limits.soundAfterMs) this.#restarts = 0;
    const delay = this.#limits.delaysMs[this.#restarts++];
    if (delay === undefined) {
      this.#events.gaveUp(reason);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#launch();
      this.#events.restarted();
    }, delay);
  }
}
