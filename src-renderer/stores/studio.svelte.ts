import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { MemoryShelf, type Shelf } from '../api/shelf.ts';
import { Activities, type ActivityContext } from './activities.svelte.ts';
import { Appearance } from './appearance.svelte.ts';
import type { CaseSession } from './caseSession.svelte.ts';
import { Cine } from './cine.svelte.ts';
import { CasesStore } from './cases.svelte.ts';
import { Exporting } from './exporting.svelte.ts';
import { Held } from './held.svelte.ts';
import { Keymap } from './keymap.svelte.ts';
import { Incoming } from './incoming.svelte.ts';
import type { Unseen } from './maskReview.ts';
import { Memory } from './memory.ts';
import { ProjectLabels } from './projectLabels.ts';
import { ProjectHistory } from './projectHistory.svelte.ts';
import { NightStore } from './night.svelte.ts';
import { ShownCase } from './shownCase.svelte.ts';
import { TrainingStore } from './training.svelte.ts';
import { UnsavedWork } from './unsaved.svelte.ts';
import { ViewerState } from './viewer.svelte.ts';

export type Project = NonNullable<Awaited<ReturnType<Client['projects']['current']>>['project']>;
export type AppInfo = Awaited<ReturnType<Client['app']['info']>>;

export const workspaces = ['start', 'cases', 'correct', 'train', 'models', 'export', 'problems', 'settings'] as const;
export type Workspace = (typeof workspaces)[number];

/** Workspaces that need no open project. */
export const projectless: ReadonlySet<Workspace> = new Set(['start', 'settings']);

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
  readonly exporting: Exporting;
  /** Which case is open, and how that changes. */
  readonly shown: ShownCase;
  info = $state.raw<AppInfo | null>(null);
  project = $state.raw<Project | null>(null);
  workspace = $state<Workspace>('start');
  problemCount = $state(0);
  /** The packed file that is to be unpacked, or `{ file: null }` while the open project is to be packed; null: neither. */
  carrying = $state.raw<{ readonly file: string | null } | null>(null);
  /** The model that Models shows; null for the one in use. */
  modelShown = $state<string | null>(null);
  /** Calls of this window that bring another project. */
  #moving = 0;

  /** `aheadAfter`: milliseconds that a case is open before the next is read. */
  constructor(client: Client, shelf: Shelf = new MemoryShelf(), { aheadAfter = 2000 } = {}) {
    this.client = client;
    this.activities = new Activities((message, stack) => {
      client.app.reportError({ message: message.slice(0, 2000), stack: stack.slice(0, 16_000) }).catch(() => undefined); // The log is a courtesy.
    });
    this.cases = new CasesStore(client, this.activities);
    this.training = new TrainingStore(client, this.activities);
    this.night = new NightStore(client, this.activities);
    this.memory = new Memory(client);
    this.keymap = new Keymap(this.memory);
    this.history = new ProjectHistory({ client, activities: this.activities, aside: (work) => this.shown.aside(work) });
    this.incoming = new Incoming(client, this.activities, () => this.cases.reload());
    this.held = new Held(client);
    this.labels = new ProjectLabels(client, this);
    this.exporting = new Exporting(client, this.activities);
    this.unsaved = new UnsavedWork(client, shelf, {
      activities: this.activities,
      project: () => this.project?.path ?? '',
      changed: () => this.shown.showStrokes(),
    });
    this.shown = new ShownCase(this, aheadAfter);
    client.on('projects.changed', ({ project }) => void this.#changed(project));
    client.on('problems.changed', () => void this.countProblems());
    client.on('app.notice', ({ severity, message }) => this.activities.say(message, severity));
    client.on('app.openRequested', ({ path }) => void this.openProject(path));
  }

  get session(): CaseSession | null {
    return this.shown.session;
  }

  /** A case is being opened. */
  get opening(): string | null {
    return this.shown.opening;
  }

  /** Reads what the host knows and returns to where the person was. */
  async begin(): Promise<void> {
    this.info = await this.client.app.info();
    for (const { severity, message } of this.info.notices) this.activities.say(message, severity);
    const { project } = await this.client.projects.current();
    if (project === null) await this.unsaved.look();
    else await this.#enter(project, false);
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
    const project = await this.#move(() =>
      this.activities.run('Opening the project', async ({ signal }) => {
        try {
          return await this.client.projects.open({ path, readOnly }, { signal });
        } catch (error) {
          if (await this.held.ask(path, error)) return undefined;
          throw error;
        }
      }),
    );
    if (project === undefined) return;
    const again = before?.path === project.path && before.readOnly !== null;
    if (again) await this.shown.change(null, false); // What it showed is of before.
    await this.#enter(project, true);
    if (again && caseId !== undefined && (await this.cases.isThere(caseId)) && this.#isIdle(project)) await this.openCase(caseId);
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

  /** Unpacks a project and opens it; false where the person stays with what is not saved. Throws what unpacking throws. */
  async unpackProject(
    path: string,
    folder: string,
    options: { readonly signal: AbortSignal; readonly onProgress: ActivityContext['report'] },
  ): Promise<boolean> {
    if (!(await this.unsaved.mayLeave(this.session))) return false;
    await this.#enter(await this.#move(() => this.client.projects.unpack({ path, folder }, options)), true);
    return true;
  }

  async openDemo(): Promise<void> {
    if (!(await this.unsaved.mayLeave(this.session))) return;
    const project = await this.#move(() =>
      this.activities.run('Making the demo project', ({ signal, report }) => this.client.projects.demo({}, { signal, onProgress: report })),
    );
    if (project !== undefined) await this.#enter(project, true);
  }

  async createProject(path: string, name: string, labels: readonly Label[]): Promise<boolean> {
    if (!(await this.unsaved.mayLeave(this.session))) return false;
    const project = await this.#move(() =>
      this.activities.run('Creating the project', ({ signal }) => this.client.projects.create({ path, name, labels }, { signal })),
    );
    if (project !== undefined) await this.#enter(project, true);
    return project !== undefined;
  }

  async closeProject(): Promise<void> {
    await this.closeCase();
    if (this.session !== null) return; // The person stays.
    await this.activities.run('Closing the project', () => this.client.projects.close());
    await this.#changed(null);
  }

  /** Shows a case; where another is asked for meanwhile, that one wins, and nothing stays open of this. */
  openCase(caseId: string): Promise<void> {
    this.workspace = 'correct';
    this.cases.choose(caseId);
    return this.shown.change(caseId);
  }

  /** Where edits are not saved, the person is asked first, and may stay. */
  closeCase(): Promise<void> {
    return this.shown.change(null);
  }

  /** Removes cases for good; answers with what went, or undefined where it was not done. */
  async removeCases(caseIds: readonly string[], patients: boolean): Promise<Awaited<ReturnType<Client['library']['remove']>> | undefined> {
    const done = await this.shown.aside(() =>
      this.activities.run('Removing for good', () => this.client.library.remove({ caseIds, patients })),
    );
    if (done === undefined) return undefined;
    this.cases.choose(null);
    await Promise.all([this.cases.reload(), this.training.reload()]);
    this.activities.say(`${done.cases.length === 1 ? '1 case was' : `${String(done.cases.length)} cases were`} removed for good.`, 'good');
    return done;
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

  /** Calls that bring another project enter it themselves, once they are answered. */
  async #move<T>(call: () => Promise<T>): Promise<T> {
    this.#moving++;
    try {
      return await call();
    } finally {
      this.#moving--;
    }
  }

  /** The host has this project open, whichever window asked for it. */
  async #changed(project: Project | null): Promise<void> {
    if (project !== null && project.path === this.project?.path) {
      this.project = project;
      this.labels.take(project); // also what another window changed
    } else if (project === null) {
      this.held.watch(null);
      this.workspace = 'start';
      await this.#take(null);
    } else if (this.#moving > 0) await this.#take(project);
    else await this.#enter(project, true);
  }

  /** Nothing is shown any more of a project that the host has left. */
  async #take(project: Project | null): Promise<void> {
    const isSame = project?.path === this.project?.path;
    this.project = project;
    if (isSame) return;
    this.cases.clear();
    this.training.clear();
    this.night.clear();
    this.incoming.arrived = null;
    this.modelShown = null;
    await this.shown.change(null, false);
  }

  /** The person has gone nowhere since the project was entered. */
  #isIdle(project: Project): boolean {
    return this.project?.path === project.path && this.workspace === 'cases' && this.opening === null;
  }

  async #enter(project: Project, moved: boolean): Promise<void> {
    await this.#take(project);
    this.held.watch(project.readOnly === null ? null : project.path);
    for (const { severity, message } of project.notices) this.activities.say(message, severity);
    this.workspace = 'cases';
    await Promise.all([
      this.unsaved.look(),
      this.cases.reload(),
      this.training.reload(),
      this.countProblems(),
      this.incoming.lookForArrival(),
      this.night.reload(),
    ]);
    const { report } = this.night;
    if (report !== null) {
      if (!this.#isIdle(project)) return;
      // What came of the night is what the person sees first.
      this.workspace = 'train';
      if (report.jobId !== null) await this.training.show(report.jobId).catch((error: unknown) => this.activities.fail(error));
      return;
    }
    if (moved) return;
    const last = (await this.memory.get('lastCase')) as { readonly project?: unknown; readonly caseId?: unknown } | null;
    if (last?.project === project.path && typeof last.caseId === 'string' && this.#isIdle(project)) await this.openCase(last.caseId);
  }
}
