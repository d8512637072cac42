import type { Client } from '#shared/contract/client.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { Activities, type ActivityContext } from './activities.svelte.ts';
import { CaseSession } from './caseSession.svelte.ts';
import { CasesStore } from './cases.svelte.ts';
import { Memory } from './memory.ts';
import { Scene } from './scene.svelte.ts';
import { TrainingStore } from './training.svelte.ts';
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
  readonly scene = new Scene();
  readonly cases: CasesStore;
  readonly training: TrainingStore;
  readonly memory: Memory;
  info = $state.raw<AppInfo | null>(null);
  project = $state.raw<Project | null>(null);
  session = $state.raw<CaseSession | null>(null);
  /** A case is being opened. */
  opening = $state<string | null>(null);
  workspace = $state<Workspace>('start');
  problemCount = $state(0);

  constructor(client: Client) {
    this.client = client;
    this.activities = new Activities((message, stack) => {
      client.app.reportError({ message: message.slice(0, 2000), stack: stack.slice(0, 16_000) }).catch(() => undefined); // The log is a courtesy.
    });
    this.cases = new CasesStore(client, this.activities);
    this.training = new TrainingStore(client, this.activities);
    this.memory = new Memory(client);
    client.on('projects.changed', ({ project }) => {
      const isSame = project !== null && project.path === this.project?.path;
      this.project = project;
      if (isSame) this.#takeLabels(project); // also what another window changed
    });
    client.on('problems.changed', () => void this.countProblems());
    client.on('app.notice', ({ severity, message }) => this.activities.say(message, severity));
    client.on('app.openRequested', ({ path }) => void this.openProject(path));
    client.on('document.sessionEnded', ({ caseId }) => {
      if (caseId !== this.session?.caseId) return;
      this.activities.say('This case was opened in another window. Open it here again to go on.', 'warning');
      this.session = null;
      this.scene.clear();
      this.workspace = 'cases';
    });
  }

  /** Reads what the host knows and returns to where the person was. */
  async begin(): Promise<void> {
    this.info = await this.client.app.info();
    for (const { severity, message } of this.info.notices) this.activities.say(message, severity);
    const { project } = await this.client.projects.current();
    if (project !== null) await this.#enter(project, false);
  }

  go(workspace: Workspace): void {
    if (this.project === null && !projectless.has(workspace)) return;
    this.workspace = workspace;
  }

  async openProject(path: string): Promise<void> {
    const project = await this.activities.run('Opening the project', ({ signal }) => this.client.projects.open({ path }, { signal }));
    if (project !== undefined) await this.#enter(project, true);
  }

  async openDemo(): Promise<void> {
    const project = await this.activities.run('Making the demo project', ({ signal, report }) => this.client.projects.demo({}, { signal, onProgress: report }));
    if (project !== undefined) await this.#enter(project, true);
  }

  async createProject(path: string, name: string, labels: readonly Label[]): Promise<boolean> {
    const project = await this.activities.run('Making the project', ({ signal }) => this.client.projects.create({ path, name, labels }, { signal }));
    if (project !== undefined) await this.#enter(project, true);
    return project !== undefined;
  }

  async closeProject(): Promise<void> {
    await this.closeCase();
    await this.activities.run('Closing the project', () => this.client.projects.close());
    this.project = null;
    this.cases.clear();
    this.training.clear();
    this.workspace = 'start';
  }

  async importFrom(sources: readonly string[], mode: 'copy' | 'reference'): Promise<void> {
    const result = await this.activities.run('Importing', ({ signal, report }) => this.client.library.import({ sources, mode }, { signal, onProgress: report }));
    if (result === undefined) return;
    const parts = [`${result.added.length} ${result.added.length === 1 ? 'case' : 'cases'} added`];
    if (result.masks > 0) parts.push(`${result.masks} with a mask`);
    if (result.duplicates > 0) parts.push(`${result.duplicates} already there`);
    if (result.refused.length > 0) parts.push(`${result.refused.length} refused (see Problems)`);
    this.activities.say(`${parts.join(', ')}.`, result.refused.length > 0 ? 'warning' : 'good');
    await this.cases.reload();
  }

  async openCase(caseId: string): Promise<void> {
    if (this.session?.caseId === caseId) {
      this.workspace = 'correct';
      return;
    }
    const labels = { labels: this.project?.labels ?? [], removedLabels: this.project?.removedLabels ?? [] };
    await this.closeCase();
    this.opening = caseId;
    this.workspace = 'correct';
    this.cases.selected = caseId;
    const session = await this.activities.run('Opening the case', (context) =>
      CaseSession.open(this.client, this.activities, this.scene, this.viewer, labels, caseId, context));
    this.opening = null;
    if (session !== undefined) {
      this.session = session;
      void this.activities.run('Reading the prediction', ({ signal }) => session.loadPrediction(signal));
      this.memory.set('lastCase', { project: this.project?.path, caseId });
    }
  }

  async closeCase(): Promise<void> {
    const session = this.session;
    this.session = null;
    if (session !== null) await session.close().catch((error: unknown) => this.activities.fail(error));
  }

  async openNext(): Promise<void> {
    const suggestion = this.cases.suggestion ?? (await this.client.library.next({}).catch(() => ({ suggestion: null }))).suggestion;
    if (suggestion === null) this.activities.say('Every case is accepted or excluded. Import more cases, or improve the model.', 'info');
    else await this.openCase(suggestion.caseId);
  }

  async setLabels(labels: readonly Label[]): Promise<void> {
    try {
      this.#takeLabels(await this.client.projects.setLabels({ labels }));
    } catch (error) {
      this.activities.fail(error);
    }
  }

  /** Adds a label to be named, and draws with it; answers with its value. */
  async addLabel(): Promise<number | undefined> {
    try {
      const answer = await this.client.projects.addLabel();
      this.#takeLabels(answer);
      if (this.session !== null) this.session.editing.activeLabel = answer.value;
      return answer.value;
    } catch (error) {
      this.activities.fail(error);
      return undefined;
    }
  }

  /** Takes a label out of the list. Throws `conflict` with the sentence for the person where masks hold it. */
  async removeLabel(value: number, { signal, report }: ActivityContext): Promise<void> {
    await this.session?.journal.flush(); // the last stroke counts, too
    this.#takeLabels(await this.client.projects.removeLabel({ value }, { signal, onProgress: report }));
  }

  async restoreLabel(value: number): Promise<void> {
    try {
      this.#takeLabels(await this.client.projects.restoreLabel({ value }));
    } catch (error) {
      this.activities.fail(error);
    }
  }

  async countProblems(): Promise<void> {
    this.problemCount = this.project === null ? 0 : await this.client.problems.list({ limit: 1 }).then(({ total }) => total, () => 0);
  }

  /** A prediction is read again, since it leaves removed labels out. */
  #takeLabels({ labels, removedLabels }: Pick<Project, 'labels' | 'removedLabels'>): void {
    if (this.project !== null) this.project = { ...this.project, labels, removedLabels };
    const { session } = this;
    if (session === null) return;
    const values = (list: readonly Label[]): string => list.map(({ value }) => value).join();
    const wasRemoved = values(session.editing.removedLabels);
    session.editing.setLabels(labels, removedLabels);
    if (values(removedLabels) !== wasRemoved && session.prediction !== null) void session.loadPrediction().catch((error: unknown) => this.activities.fail(error));
  }

  async #enter(project: Project, moved: boolean): Promise<void> {
    if (this.project?.path !== project.path) {
      await this.closeCase();
      this.cases.clear();
      this.training.clear();
    }
    this.project = project;
    for (const { severity, message } of project.notices) this.activities.say(message, severity);
    this.workspace = 'cases';
    await Promise.all([this.cases.reload(), this.training.reload(), this.countProblems()]);
    const last = await this.memory.get('lastCase') as { readonly project?: unknown; readonly caseId?: unknown } | null;
    if (!moved && last?.project === project.path && typeof last.caseId === 'string') await this.openCase(last.caseId);
  }
}
