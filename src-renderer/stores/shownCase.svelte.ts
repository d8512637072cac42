import { Ahead } from './ahead.ts';
import { CaseSession } from './caseSession.svelte.ts';
import type { Studio } from './studio.svelte.ts';

const windowKey = (caseId: string): string => `window ${caseId}`.slice(0, 64);

/** What opening a case needs of its window, and sets in it. */
type Surroundings = Pick<
  Studio,
  'client' | 'activities' | 'viewer' | 'cine' | 'appearance' | 'cases' | 'memory' | 'unsaved' | 'project' | 'workspace'
>;

/** The case that the window shows: opened, put away for another, taken over by another window. Cases are changed one after the other. */
export class ShownCase {
  readonly #studio: Surroundings;
  /** The case that comes next, read before it is asked for. */
  readonly ahead: Ahead;
  readonly #aheadAfter: number;
  session = $state.raw<CaseSession | null>(null);
  /** A case is being opened. */
  opening = $state<string | null>(null);
  #changing: Promise<void> = Promise.resolve();
  #superseded = new AbortController();

  /** `aheadAfter`: milliseconds that a case is open before the next is read. */
  constructor(studio: Surroundings, aheadAfter: number) {
    this.#studio = studio;
    this.#aheadAfter = aheadAfter;
    const { client, viewer, activities } = studio;
    this.ahead = new Ahead(client);
    viewer.onMeasured = (measurements) => {
      const caseId = this.session?.caseId;
      if (caseId !== undefined) client.measurements.set({ caseId, measurements }).catch((error: unknown) => activities.fail(error));
    };
    client.on('document.sessionEnded', ({ session, sequence }) => {
      if (session === this.session?.id) void this.#takenOver(this.session, sequence);
      else void studio.unsaved.saved(session, sequence);
    });
  }

  /**
   * Shows a case, or none; where another is asked for meanwhile, that one wins, and nothing stays open of this. Where edits are not saved, the
   * person is asked first, and may stay, unless it is not to be `asked`.
   */
  change(caseId: string | null, asked = true): Promise<void> {
    this.#superseded.abort();
    const { signal } = (this.#superseded = new AbortController());
    this.opening = caseId;
    this.#changing = this.#changing.then(async () => {
      if (signal.aborted) return;
      if (caseId === null || this.session?.caseId !== caseId) {
        if (!asked || (await this.#studio.unsaved.mayLeave(this.session, signal))) await this.#replace(caseId, signal);
      }
      if (!signal.aborted) this.opening = null;
    });
    return this.#changing;
  }

  /** Works on masks that no window may hold meanwhile; the case that was open comes back, unless it has gone. */
  async aside<T>(work: () => Promise<T>): Promise<T | undefined> {
    const caseId = this.session?.caseId;
    await this.change(null);
    if (this.session !== null) return undefined; // The person stays.
    try {
      return await work();
    } finally {
      const isThere = caseId !== undefined && (await this.#studio.cases.isThere(caseId));
      if (isThere && this.opening === null && this.session === null) await this.change(caseId); // The person has opened no other meanwhile.
    }
  }

  /** Makes edits that no longer fit again, as one step of the open case; they are forgotten once that is saved. */
  async takeStrokes(): Promise<void> {
    const { session } = this;
    const strokes = session?.strokes ?? null;
    if (session === null || strokes === null) return;
    await this.#studio.activities.run('Taking over the strokes', async () => {
      await session.takeStrokes(strokes);
      await this.#studio.unsaved.forget(strokes.of);
    });
  }

  /** What was left of the open case and no longer fits it. */
  showStrokes(): void {
    const { session } = this;
    session?.showStrokes(this.#studio.unsaved.left.find(({ caseId, elsewhere }) => caseId === session.caseId && !elsewhere));
  }

  async #replace(caseId: string | null, superseded: AbortSignal): Promise<void> {
    const { cine, memory, activities, unsaved } = this.#studio;
    const before = this.session;
    cine.stop();
    if (before !== null) memory.set(windowKey(before.caseId), before.images.remembered);
    this.session = null;
    // The next case need not wait until the one before is put away.
    const begun = Promise.withResolvers<undefined>();
    const left = (before?.close(begun.promise) ?? Promise.resolve())
      .catch((error: unknown) => activities.fail(error))
      .then(() => unsaved.look());
    try {
      if (caseId === null) this.ahead.drop();
      else if (!superseded.aborted) await this.#begin(caseId, superseded);
    } finally {
      begun.resolve(undefined);
    }
    await left;
  }

  async #begin(caseId: string, superseded: AbortSignal): Promise<void> {
    const { client, viewer, activities, unsaved, memory, project } = this.#studio;
    const { path = '', labels = [], removedLabels = [], readOnly = null } = project ?? {};
    const session = await activities.run('Opening the case', async ({ signal, report }) => {
      if (readOnly === null) await unsaved.resume(caseId);
      return CaseSession.open(
        { client, activities, viewer, ahead: this.ahead },
        unsaved.shelf,
        { path, labels, removedLabels, readOnly },
        caseId,
        { signal: AbortSignal.any([signal, superseded]), report },
      );
    });
    if (session === undefined) return;
    if (superseded.aborted) await session.close().catch((error: unknown) => activities.fail(error));
    else if (session.ended) await this.#takenOver(session);
    else {
      session.frame();
      this.session = session;
      this.showStrokes();
      void this.#readMeasurements(session);
      const windows = await memory.get(windowKey(caseId));
      if (this.session === session) session.images.recall(windows);
      void this.#readTheRest(session);
      memory.set('lastCase', { project: this.#studio.project?.path, caseId });
    }
  }

  /** What can be waited for while the case is shown already: its prediction, further images and earlier scans; then what comes after it. */
  async #readTheRest(session: CaseSession): Promise<void> {
    const { activities, appearance, cases } = this.#studio;
    await activities.run('Reading the prediction', async ({ signal }) => {
      await session.loadPrediction(signal);
      // Nothing is corrected yet: the prediction is what there is to see.
      const hasMask = cases.find(session.caseId)?.hasMask ?? true;
      if (session.prediction !== null && !hasMask && session.editing.undoCount === 0) appearance.setLook('prediction', { visible: true });
    });
    if (this.session === session) await session.images.readAll();
    if (this.session === session) await session.followUp.load();
    if (this.session === session) this.ahead.follow(session.caseId, this.#aheadAfter);
  }

  async #readMeasurements(session: CaseSession): Promise<void> {
    const { client, viewer, activities } = this.#studio;
    try {
      const { measurements } = await client.measurements.get({ caseId: session.caseId });
      if (this.session === session) viewer.measurements = [...measurements, ...viewer.measurements];
    } catch (error) {
      activities.fail(error);
    }
  }

  async #takenOver(session: CaseSession, saved = 0): Promise<void> {
    const studio = this.#studio;
    this.session = null;
    studio.workspace = 'cases';
    studio.activities.say('This case was opened in another window. Open it here again to go on.', 'warning');
    await session.abandon(saved);
    await studio.unsaved.look();
  }
}
