import { createHash, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { MaskRevision } from '#shared/domain/mask.ts';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';
import { openDocument, readDocumentMask, readMaskFile, writeMaskFile, type CaseDocument, type Recovery } from '#main/document/index.ts';
import { addMaskRevision, getCase, latestMaskRevision, listRemovedLabels, recordEvent, setCaseStatus, type Project } from '#main/library/index.ts';
import { imageOf } from './imageCache.ts';

interface Editing {
  readonly document: CaseDocument;
  readonly session: string;
  sequence: number;
  /** The case is marked as in correction at the first edit of a session. */
  marked: boolean;
}

export interface OpenedDocument {
  readonly session: string;
  readonly grid: Grid;
  readonly mask: Uint8Array;
  readonly history: Uint8Array;
  readonly changedSinceAccepted: boolean;
  readonly recovery: Recovery | null;
}

/** The masks that are open for editing, each in one window's session. */
export class OpenDocuments {
  readonly #project: Project;
  readonly #sessionEnded: (caseId: string, session: string) => void;
  readonly #caseChanged: (caseId: string) => void;
  readonly #editing = new Map<string, Editing>();
  /** Opening and closing of one case take turns. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(project: Project, events: { sessionEnded: (caseId: string, session: string) => void; caseChanged: (caseId: string) => void }) {
    this.#project = project;
    this.#sessionEnded = events.sessionEnded;
    this.#caseChanged = events.caseChanged;
  }

  open(caseId: string): Promise<OpenedDocument> {
    return this.#inTurn(caseId, async () => {
      const held = this.#editing.get(caseId);
      if (held !== undefined) this.#sessionEnded(caseId, held.session);
      const document = held?.document ?? await this.#load(caseId);
      const editing: Editing = { document, session: randomUUID(), sequence: 0, marked: false };
      this.#editing.set(caseId, editing);
      const { mask, history } = document.state();
      const accepted = latestMaskRevision(this.#project.read, caseId);
      return {
        session: editing.session, grid: document.volume.grid, mask, history, recovery: held === undefined ? document.recovery : null,
        changedSinceAccepted: accepted !== undefined && accepted.contentHash !== createHash('sha256').update(mask).digest('hex'),
      };
    });
  }

  /** Resolves with the number of records on disk in this session, once they are. */
  async append(caseId: string, session: string, sequence: number, records: readonly Uint8Array[]): Promise<number> {
    const editing = this.#require(caseId, session);
    if (sequence !== editing.sequence) throw new StudioError('conflict', 'Some edits of this case did not arrive; open the case again.');
    editing.sequence += records.length;
    try {
      // The records outlive the message that brought them.
      await editing.document.append(records.map((record) => record.slice()));
    } catch (error) {
      // What follows was made on top of what is missing.
      editing.sequence = -1;
      throw error;
    }
    if (!editing.marked) {
      editing.marked = true;
      this.#markInCorrection(caseId);
    }
    return sequence + records.length;
  }

  async snapshot(caseId: string, session: string): Promise<void> {
    await this.#require(caseId, session).document.snapshot();
  }

  /** Keeps the mask as it is as an accepted revision. `conflict` where edits are still on their way, or undo has brought a removed label back. */
  async accept(caseId: string, session: string, sequence: number): Promise<MaskRevision> {
    const editing = this.#require(caseId, session);
    if (sequence !== editing.sequence) throw new StudioError('conflict', 'Some edits of this case are not saved yet; try again in a moment.');
    await editing.document.snapshot(); // waits for what is on its way to the disk
    const { volume } = editing.document;
    const removed = listRemovedLabels(this.#project.read).find(({ value }) => volume.data.includes(value));
    if (removed !== undefined) {
      throw new StudioError('conflict', `This mask holds “${removed.name}”, which was removed from the labels. Bring it back at the end of the list of labels (there it can also be erased or turned into another label), then accept.`);
    }
    const revision = await keepRevision(this.#project, caseId, volume, 'accepted');
    editing.marked = false;
    this.#caseChanged(caseId);
    return revision;
  }

  close(caseId: string, session: string): Promise<void> {
    return this.#inTurn(caseId, async () => {
      const editing = this.#editing.get(caseId);
      if (editing?.session !== session) return;
      this.#editing.delete(caseId);
      await editing.document.close();
    });
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled(this.#turns.values());
    const open = [...this.#editing.values()];
    this.#editing.clear();
    await Promise.all(open.map(({ document }) => document.close()));
  }

  /** The mask of an open document as it is now; null where the case is not open. */
  volumeOf(caseId: string): LabelVolume | null {
    return this.#editing.get(caseId)?.document.volume ?? null;
  }

  /** Whether the mask of a case, open or not, holds voxels of a label as it stands in correction. Throws `corrupt` where it cannot be read. */
  holds(caseId: string, value: number): Promise<boolean> {
    return this.#inTurn(caseId, async () => {
      const open = this.volumeOf(caseId);
      if (open !== null) return open.data.includes(value);
      const saved = await readDocumentMask(this.#folderOf(caseId), caseId, () => imageOf(this.#project, caseId).grid);
      return saved?.data.includes(value) ?? false;
    });
  }

  #folderOf(caseId: string): string {
    return join(this.#project.paths.case(caseId), 'document');
  }

  async #load(caseId: string): Promise<CaseDocument> {
    getCase(this.#project.read, caseId);
    const { grid } = imageOf(this.#project, caseId);
    const initial = await acceptedMask(this.#project, caseId);
    const document = await openDocument(this.#folderOf(caseId), { caseId, grid, ...(initial === null ? {} : { initial }) });
    if (document.recovery !== null) {
      recordEvent(this.#project.write, { kind: 'recovery', caseId, message: 'Unsaved edits were brought back.', detail: { changes: document.recovery.changes } });
    }
    return document;
  }

  #markInCorrection(caseId: string): void {
    if (getCase(this.#project.read, caseId).status !== 'inCorrection') {
      this.#project.write.transaction(() => {
        setCaseStatus(this.#project.write, caseId, 'inCorrection');
        recordEvent(this.#project.write, { kind: 'correction', caseId, message: 'Correction began.' });
      });
      this.#caseChanged(caseId);
    }
  }

  #require(caseId: string, session: string): Editing {
    const editing = this.#editing.get(caseId);
    if (editing?.session !== session) throw new StudioError('conflict', 'This case was opened in another window or closed; open it again to go on.');
    return editing;
  }

  #inTurn<T>(caseId: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(caseId) ?? Promise.resolve()).then(work, work);
    this.#turns.set(caseId, turn.catch(() => undefined));
    return turn;
  }
}

/** The newest accepted or imported mask of a case, or null. */
export async function acceptedMask(project: Project, caseId: string): Promise<LabelVolume | null> {
  const revision = latestMaskRevision(project.read, caseId);
  return revision === undefined ? null : readMaskFile(project.paths.inside(revision.path));
}

/** Writes a mask as the case's next revision: first the file, then the row that names it. */
export async function keepRevision(project: Project, caseId: string, volume: LabelVolume, origin: MaskRevision['origin']): Promise<MaskRevision> {
  const path = join(project.paths.case(caseId), 'revisions', `${randomUUID()}.mask`);
  await mkdir(dirname(path), { recursive: true });
  const frozen = { grid: volume.grid, data: volume.data.slice() } as LabelVolume;
  const contentHash = await writeMaskFile(path, frozen);
  return addMaskRevision(project.write, { caseId, path: project.paths.relative(path), contentHash, origin, voxels: countLabels(frozen) });
}

/** Voxels per label value, background left out. */
export function countLabels({ data }: LabelVolume): Record<number, number> {
  const counts = new Uint32Array(65536);
  for (const value of data) counts[value] = (counts[value] ?? 0) + 1;
  return Object.fromEntries([...counts.entries()].filter(([value, count]) => value > 0 && count > 0));
}
