import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { MemoryShelf, type Shelf } from '../api/shelf.ts';
import { Activities, type ActivityContext } from './activities.svelte.ts';
import { Ahead } from './ahead.ts';
import { Appearance } from './appearance.svelte.ts';
import { CaseSession } from './caseSession.svelte.ts';
import { Cine } from './cine.svelte.ts';
import { CasesStore } from './cases.svelte.ts';
import { Held } from './held.svelte.ts';
import { Keymap } from './keymap.svelte.ts';
import { Incoming } from './incoming.svelte.ts';
import type { Unseen } from './maskReview.ts';
import { Memory } from './memory.ts';
import { ProjectLabels } from './projectLabels.ts';
import { ProjectHistory } from './projectHistory.svelte.ts';
import { NightStore } from './night.svelte.ts';
import { TrainingStore } from './training.svelte.ts';
import { UnsavedWork } from './unsaved.svelte.ts';
import { ViewerState } from './viewer.svelte.ts';

export type Project = NonNullable<Awaited<ReturnType<Client['projects']['current']>>['project']>;
export type AppInfo = Awaited<ReturnType<Client['app']['info']>>;

export const workspaces = ['start', 'cases', 'correct', 'train', 'models', 'export', 'problems', 'settings'] as const;
export type Workspace = (typeof workspaces)[number];

/** Workspaces that need no open project. */
export const projectless: ReadonlySet<Workspace> = new Set(['start', 'settings']);

const windowKey = (caseId: string): string => `window ${caseId}`.slice(0, 64);

/** Everything the window knows; views read it, the host changes it through the contract. */
export class Studio {
  readonly client: Client;
  readonly activities: Activities;
  readonly viewer = new ViewerState();
  readonly cine = new Cine(this.viewer);
  readonly appearance = new Appearance();
  readonly cases: CasesStore;
  readonly training: TrainingStore;
  readonly night: NightStore;
  readonly memory: Memory;
  readonly unsaved: UnsavedWork;
  readonly history: ProjectHistory;
  readonly keymap: Keymap;
  readonly incoming: Incoming;
  readonly held: Held;
  readonly labels: ProjectLabels;
  /** The case that comes next, read before it is asked for. */
  readonly ahead: Ahead;
  readonly #aheadAfter: number;
  info = $state.raw<AppInfo | null>(null);
  project = $state.raw<Project | null>(null);
  session = $state.raw<CaseSession | null>(null);
  /** A case is being opened. */
  opening = $state<string | null>(null);
  workspace = $state<Workspace>('start');
  problemCount = $state(0);
  /** The packed file that is to be unpacked, or `{ file: null }` while the open project is to be packed; null: neither. */
  carrying = $state.raw<{ readonly file: string | null } | null>(null);
  /** The model that Models shows; null for the one in use. */
  modelShown = $state<string | null>(null);
  /** Cases are changed one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #superseded = new AbortController();

  /** `aheadAfter`: milliseconds that a case is open before the next is read. */
  constructor(client: Client, shelf: Shelf = new MemoryShelf(), { aheadAfter = 2000 } = {}) {
    this.client = client;
    this.ahead = new Ahead(client);
    this.#aheadAfter = aheadAfter;
    this.activities = new Activities((message, stack) => {
      client.app.reportError({ message: message.slice(0, 2000), stack: stack.slice(0, 16_000) }).catch(() => undefined); // The log is a courtesy.
    });
    this.cases = new CasesStore(client, this.activities);
    this.training = new TrainingStore(client, this.activities);
    this.night = new NightStore(client, this.activities);
    this.viewer.onMeasured = (measurements) => {
      const caseId = this.session?.caseId;
      if (caseId !== undefined) client.measurements.set({ caseId, measurements }).catch((error: unknown) => this.activities.fail(error));
    };
    this.memory = new Memory(client);
    this.keymap = new Keymap(this.memory);
    this.history = new ProjectHistory({ client, activities: this.activities, aside: (work) => this.#aside(work) });
    this.incoming = new Incoming(client, this.activities, () => this.cases.reload());
    this.held = new Held(client);
    this.labels = new ProjectLabels(client, this);
    this.unsaved = new UnsavedWork(client, shelf, this.activities, () => this.#showStrokes());
    client.on('projects.changed', ({ project }) => {
      const isSame = project !== null && project.path === this.project?.path;
      this.project = project;
      if (isSame) this.labels.take(project); // also what another window changed
    });
    client.on('problems.changed', () => void this.countProblems());
    client.on('app.notice', ({ severity, message }) => this.activities.say(message, severity));
    client.on('app.openRequested', ({ path }) => void this.openProject(path));
    client.on('document.sessionEnded', ({ session, sequence }) => {
      if (session === this.session?.id) void this.#takenOver(this.session, sequence);
      else void this.unsaved.saved(session, sequence);
    });
  }

  /** Reads what the host knows and returns to where the person was. */
  async begin(): Promise<void> {
    this.info = await this.client.app.info();
    for (const { severity, message } of this.info.notices) this.activities.say(message, severity);
    await this.unsaved.look();
    const { project } = await this.client.projects.current();
    if (project !== null) await this.#enter(project, false);
  }

  go(workspace: Workspace): void {
    if (this.project === null && !projectless.has(workspace)) return;
    this.workspace = workspace;
  }

  showModel(modelId: string): void {
    this.modelShown = modelId;
    this.go('models');
  }

  /**
   * A packed project is unpacked first: the person is asked where to. One that another program has: whether to read it alone. The case that is open
   * comes back where the same project is opened again.
   */
  async openProject(path: string, { readOnly = false } = {}): Promise<void> {
    if (/\.logonet$/i.test(path)) {
      this.carrying = { file: path };
      return;
    }
    if (!(await this.unsaved.mayLeave(this.session))) return;
    const [before, caseId] = [this.project, this.session?.caseId];
    const project = await this.activities.run('Opening the project', async ({ signal }) => {
      try {
        return await this.client.projects.open({ path, readOnly }, { signal });
      } catch (error) {
        if (await this.held.ask(path, error)) return undefined;
        throw error;
      }
    });
    if (project === undefined) return;
    const again = before?.path === project.path && before.readOnly !== null;
    if (again) await this.#change(null, false); // What it showed is of before.
    await this.#enter(project, true);
    if (again && caseId !== undefined && (await this.#isThere(caseId))) await this.openCase(caseId);
  }

  /** The person leaves a project to whoever has it. */
  leaveHeld(): void {
    this.held.asked = null;
    this.held.watch(this.project?.readOnly === null ? null : (this.project?.path ?? null));
  }

  /** Whether the open project may be changed; says why not. */
  mayChange(): boolean {
    const why = this.project?.readOnly ?? null;
    if (why !== null) this.activities.say(why, 'warning');
    return why === null;
  }

  #isThere(caseId: string): Promise<boolean> {
    return this.client.library.get({ caseId }).then(
      () => true,
      () => false,
    );
  }

  /** Unpacks a project and opens it; false where the person stays with what is not saved. Throws what unpacking throws. */
  async unpackProject(
    path: string,
    folder: string,
    options: { readonly signal: AbortSignal; readonly onProgress: ActivityContext['report'] },
  ): Promise<boolean> {
    if (!(await this.unsaved.mayLeave(this.session))) return false;
    await this.#enter(await this.client.projects.unpack({ path, folder }, options), true);
    return true;
  }

  async openDemo(): Promise<void> {
    if (!(await this.unsaved.mayLeave(this.session))) return;
    const project = await this.activities.run('Making the demo project', ({ signal, report }) =>
      this.client.projects.demo({}, { signal, onProgress: report }),
    );
    if (project !== undefined) await this.#enter(project, true);
    else if (this.project === null) {
      // It failed half made: what was open before is closed, and so is the demo.
      await this.#change(null, false);
      this.cases.clear();
      this.training.clear();
      this.workspace = 'start';
    }
  }

  async createProject(path: string, name: string, labels: readonly Label[]): Promise<boolean> {
    if (!(await this.unsaved.mayLeave(this.session))) return false;
    const project = await this.activities.run('Creating the project', ({ signal }) =>
      this.client.projects.create({ path, name, labels }, { signal }),
    );
    if (project !== undefined) await this.#enter(project, true);
    return project !== undefined;
  }

  async closeProject(): Promise<void> {
    await this.closeCase();
    if (this.session !== null) return; // The person stays.
    await this.activities.run('Closing the project', () => this.client.projects.close());
    this.held.watch(null);
    this.project = null;
    this.cases.clear();
    this.training.clear();
    this.night.clear();
    this.incoming.arrived = null;
    this.workspace = 'start';
  }

  /** Shows a case; where another is asked for meanwhile, that one wins, and nothing stays open of this. */
  openCase(caseId: string): Promise<void> {
    this.workspace = 'correct';
    this.cases.choose(caseId);
    return this.#change(caseId);
  }

  /** Where edits are not saved, the person is asked first, and may stay. */
  closeCase(): Promise<void> {
    return this.#change(null);
  }

  /** Works on masks that no window may hold meanwhile; the case that was open comes back, unless it has gone. */
  async #aside<T>(work: () => Promise<T>): Promise<T | undefined> {
    const caseId = this.session?.caseId;
    await this.closeCase();
    if (this.session !== null) return undefined; // The person stays.
    try {
      return await work();
    } finally {
      if (caseId !== undefined && (await this.#isThere(caseId))) await this.#change(caseId);
    }
  }

  /** Removes cases for good; answers with what went, or undefined where it was not done. */
  async removeCases(caseIds: readonly string[], patients: boolean): Promise<Awaited<ReturnType<Client['library']['remove']>> | undefined> {
    const done = await this.#aside(() => this.activities.run('Removing for good', () => this.client.library.remove({ caseIds, patients })));
    if (done === undefined) return undefined;
    this.cases.choose(null);
    await Promise.all([this.cases.reload(), this.training.reload()]);
    this.activities.say(`${done.cases.length === 1 ? '1 case was' : `${String(done.cases.length)} cases were`} removed for good.`, 'good');
    return done;
  }

  #change(caseId: string | null, asked = true): Promise<void> {
    this.#superseded.abort();
    const { signal } = (this.#superseded = new AbortController());
    this.opening = caseId;
    this.#changing = this.#changing.then(async () => {
      if (signal.aborted) return;
      if (caseId === null || this.session?.caseId !== caseId) {
        if (!asked || (await this.unsaved.mayLeave(this.session, signal))) await this.#replaceSession(caseId, signal);
      }
      if (!signal.aborted) this.opening = null;
    });
    return this.#changing;
  }

  async #replaceSession(caseId: string | null, superseded: AbortSignal): Promise<void> {
    const before = this.session;
    this.cine.stop();
    if (before !== null) this.memory.set(windowKey(before.caseId), before.images.remembered);
    this.session = null;
    // The next case need not wait until the one before is put away.
    const begun = Promise.withResolvers<undefined>();
    const left = (before?.close(begun.promise) ?? Promise.resolve())
      .catch((error: unknown) => this.activities.fail(error))
      .then(() => this.unsaved.look());
    try {
      if (caseId === null) this.ahead.drop();
      else if (!superseded.aborted) await this.#begin(caseId, superseded);
    } finally {
      begun.resolve(undefined);
    }
    await left;
  }

  async #begin(caseId: string, superseded: AbortSignal): Promise<void> {
    const { labels = [], removedLabels = [], readOnly = null } = this.project ?? {};
    const session = await this.activities.run('Opening the case', async ({ signal, report }) => {
      if (readOnly === null) await this.unsaved.resume(caseId);
      return CaseSession.open(this, this.unsaved.shelf, { labels, removedLabels, readOnly }, caseId, {
        signal: AbortSignal.any([signal, superseded]),
        report,
      });
    });
    if (session === undefined) return;
    if (superseded.aborted) await session.close().catch((error: unknown) => this.activities.fail(error));
    else if (session.ended) await this.#takenOver(session);
    else {
      session.frame();
      this.session = session;
      this.#showStrokes();
      void this.#readMeasurements(session);
      const windows = await this.memory.get(windowKey(caseId));
      if (this.session === session) session.images.recall(windows);
      void this.activities
        .run('Reading the prediction', async ({ signal }) => {
          await session.loadPrediction(signal);
          // Nothing is corrected yet: the prediction is what there is to see.
          const hasMask = this.cases.find(caseId)?.hasMask ?? true;
          if (session.prediction !== null && !hasMask && session.editing.undoCount === 0)
            this.appearance.setLook('prediction', { visible: true });
        })
        .then(async () => {
          if (this.session === session) await session.images.readAll();
          if (this.session === session) await session.followUp.load();
          if (this.session === session) this.ahead.follow(caseId, this.#aheadAfter);
        });
      this.memory.set('lastCase', { project: this.project?.path, caseId });
    }
  }

  async #readMeasurements(session: CaseSession): Promise<void> {
    try {
      const { measurements } = await this.client.measurements.get({ caseId: session.caseId });
      if (this.session === session) this.viewer.measurements = [...measurements, ...this.viewer.measurements];
    } catch (error) {
      this.activities.fail(error);
    }
  }

  async #takenOver(session: CaseSession, saved = 0): Promise<void> {
    this.session = null;
    this.workspace = 'cases';
    this.activities.say('This case was opened in another window. Open it here again to go on.', 'warning');
    await session.abandon(saved);
    await this.unsaved.look();
  }

  /** Makes edits that no longer fit again, as one step of the open case; they are forgotten once that is saved. */
  async takeStrokes(session: CaseSession): Promise<void> {
    const { strokes } = session;
    if (strokes === null) return;
    await this.activities.run('Taking over the strokes', async () => {
      await session.takeStrokes(strokes);
      await this.unsaved.forget(strokes.of);
    });
  }

  /** What was left of the open case and no longer fits it. */
  #showStrokes(): void {
    const { session } = this;
    session?.showStrokes(this.unsaved.left.find(({ caseId }) => caseId === session.caseId));
  }

  /** Shows what the person was not shown yet, in whatever it takes to see it. */
  lookAt(session: CaseSession, unseen: Unseen): void {
    const { opacity, outline } = this.appearance.looks.mask;
    this.appearance.setLook('mask', { visible: true, ...(opacity === 0 && outline === 0 ? { outline: 1 } : {}) });
    this.go('correct');
    session.review.show(unseen);
  }

  /** `lookAt` what is left, or says that nothing is. */
  async lookNext(session: CaseSession): Promise<void> {
    const { unseen } = await session.review.check();
    if (unseen === null) this.activities.say('Every label of this mask was shown in its middle slice.', 'good');
    else this.lookAt(session, unseen);
  }

  async openNext(): Promise<void> {
    // Asked again: what was suggested before may have been accepted just now.
    const { suggestion } = (await this.activities.run('Finding the next case', () => this.client.library.next({}))) ?? { suggestion: null };
    if (suggestion === null) this.activities.say('Every case is accepted or excluded. Import more cases, or improve the model.', 'info');
    else await this.openCase(suggestion.caseId);
  }

  async countProblems(): Promise<void> {
    this.problemCount =
      this.project === null
        ? 0
        : await this.client.problems.list({ limit: 1 }).then(
            ({ total }) => total,
            () => 0,
          );
  }

  async #enter(project: Project, moved: boolean): Promise<void> {
    if (this.project?.path !== project.path) {
      await this.#change(null, false); // The host has left the project already.
      this.cases.clear();
      this.training.clear();
      this.night.clear();
      this.modelShown = null;
    }
    this.project = project;
    this.held.watch(project.readOnly === null ? null : project.path);
    for (const { severity, message } of project.notices) this.activities.say(message, severity);
    this.workspace = 'cases';
    await Promise.all([
      this.cases.reload(),
      this.training.reload(),
      this.countProblems(),
      this.incoming.lookForArrival(),
      this.night.reload(),
    ]);
    const { report } = this.night;
    if (report !== null) {
      // What came of the night is what the person sees first.
      this.workspace = 'train';
      if (report.jobId !== null) await this.training.show(report.jobId).catch((error: unknown) => this.activities.fail(error));
      return;
    }
    const last = (await this.memory.get('lastCase')) as { readonly project?: unknown; readonly caseId?: unknown } | null;
    if (!moved && last?.project === project.path && typeof last.caseId === 'string') await this.openCase(last.caseId);
  }
}
