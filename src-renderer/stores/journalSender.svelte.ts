import { StudioError } from '#shared/base/errors.ts';
import { countSteps } from '#shared/segmentation/index.ts';
import type { Client } from '#shared/contract/client.ts';
import type { Base, Shelf, Unsaved } from '../api/shelf.ts';

const retryMilliseconds = 3000;
/** Saving that takes longer than this is not relied on: what waits is put on the shelf. */
const shelfMilliseconds = 150;
/** The contract's limit. */
export const recordsInMessage = 256;

/** '3 changes', as a person counts them; what is left of one is one. */
export function changesIn({ records }: Pick<Unsaved, 'records'>): string {
  const steps = Math.max(countSteps(records), 1);
  return steps === 1 ? '1 change' : `${steps} changes`;
}

export interface JournalOf {
  readonly client: Client;
  readonly shelf: Shelf;
  /** Folder of the project. */
  readonly project: string;
  readonly caseId: string;
  readonly caseName: string;
  readonly session: string;
  readonly base: Base | null;
}

/** Why records wait. */
export interface SavingTrouble {
  readonly message: string;
  /** Goes on by itself, as with a full disk; else this session can save no more. */
  readonly passing: boolean;
}

/**
 * Hands journal records to the host in order, and knows what is on disk. No record is dropped: while saving fails they are kept and sent
 * again every few seconds, exactly as they were, and lie on the shelf in case the window ends.
 */
export class JournalSender {
  /** Records that are not acknowledged yet. */
  waiting = $state(0);
  /** When the oldest of them was made, milliseconds since 1970. */
  since = $state<number | null>(null);
  trouble = $state.raw<SavingTrouble | null>(null);
  /** The browser could not take what waits: it would not outlive the window. */
  shelfFailed = $state(false);
  readonly #of: JournalOf;
  #queue: { readonly bytes: Uint8Array; readonly at: number }[] = [];
  #sequence = 0;
  #sending: Promise<void> | null = null;
  #failure: unknown = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #shelfTimer: ReturnType<typeof setTimeout> | undefined;
  #shelving: Promise<void> = Promise.resolve();
  /** Records of the session up to here are on disk or on the shelf. */
  #shelved = 0;
  /** There is something on the shelf. */
  #onShelf = false;
  #ended = false;
  readonly #letGo: () => void;

  constructor(of: JournalOf) {
    this.#of = of;
    this.#letGo = of.shelf.hold(of.session);
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** What waits, as a person counts it; empty where nothing does. */
  get changes(): string {
    return this.waiting === 0 ? '' : changesIn({ records: this.#queue.map(({ bytes }) => bytes) });
  }

  add(record: Uint8Array): void {
    this.#queue.push({ bytes: record, at: Date.now() });
    this.#count();
    if (this.trouble === null && !this.#ended) this.#sending ??= this.#send();
    this.#shelfTimer ??= setTimeout(() => void this.shelve(), shelfMilliseconds);
  }

  /** Resolves once everything handed over so far is on disk; rejects with what keeps it from there, after one more attempt. */
  async flush(): Promise<void> {
    if (this.#sending === null && this.#queue.length > 0) this.tryAgain();
    while (this.#sending !== null) await this.#sending;
    if (this.#queue.length > 0) throw this.#failure ?? new StudioError('conflict', 'This case is closed.');
  }

  /** Sends what waits now. */
  tryAgain(): void {
    clearTimeout(this.#retry);
    if (!this.#ended && this.trouble?.passing !== false) this.#sending ??= this.#send();
  }

  /** Puts what waits where it outlives the window. */
  shelve(): Promise<void> {
    clearTimeout(this.#shelfTimer);
    this.#shelfTimer = undefined;
    this.#shelving = this.#shelving
      .then(() => this.#tidyShelf())
      .then(
        () => {
          this.shelfFailed = false;
        },
        () => {
          this.shelfFailed = true;
        },
      );
    return this.#shelving;
  }

  /** Ends sending; what waits lies on the shelf then. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#retry);
    while (this.#sending !== null) await this.#sending;
    await this.shelve();
    this.#letGo();
  }

  /** What waits, as it would lie on the shelf. */
  unsaved(): Unsaved {
    const { project, caseId, caseName, session, base } = this.#of;
    const records = this.#queue.map(({ bytes }) => bytes);
    return { project, caseId, caseName, session, base, sequence: this.#sequence, records, since: this.since ?? Date.now() };
  }

  /** So many records of the session are on disk, whoever brought them there. */
  acknowledge(sequence: number): void {
    if (sequence <= this.#sequence) return;
    this.#queue.splice(0, sequence - this.#sequence);
    this.#sequence = sequence;
    this.#count();
  }

  /** Another window has the case: nothing can be saved from here any more. */
  stop(error: StudioError): void {
    if (this.#queue.length > 0) this.#fail(error);
  }

  async #send(): Promise<void> {
    const { client, caseId, session } = this.#of;
    await Promise.resolve(); // What one event handler adds goes in one message.
    try {
      while (this.#queue.length > 0 && !this.#ended) {
        const records = this.#queue.slice(0, recordsInMessage).map(({ bytes }) => bytes);
        const sequence = this.#sequence;
        const saved = await client.document.append({ caseId, session, sequence, records });
        this.trouble = null;
        this.acknowledge(saved.sequence);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#sending = null;
      if (this.#queue.length === 0) {
        clearTimeout(this.#shelfTimer);
        this.#shelfTimer = undefined;
        if (this.#onShelf) void this.shelve();
      }
    }
  }

  #fail(error: unknown): void {
    this.#failure = error;
    const passing = error instanceof StudioError && (error.code === 'disk-full' || error.code === 'io');
    this.trouble = { message: error instanceof Error ? error.message : String(error), passing };
    void this.shelve();
    if (passing && !this.#ended) this.#retry = setTimeout(() => this.tryAgain(), retryMilliseconds);
  }

  async #tidyShelf(): Promise<void> {
    const { shelf, project, caseId, caseName, session, base } = this.#of;
    const first = Math.max(this.#sequence, this.#shelved);
    const piece = this.#queue.slice(first - this.#sequence);
    const since = piece[0]?.at;
    if (since !== undefined) {
      const records = piece.map(({ bytes }) => bytes);
      this.#onShelf = true;
      await shelf.put({ project, caseId, caseName, session, base, sequence: first, records, since });
      this.#shelved = first + records.length;
    }
    if (!this.#onShelf) return;
    await shelf.remove(session, this.#sequence);
    this.#onShelf = this.#shelved > this.#sequence;
  }

  #count(): void {
    this.waiting = this.#queue.length;
    this.since = this.#queue[0]?.at ?? null;
  }
}
