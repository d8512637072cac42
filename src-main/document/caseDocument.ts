import { mkdir, rm } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { voxelCount, type Grid, type LabelVolume } from '#shared/geometry/grid.ts';
import {
  applyDelta, decodeRecord, encodeHistory, encodeMask, encodeRecord, fits, History, revertDelta, type Delta, type DocumentRecord,
} from '#shared/segmentation/index.ts';
import { fileError } from '#main/files/fileError.ts';
import { Journal } from './journal.ts';
import { generationsIn, journalHeader, journalPath, restore, snapshotPath, type Recovery } from './recovery.ts';
import { writeSnapshot } from './snapshot.ts';

export interface OpenDocumentOptions {
  readonly caseId: string;
  readonly grid: Grid;
  /** The mask that a new document begins with; empty (Uint8Array) if left out. */
  readonly initial?: LabelVolume;
  /** Journal bytes after which a snapshot is taken; 32 MiB. */
  readonly snapshotBytes?: number;
}

interface Waiting {
  readonly revision: number | undefined;
  readonly records: readonly { readonly bytes: Uint8Array; readonly record: DocumentRecord }[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The mask of one case, its undo history and the journal that makes both durable. Every promise resolves after fsync; whatever
 * arrives during one fsync shares the next. Nothing else may change `volume`.
 */
export class CaseDocument {
  readonly caseId: string;
  readonly volume: LabelVolume;
  readonly history: History;
  /** What was brought back at opening, or null. */
  readonly recovery: Recovery | null;
  readonly #folder: string;
  readonly #snapshotBytes: number;
  #journal: Journal;
  #generation: number;
  #dirty: boolean;
  #revision = 0;
  #waiting: Waiting[] = [];
  #working: Promise<void> = Promise.resolve();
  #draining = false;
  #partials: Delta[] = [];
  #closed = false;

  constructor(parts: { caseId: string; folder: string; volume: LabelVolume; history: History; recovery: Recovery | null; journal: Journal; generation: number; snapshotBytes: number; dirty: boolean }) {
    this.caseId = parts.caseId;
    this.volume = parts.volume;
    this.history = parts.history;
    this.recovery = parts.recovery;
    this.#folder = parts.folder;
    this.#journal = parts.journal;
    this.#generation = parts.generation;
    this.#snapshotBytes = parts.snapshotBytes;
    this.#dirty = parts.dirty;
  }

  /** Grows by one with every acknowledged record since opening. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Takes records in order, as the sink of a SegmentationDocument gives them; resolves when they are on disk, all of them or none.
   * Throws `conflict` where they do not fit the mask or `revision` is not the current one, `corrupt`, `disk-full`, `io`.
   */
  async append(records: readonly Uint8Array[], revision?: number): Promise<void> {
    if (this.#closed) throw new StudioError('conflict', 'This case is closed; open it again.');
    const decoded = records.map((bytes) => ({ bytes, record: decodeRecord(bytes) }));
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ records: decoded, revision, resolve, reject });
      if (!this.#draining) {
        this.#draining = true;
        this.#working = this.#working.then(() => this.#drain());
      }
    });
  }

  /** What `SegmentationDocument.restore` takes: mask and history as they are on disk now. */
  state(): { readonly mask: Uint8Array; readonly history: Uint8Array } {
    return { mask: encodeMask(this.volume), history: encodeHistory(this.history) };
  }

  /** Writes mask and history as a whole and begins a new journal. */
  async snapshot(): Promise<void> {
    await this.#exclusively(() => this.#compact());
  }

  /** Waits for what is under way, takes a snapshot if anything changed, and lets go of the files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#drained();
    this.#closed = true;
    try {
      if (this.#dirty) await this.#compact();
    } finally {
      await this.#journal.close();
    }
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    if (this.#closed) throw new StudioError('conflict', 'This case is closed; open it again.');
    const done = this.#working.then(work);
    this.#working = done.catch(() => undefined);
    await done;
  }

  async #drained(): Promise<void> {
    let seen: Promise<void>;
    do {
      seen = this.#working;
      await seen;
    } while (seen !== this.#working);
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const changes = new Changes(this.volume, this.history, this.#partials);
      const accepted: Waiting[] = [];
      let revision = this.#revision;
      for (const waiting of batch) {
        try {
          if (waiting.revision !== undefined && waiting.revision !== revision) throw new StudioError('conflict', 'This case has changed in another window; open it again.');
          changes.play(waiting.records.map(({ record }) => record));
          accepted.push(waiting);
          revision += waiting.records.length;
        } catch (error) {
          waiting.reject(error);
        }
      }
      if (accepted.length === 0) continue;
      try {
        await this.#journal.append(accepted.flatMap(({ records }) => records.map(({ bytes }) => bytes)));
        this.#partials = changes.partials;
        this.#revision = revision;
        this.#dirty = true;
        for (const { resolve } of accepted) resolve();
      } catch (error) {
        changes.rollBack();
        for (const { reject } of accepted) reject(error);
      }
    }
    this.#draining = false;
    // Should the snapshot fail, the journal still holds everything; the next one tries again.
    if (this.#journal.length > this.#snapshotBytes && this.#partials.length === 0) await this.#compact().catch(() => undefined);
  }

  async #compact(): Promise<void> {
    const next = this.#generation + 1;
    const partials = this.#partials;
    for (const delta of partials.toReversed()) revertDelta(this.volume, delta);
    let journal: Journal;
    try {
      const checksum = await writeSnapshot(snapshotPath(this.#folder, next), this.volume, this.history);
      journal = await Journal.create(journalPath(this.#folder, next), journalHeader(this.caseId, checksum));
    } catch (error) {
      // A snapshot without its journal must not outlive this: the old journal goes on.
      await rm(snapshotPath(this.#folder, next), { force: true });
      await rm(journalPath(this.#folder, next), { force: true });
      throw error;
    } finally {
      for (const delta of partials) applyDelta(this.volume, delta);
    }
    await this.#journal.close();
    this.#journal = journal;
    this.#generation = next;
    this.#dirty = partials.length > 0;
    if (partials.length > 0) await journal.append(partials.map((delta) => encodeRecord({ kind: 'partial', edit: { name: 'Stroke', at: Date.now(), delta } })));
    await removeOlderThan(this.#folder, next - 1);
  }
}

/** Plays records onto mask and history so that all of them can be taken back while they are not on disk. */
class Changes {
  partials: Delta[];
  readonly #volume: LabelVolume;
  readonly #history: History;
  readonly #takeBack: (() => void)[] = [];

  constructor(volume: LabelVolume, history: History, partials: readonly Delta[]) {
    this.#volume = volume;
    this.#history = history;
    this.partials = [...partials];
  }

  /** All records or none. Throws `conflict`. */
  play(records: readonly DocumentRecord[]): void {
    const mark = this.#takeBack.length;
    try {
      for (const record of records) this.#play(record);
    } catch (error) {
      this.#rollBackTo(mark);
      throw error;
    }
  }

  rollBack(): void {
    this.#rollBackTo(0);
  }

  #rollBackTo(mark: number): void {
    while (this.#takeBack.length > mark) this.#takeBack.pop()?.();
  }

  #apply(delta: Delta): void {
    if (!fits(this.#volume, delta)) throw new StudioError('conflict', 'The mask has changed in the meantime; open the case again.');
    applyDelta(this.#volume, delta);
    this.#takeBack.push(() => revertDelta(this.#volume, delta));
  }

  #play(record: DocumentRecord): void {
    if (record.kind === 'partial') {
      this.#apply(record.edit.delta);
      this.#setPartials([...this.partials, record.edit.delta]);
      return;
    }
    this.#dropStroke();
    if (record.kind === 'cancel') return;
    if (record.kind === 'edit') {
      this.#apply(record.edit.delta);
      const { edits, done } = this.#history;
      const undone = edits.slice(done);
      this.#history.push(record.edit);
      this.#takeBack.push(() => this.#history.replaceLast(undone));
      return;
    }
    const back = record.kind === 'undo';
    const edit = back ? this.#history.undo() : this.#history.redo();
    if (edit === null) throw new StudioError('conflict', back ? 'There is nothing to undo.' : 'There is nothing to redo.');
    if (back) revertDelta(this.#volume, edit.delta);
    else applyDelta(this.#volume, edit.delta);
    this.#takeBack.push(() => {
      if (back) applyDelta(this.#volume, edit.delta);
      else revertDelta(this.#volume, edit.delta);
      if (back) this.#history.redo();
      else this.#history.undo();
    });
  }

  #dropStroke(): void {
    if (this.partials.length === 0) return;
    const { partials } = this;
    for (const delta of partials.toReversed()) revertDelta(this.#volume, delta);
    this.#takeBack.push(() => { for (const delta of partials) applyDelta(this.#volume, delta); });
    this.#setPartials([]);
  }

  #setPartials(partials: Delta[]): void {
    const before = this.partials;
    this.partials = partials;
    this.#takeBack.push(() => { this.partials = before; });
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
 * reached the disk; `recovery` says so. The project's lock keeps other processes out. Throws `corrupt`, `disk-full`, `io`.
 */
export async function openDocument(folder: string, options: OpenDocumentOptions): Promise<CaseDocument> {
  const { caseId, grid } = options;
  const snapshotBytes = options.snapshotBytes ?? 32 * 2 ** 20;
  try {
    await mkdir(folder, { recursive: true });
    const restored = await restore(folder, caseId, grid);
    if (restored === null) {
      const volume: LabelVolume = options.initial ?? { grid, data: new Uint8Array(voxelCount(grid)) };
      if (volume.data.length !== voxelCount(grid)) throw new StudioError('invalid-argument', 'The mask and the image differ in size.');
      const history = new History();
      const checksum = await writeSnapshot(snapshotPath(folder, 0), volume, history);
      const journal = await Journal.create(journalPath(folder, 0), journalHeader(caseId, checksum));
      return new CaseDocument({ caseId, folder, volume, history, recovery: null, journal, generation: 0, snapshotBytes, dirty: false });
    }
    const { snapshot, journalLength, recovery, unfinished } = restored;
    let { generation } = restored;
    let { maskChecksum } = snapshot;
    if (journalLength === null && recovery !== null) {
      // What was brought back stands in no journal that can be gone on with: a snapshot of its own keeps it.
      generation++;
      maskChecksum = await writeSnapshot(snapshotPath(folder, generation), snapshot.volume, snapshot.history);
    }
    const path = journalPath(folder, generation);
    const journal = journalLength === null
      ? await Journal.create(path, journalHeader(caseId, maskChecksum))
      : await Journal.resume(path, journalLength);
    if (unfinished !== null && journalLength !== null) await journal.append([encodeRecord({ kind: 'edit', edit: unfinished })]);
    return new CaseDocument({ caseId, folder, volume: snapshot.volume, history: snapshot.history, recovery, journal, generation, snapshotBytes, dirty: recovery !== null });
  } catch (error) {
    throw fileError(error, folder);
  }
}
