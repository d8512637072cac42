import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { neverCancelled, throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { acceptQuestion, type Acceptance, type AcceptQuestion, type MaskRevision } from '#shared/domain/mask.ts';
import { voxelCount, type Grid, type LabelVolume } from '#shared/geometry/grid.ts';
import { encodeHistory, encodeMask, History, labelCounts } from '#shared/segmentation/index.ts';
import { EditingSession, readDocument, readMaskFile, sameWriter, type HandedOver, type Writer } from '#main/document/index.ts';
import { keepRevision } from '#main/exchange/keepRevision.ts';
import {
  beginCorrection,
  correctionBegan,
  endCorrection,
  getCase,
  imageOf,
  latestMaskRevision,
  listRemovedLabels,
  recordEvent,
  type Project,
} from '#main/library/index.ts';
import { predictedLabels } from './predictions.ts';

interface Editing {
  readonly session: EditingSession;
  /** The case is marked as in correction at the first edit since it was opened or accepted. */
  marked: boolean;
  /** How many steps were in force where the correction of an accepted mask began; null where the case is in correction for another reason, or not. */
  acceptedAt: number | null;
}

export interface OpenedDocument extends Omit<HandedOver, 'ended'> {
  readonly grid: Grid;
  readonly changedSinceAccepted: boolean;
}

export type AcceptAnswer = { readonly kind: 'accepted'; readonly revision: MaskRevision } | ({ readonly kind: 'asks' } & AcceptQuestion);

/** The masks that are open for editing, each in one window's session. */
export class OpenDocuments {
  readonly #project: Project;
  readonly #sessionEnded: (caseId: string, ended: Writer) => void;
  readonly #caseChanged: (caseId: string) => void;
  readonly #editing = new Map<string, Editing>();
  /** Opening and closing of one case take turns. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(project: Project, events: { sessionEnded: (caseId: string, ended: Writer) => void; caseChanged: (caseId: string) => void }) {
    this.#project = project;
    this.#sessionEnded = events.sessionEnded;
    this.#caseChanged = events.caseChanged;
  }

  /** `gone`: the window that asked is no longer there; it takes the case from nobody then. */
  open(caseId: string, gone: Cancellation = neverCancelled): Promise<OpenedDocument> {
    if (this.#project.readOnly !== null) return this.#show(caseId);
    return this.#inTurn(caseId, async () => {
      throwIfCancelled(gone);
      const editing = await this.#hold(caseId);
      const { ended, ...given } = await editing.session.handOver();
      editing.marked = false;
      if (ended !== null) this.#sessionEnded(caseId, ended);
      const changedSinceAccepted = this.#isChanged(caseId, given.mask);
      if (!changedSinceAccepted) this.#unmark(caseId, editing); // The program ended before it could.
      return { ...given, grid: editing.session.volume.grid, changedSinceAccepted };
    });
  }

  /**
   * Takes what a window that has gone still held, before the case is opened again, and ends any other session on it. Resolves with the
   * session's records on disk; throws `conflict` where others have written since.
   */
  resume(caseId: string, held: Writer, base: Writer | null, records: readonly Uint8Array[]): Promise<number> {
    return this.#inTurn(caseId, async () => {
      const wasOpen = this.#editing.has(caseId);
      const editing = await this.#hold(caseId);
      try {
        const { steps } = editing.session;
        const { sequence, ended } = await editing.session.resume(held.session, held.sequence, base, owned(records));
        if (ended !== null && ended.session !== held.session) this.#sessionEnded(caseId, ended);
        this.#sessionEnded(caseId, { session: held.session, sequence }); // Its window may be there still.
        this.#mark(caseId, editing, steps);
        return sequence;
      } catch (error) {
        if (!wasOpen) await this.#release(caseId);
        throw error;
      }
    });
  }

  /** Resolves with the number of records on disk in this session, once they are; what comes twice is written once. */
  async append(caseId: string, session: string, sequence: number, records: readonly Uint8Array[]): Promise<number> {
    const editing = this.#require(caseId);
    const { steps } = editing.session;
    const saved = await editing.session.append(session, sequence, owned(records));
    this.#mark(caseId, editing, steps);
    return saved;
  }

  async snapshot(caseId: string, session: string): Promise<void> {
    await this.#require(caseId).session.snapshot(session);
  }

  /**
   * Keeps the mask at `sequence` as an accepted revision. One that is empty, or lacks labels of the newest prediction, asks unless it is to
   * be kept `asItIs`. `conflict` where edits are still on their way, or undo has brought a removed label back.
   */
  async accept(
    caseId: string,
    session: string,
    sequence: number,
    { asItIs, acceptance }: { readonly asItIs: boolean; readonly acceptance: Exclude<Acceptance, 'imported'> },
  ): Promise<AcceptAnswer> {
    const editing = this.#require(caseId);
    const { volume, writer } = await editing.session.freeze(session, sequence);
    return this.#inTurn(caseId, async () => {
      const removed = listRemovedLabels(this.#project.read).find(({ value }) => volume.data.includes(value));
      if (removed !== undefined) {
        throw new StudioError(
          'conflict',
          `This mask holds “${removed.name}”, which was removed from the labels. Bring it back at the end of the list of labels (there it can also be erased or turned into another label), then accept.`,
        );
      }
      const voxels = labelCounts(volume);
      const question = asItIs ? null : acceptQuestion(voxels, predictedLabels(this.#project, caseId));
      if (question !== null) return { kind: 'asks', ...question };
      const revision = await keepRevision(this.#project, caseId, volume, acceptance, voxels);
      const now = this.#editing.get(caseId) ?? editing;
      now.marked = false;
      now.acceptedAt = null;
      this.#caseChanged(caseId);
      // What came meanwhile is not in the revision.
      if (!sameWriter(now.session.writer, writer)) this.#mark(caseId, now, -1);
      return { kind: 'accepted', revision };
    });
  }

  close(caseId: string, session: string): Promise<void> {
    return this.#inTurn(caseId, async () => {
      if (this.#editing.get(caseId)?.session.session === session) await this.#release(caseId);
    });
  }

  /** Ends whatever session a case has and lets go of its files, which are about to be removed or changed. */
  discard(caseId: string): Promise<void> {
    return this.#inTurn(caseId, async () => {
      const writer = this.#editing.get(caseId)?.session.writer ?? null;
      await this.#release(caseId);
      if (writer !== null) this.#sessionEnded(caseId, writer);
    });
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled(this.#turns.values());
    const open = [...this.#editing.values()];
    this.#editing.clear();
    await Promise.all(open.map(({ session }) => session.close()));
  }

  get anyOpen(): boolean {
    return this.#editing.size > 0;
  }

  /** A window has the right to edit it. */
  isEdited(caseId: string): boolean {
    return (this.#editing.get(caseId)?.session.session ?? null) !== null;
  }

  isOpen(caseId: string): boolean {
    return this.#editing.has(caseId);
  }

  /** The mask of an open case at one moment: after its last finished step, whatever is painted meanwhile. Null where it is not open. */
  async frozen(caseId: string): Promise<LabelVolume | null> {
    return (await this.#editing.get(caseId)?.session.copy())?.volume ?? null;
  }

  /**
   * The mask of a case, open or not, as it stands in correction (else as it was accepted last, else empty), and how many steps of correction
   * are in force; the steps themselves where it is not open. A copy. Throws `corrupt` where it cannot be read.
   */
  async standing(caseId: string): Promise<{ readonly volume: LabelVolume; readonly steps: number; readonly history?: History }> {
    return this.#inTurn(caseId, async () => {
      const { grid } = imageOf(this.#project.read, caseId);
      const saved = (await this.#editing.get(caseId)?.session.copy()) ?? (await this.#read(caseId));
      if (saved !== null && saved !== undefined) return saved;
      const accepted = await acceptedMask(this.#project, caseId);
      return { volume: accepted ?? { grid, data: new Uint8Array(voxelCount(grid)) }, steps: 0 };
    });
  }

  /** Whether the mask of a case, open or not, holds voxels of a label as it stands in correction. Throws `corrupt` where it cannot be read. */
  holds(caseId: string, value: number): Promise<boolean> {
    return this.#inTurn(caseId, async () => {
      const open = this.#editing.get(caseId)?.session.volume;
      if (open !== undefined) return open.data.includes(value);
      const saved = await this.#read(caseId);
      return saved?.volume.data.includes(value) ?? false;
    });
  }

  /** The mask of a case that nobody here may edit, with what was done to it: the session is nobody's. */
  async #show(caseId: string): Promise<OpenedDocument> {
    getCase(this.#project.read, caseId);
    const { volume, history = new History() } = await this.standing(caseId);
    const mask = encodeMask(volume);
    return {
      ...{ session: randomUUID(), base: null, recovery: null, mask, history: encodeHistory(history), grid: volume.grid },
      changedSinceAccepted: this.#isChanged(caseId, mask),
    };
  }

  #isChanged(caseId: string, mask: Uint8Array): boolean {
    const accepted = latestMaskRevision(this.#project.read, caseId);
    return accepted !== undefined && accepted.contentHash !== createHash('sha256').update(mask).digest('hex');
  }

  /** The mask in correction of a case that is not open. */
  #read(caseId: string): ReturnType<typeof readDocument> {
    const { read, readOnly } = this.#project;
    return readDocument(this.#folderOf(caseId), caseId, () => imageOf(read, caseId).grid, { beside: readOnly !== null });
  }

  #folderOf(caseId: string): string {
    return join(this.#project.paths.case(caseId), 'document');
  }

  async #hold(caseId: string): Promise<Editing> {
    const held = this.#editing.get(caseId);
    if (held !== undefined) return held;
    getCase(this.#project.read, caseId);
    const { grid } = imageOf(this.#project.read, caseId);
    this.#project.requireFolder();
    const initial = await acceptedMask(this.#project, caseId);
    const home = this.#project.paths.folder;
    const session = await EditingSession.open(this.#folderOf(caseId), { caseId, grid, home, ...(initial === null ? {} : { initial }) });
    const editing: Editing = { session, marked: false, acceptedAt: correctionBegan(this.#project.read, caseId) };
    this.#editing.set(caseId, editing);
    if (session.recovery !== null) {
      recordEvent(this.#project.write, {
        kind: 'recovery',
        caseId,
        message: 'Unsaved edits were brought back.',
        detail: { changes: session.recovery.changes },
      });
    }
    return editing;
  }

  async #release(caseId: string): Promise<void> {
    const editing = this.#editing.get(caseId);
    this.#editing.delete(caseId);
    await editing?.session.close();
  }

  /** The case is in correction, which began where `steps` were in force; accepted again where its history is back there with the very mask. */
  #mark(caseId: string, editing: Editing, steps: number): void {
    if (!editing.marked) {
      const { read, write } = this.#project;
      if (getCase(read, caseId).status !== 'inCorrection') {
        beginCorrection(write, caseId, steps);
        this.#caseChanged(caseId);
      }
      editing.acceptedAt = correctionBegan(read, caseId);
      editing.marked = true; // Not before: on a full disk the same call comes again.
    }
    const { session } = editing;
    if (session.steps === editing.acceptedAt && !session.stroking && !this.#isChanged(caseId, encodeMask(session.volume)))
      this.#unmark(caseId, editing);
  }

  /** The mask is the accepted one. */
  #unmark(caseId: string, editing: Editing): void {
    if (editing.acceptedAt === null || correctionBegan(this.#project.read, caseId) === null) return;
    endCorrection(this.#project.write, caseId);
    editing.marked = false;
    editing.acceptedAt = null;
    this.#caseChanged(caseId);
  }

  #require(caseId: string): Editing {
    const editing = this.#editing.get(caseId);
    if (editing === undefined) throw new StudioError('conflict', 'This case was closed; open it again to go on.');
    return editing;
  }

  #inTurn<T>(caseId: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(caseId) ?? Promise.resolve()).then(work, work);
    this.#turns.set(
      caseId,
      turn.catch(() => undefined),
    );
    return turn;
  }
}

/** The records outlive the message that brought them. */
const owned = (records: readonly Uint8Array[]): readonly Uint8Array[] => records.map((record) => record.slice());

/** The newest accepted or imported mask of a case, or null. */
export async function acceptedMask(project: Project, caseId: string): Promise<LabelVolume | null> {
  const revision = latestMaskRevision(project.read, caseId);
  return revision === undefined ? null : readMaskFile(project.paths.inside(revision.path));
}
