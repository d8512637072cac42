import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { voxelCount, type Grid, type LabelVolume } from '#shared/geometry/grid.ts';
import { decodeRecord, encodeRecord, History, RecordPlayer, type DocumentRecord } from '#shared/segmentation/index.ts';
import { fileError } from '#main/files/fileError.ts';
import { makeFolder, makeFolderBelow } from '#main/files/makeFolder.ts';
import { JournalFile } from './journalFile.ts';
import { generationsIn, journalHeader, journalPath, restore, snapshotPath, type Recovery } from './recovery.ts';
import { encodeState, writeSnapshot, type EncodedState } from './snapshot.ts';
import { encodeWriter, type Writer } from './writer.ts';

export interface OpenDocumentOptions {
  readonly caseId: string;
  readonly grid: Grid;
  /** A folder above it that has to be there, such as the project's; without one, those above it are made. */
  readonly home?: string;
  /** The mask that a new document begins with; empty (Uint8Array) if left out. */
  readonly initial?: LabelVolume;
  /** Journal bytes after which a snapshot is taken; 32 MiB. */
  readonly snapshotBytes?: number;
}

interface Parts {
  readonly caseId: string;
  readonly folder: string;
  readonly player: RecordPlayer;
  readonly writer: Writer | null;
  readonly recovery: Recovery | null;
  readonly journal: JournalFile;
  readonly generation: number;
  readonly snapshotBytes: number;
}

/**
 * The mask of one case, its undo history and the journal that makes both durable. Every promise resolves after fsync; calls take turns.
 * Nothing else may change `volume`.
 */
export class CaseDocument {
  readonly caseId: string;
  /** What was brought back at opening, or null. */
  readonly recovery: Recovery | null;
  readonly #player: RecordPlayer;
  readonly #folder: string;
  readonly #snapshotBytes: number;
  #writer: Writer | null;
  #journal: JournalFile;
  #generation: number;
  #dirty: boolean;
  /** Has been played, and stands before all that is written from now on. */
  #owed: readonly Uint8Array[] = [];
  #working: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: Parts) {
    this.caseId = parts.caseId;
    this.recovery = parts.recovery;
    this.#player = parts.player;
    this.#writer = parts.writer;
    this.#folder = parts.folder;
    this.#journal = parts.journal;
    this.#generation = parts.generation;
    this.#snapshotBytes = parts.snapshotBytes;
    this.#dirty = parts.recovery !== null;
  }

  get volume(): LabelVolume {
    return this.#player.volume;
  }

  get history(): History {
    return this.#player.history;
  }

  /** Whose records were written last, and how many; null where nobody's were. */
  get writer(): Writer | null {
    return this.#writer;
  }

  /** A stroke is being drawn. */
  get stroking(): boolean {
    return this.#player.stroke.length > 0;
  }

  /**
   * Takes records in order, as the sink of a SegmentationDocument gives them; resolves when they are on disk, all of them or none. `from`
   * says whose they are and how many of the session's come before them: what is on disk already is not written again. Throws `conflict`
   * where they do not fit the mask or some are missing before them, `corrupt`, `disk-full`, `io`.
   */
  async append(records: readonly Uint8Array[], from?: Writer): Promise<void> {
    await this.#exclusively(async () => {
      const written = from !== undefined && this.#writer?.session === from.session ? this.#writer.sequence : 0;
      const sequence = from?.sequence ?? 0;
      if (sequence > written) throw new StudioError('conflict', 'Some edits of this case did not arrive; open the case again.');
      const fresh = records.slice(written - sequence);
      if (fresh.length === 0) return;
      const rollBack = this.#player.play(fresh.map(decodeRecord));
      try {
        const writer = from === undefined ? this.#ownWriter() : { session: from.session, sequence: written };
        const begins = writer !== null && writer.session !== this.#writer?.session;
        await this.#write(begins ? [encodeWriter(writer), ...fresh] : fresh);
        this.#writer = writer === null ? null : { ...writer, sequence: writer.sequence + fresh.length };
      } catch (error) {
        rollBack();
        throw error;
      }
    });
    // Should the snapshot fail, the journal still holds everything; the next one tries again.
    if (this.#journal.length > this.#snapshotBytes && !this.stroking) this.snapshot().catch(() => undefined);
  }

  /** Makes one step of the open stroke. Where the disk is full, it is written before whatever comes next; until then, recovery does the same. */
  async finishStroke(): Promise<void> {
    await this.#exclusively(async () => {
      if (!this.stroking) return;
      const edit = this.#player.finishStroke();
      const record: DocumentRecord = edit === null ? { kind: 'cancel', at: Date.now() } : { kind: 'edit', edit };
      const writer = this.#ownWriter();
      this.#owed = [...(writer === null ? [] : [encodeWriter(writer)]), encodeRecord(record)];
      this.#writer = writer === null ? null : { ...writer, sequence: 1 };
      await this.#write([]).catch((error: unknown) => {
        if (!isPassing(error)) throw error;
      });
    });
  }

  /** The mask as the history has it, without the open stroke; later changes do not touch it. */
  copy(): LabelVolume {
    const { grid, data } = this.volume;
    return this.#player.withoutStroke(() => ({ grid, data: data.slice() }) as LabelVolume);
  }

  /** What `SegmentationDocument.restore` takes: mask and history as they are now. */
  state(): EncodedState {
    return encodeState(this);
  }

  /** Writes mask and history as a whole and begins a new journal. */
  async snapshot(): Promise<void> {
    await this.#exclusively(() => this.#compact());
  }

  /** Waits for what is under way, takes a snapshot if anything changed, and lets go of the files. Where none can be written (a full disk, a project that was moved) the journal alone holds the changes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const closed = this.#exclusively(async () => {
      try {
        if (this.#dirty)
          await this.#compact().catch((error: unknown) => {
            if (!isPassing(error) && !(error instanceof StudioError && error.code === 'not-found')) throw error;
          });
      } finally {
        await this.#journal.close();
      }
    });
    this.#closed = true;
    await closed;
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.reject(new StudioError('conflict', 'This case is closed; open it again.'));
    const done = this.#working.then(work);
    this.#working = done.catch(() => undefined);
    return done;
  }

  async #write(payloads: readonly Uint8Array[]): Promise<void> {
    await this.#journal.append([...this.#owed, ...payloads]);
    this.#owed = [];
    this.#dirty = true;
  }

  /** For records that are no window's, behind those of one. */
  #ownWriter(): Writer | null {
    return this.#writer === null ? null : { session: randomUUID(), sequence: 0 };
  }

  async #compact(): Promise<void> {
    const generation = this.#generation + 1;
    if (this.#owed.length > 0) await this.#write([]);
    const journal = await beginGeneration(this.#folder, generation, this.caseId, this.#player, this.#writer);
    await this.#journal.close();
    this.#journal = journal;
    this.#generation = generation;
    this.#dirty = this.stroking;
    await removeOlderThan(this.#folder, generation - 1);
  }
}

/** What may go away by itself, such as a full disk. */
function isPassing(error: unknown): boolean {
  return error instanceof StudioError && (error.code === 'disk-full' || error.code === 'io');
}

/** A snapshot and its journal, which begins with the open stroke and says who wrote last. What fails leaves neither. */
async function beginGeneration(
  folder: string,
  generation: number,
  caseId: string,
  player: RecordPlayer,
  writer: Writer | null,
): Promise<JournalFile> {
  const stroke = player.stroke.map((edit) => encodeRecord({ kind: 'partial', edit }));
  const state = player.withoutStroke(() => encodeState(player));
  try {
    const checksum = await writeSnapshot(snapshotPath(folder, generation), state);
    const journal = await JournalFile.create(journalPath(folder, generation), journalHeader(caseId, checksum));
    try {
      const begin = [...stroke, ...(writer === null ? [] : [encodeWriter(writer)])];
      if (begin.length > 0) await journal.append(begin);
    } catch (error) {
      await journal.close();
      throw error;
    }
    return journal;
  } catch (error) {
    // Recovery reads the newest first: the journal of before goes on.
    await rm(snapshotPath(folder, generation), { force: true });
    await rm(journalPath(folder, generation), { force: true });
    throw error;
  }
}

async function removeOlderThan(folder: string, generation: number): Promise<void> {
  const { snapshots, journals } = await generationsIn(folder);
  // Journals first: a snapshot without its journal is a whole state, a journal without its snapshot is none.
  for (const n of journals) if (n < generation) await rm(journalPath(folder, n), { force: true });
  for (const n of snapshots) if (n < generation) await rm(snapshotPath(folder, n), { force: true });
}

/**
 * Opens the mask kept in `folder`, or begins one. After a crash, mask and undo history are as they were at the last change that had
 * reached the disk, and a stroke that was being drawn is open still; `recovery` says so. The project's lock keeps other processes out.
 * Throws `not-found` where `home` has gone, `corrupt`, `disk-full`, `io`.
 */
export async function continueDocument(folder: string, options: OpenDocumentOptions): Promise<CaseDocument> {
  const { caseId, grid, snapshotBytes = 32 * 2 ** 20 } = options;
  try {
    if (options.home === undefined) makeFolder(folder);
    else makeFolderBelow(options.home, folder);
    const restored = await restore(folder, caseId, grid);
    if (restored === null) {
      const volume: LabelVolume = options.initial ?? { grid, data: new Uint8Array(voxelCount(grid)) };
      if (volume.data.length !== voxelCount(grid)) throw new StudioError('invalid-argument', 'The mask and the image differ in size.');
      const player = new RecordPlayer(volume, new History());
      const journal = await beginGeneration(folder, 0, caseId, player, null);
      return new CaseDocument({ caseId, folder, player, writer: null, recovery: null, journal, generation: 0, snapshotBytes });
    }
    const { player, writer, maskChecksum, journalLength, recovery } = restored;
    let { generation } = restored;
    let journal: JournalFile;
    if (journalLength !== null) journal = await JournalFile.resume(journalPath(folder, generation), journalLength);
    else if (recovery === null) journal = await JournalFile.create(journalPath(folder, generation), journalHeader(caseId, maskChecksum));
    // What was brought back stands in no journal that can be gone on with: a snapshot of its own keeps it.
    else journal = await beginGeneration(folder, ++generation, caseId, player, writer);
    return new CaseDocument({ caseId, folder, player, writer, recovery, journal, generation, snapshotBytes });
  } catch (error) {
    throw fileError(error, folder);
  }
}

/** As `continueDocument`, for whoever does not go on with the open stroke: it becomes an edit of its own. */
export async function openDocument(folder: string, options: OpenDocumentOptions): Promise<CaseDocument> {
  const document = await continueDocument(folder, options);
  await document.finishStroke();
  return document;
}
