import { randomUUID } from 'node:crypto';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { continueDocument, type CaseDocument, type OpenDocumentOptions } from './caseDocument.ts';
import type { Recovery } from './recovery.ts';
import type { EncodedState } from './snapshot.ts';
import { sameWriter, type Writer } from './writer.ts';

/** What a window that takes a case over begins with. */
export interface HandedOver extends EncodedState {
  readonly session: string;
  /** Who wrote last before this session: with it, what this window may still hold at its end can be told from what others wrote since. */
  readonly base: Writer | null;
  /** Told once. */
  readonly recovery: Recovery | null;
  /** The session that had the case until now, and how many of its records are on disk; null where none had. */
  readonly ended: Writer | null;
}

/** The one owner of an open case: whose turn it is to edit, how many of its records are on disk, and the stroke that it draws. Calls take turns. */
export class EditingSession {
  readonly #document: CaseDocument;
  #session: string | null = null;
  #recovery: Recovery | null;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(document: CaseDocument) {
    this.#document = document;
    this.#recovery = document.recovery;
  }

  /** Opens the mask in `folder`; nobody may edit it before `handOver`. Throws `corrupt`, `disk-full`, `io`. */
  static async open(folder: string, options: OpenDocumentOptions): Promise<EditingSession> {
    return new EditingSession(await continueDocument(folder, options));
  }

  /** What was brought back at opening; null where nothing was. */
  get recovery(): Recovery | null {
    return this.#document.recovery;
  }

  /** The mask as it is; changes with the next record. */
  get volume(): LabelVolume {
    return this.#document.volume;
  }

  /** Steps of the history that are in force. */
  get steps(): number {
    return this.#document.history.done;
  }

  /** A stroke is being drawn. */
  get stroking(): boolean {
    return this.#document.stroking;
  }

  /** Names the right to edit; null while nobody has it. */
  get session(): string | null {
    return this.#session;
  }

  get writer(): Writer | null {
    return this.#document.writer;
  }

  /** Records of the present session that are on disk. */
  get sequence(): number {
    const { writer } = this;
    return writer !== null && writer.session === this.#session ? writer.sequence : 0;
  }

  /** Gives the right to edit to another window. A stroke that was being drawn becomes a finished step, here, on disk and in what that window is given. */
  handOver(): Promise<HandedOver> {
    return this.#inTurn(async () => {
      const ended = this.#ending();
      await this.#document.finishStroke();
      const session = randomUUID();
      this.#session = session;
      const recovery = this.#recovery;
      this.#recovery = null;
      return { session, base: this.#document.writer, recovery, ended, ...this.#document.state() };
    });
  }

  /**
   * Takes what a window that has gone still held, and ends whatever session there is: with the session's records before them on disk, or
   * with nothing written since it began on `base`. Resolves with the session's records on disk, and with the one that ended; throws `conflict`
   * where others have written.
   */
  resume(
    session: string,
    sequence: number,
    base: Writer | null,
    records: readonly Uint8Array[],
  ): Promise<{ readonly sequence: number; readonly ended: Writer | null }> {
    return this.#inTurn(async () => {
      const { writer } = this.#document;
      if (writer?.session !== session && !sameWriter(writer, base))
        throw new StudioError('conflict', 'This case was changed elsewhere since; these edits no longer fit.');
      const ended = this.#ending();
      await this.#document.append(records, { session, sequence });
      this.#session = null;
      return { sequence: this.#document.writer?.sequence ?? 0, ended };
    });
  }

  /**
   * Resolves with the number of the session's records on disk, once all of these are. The same records at the same sequence are written
   * once, however often they come. Throws `conflict` where another session has taken over or records are missing before these.
   */
  append(session: string, sequence: number, records: readonly Uint8Array[]): Promise<number> {
    return this.#inTurn(async () => {
      this.#require(session);
      await this.#document.append(records, { session, sequence });
      return this.sequence;
    });
  }

  /** A copy of the mask at a sequence, and whose record was the last in it. Throws `conflict` where edits are missing or came since, and while a stroke is being drawn. */
  freeze(session: string, sequence: number): Promise<{ readonly volume: LabelVolume; readonly writer: Writer | null }> {
    return this.#inTurn(() => {
      this.#require(session);
      if (sequence !== this.sequence)
        throw new StudioError('conflict', 'Some edits of this case are not saved yet; try again in a moment.');
      if (this.#document.stroking) throw new StudioError('conflict', 'A stroke is being drawn; finish it first.');
      return Promise.resolve({ volume: this.#document.copy(), writer: this.writer });
    });
  }

  /** A copy of the mask after its last finished step, whosever turn it is to edit, and how many steps are in force. */
  copy(): Promise<{ readonly volume: LabelVolume; readonly steps: number }> {
    return this.#inTurn(() => Promise.resolve({ volume: this.#document.copy(), steps: this.#document.history.done }));
  }

  snapshot(session: string): Promise<void> {
    return this.#inTurn(() => {
      this.#require(session);
      return this.#document.snapshot();
    });
  }

  /** Waits for what is under way and lets go of the files. */
  close(): Promise<void> {
    return this.#inTurn(() => {
      this.#session = null;
      return this.#document.close();
    });
  }

  #ending(): Writer | null {
    return this.#session === null ? null : { session: this.#session, sequence: this.sequence };
  }

  #require(session: string): void {
    if (session !== this.#session)
      throw new StudioError('conflict', 'This case was opened in another window or closed; open it again to go on.');
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
