import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { Publish } from '#shared/contract/contract.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { ComputeOptions } from '#main/jobs/computeProcess.ts';
import { JobQueue } from '#main/jobs/queue.ts';
import { countByStatus, createProject, openProject, openProjectReadOnly, promotedModel, type Project } from '#main/library/index.ts';
import { Adoptions } from './results/adoptions.ts';
import type { DeviceList } from './deviceList.ts';
import { bringJobsHome } from './earlierJobs.ts';
import { finishEverywhere } from './care/everywhere.ts';
import { ImageCache } from './imageCache.ts';
import { startImprovement, startRanking } from './improvement.ts';
import { labelLists } from './labelChanges.ts';
import { libraryJobStore } from './jobStore.ts';
import type { Log } from '#shared/base/log.ts';
import { describeNight, Night } from './night.ts';
import { OpenDocuments } from './openDocuments.ts';
import { startPointing } from './pointing/improvePointing.ts';
import { lessonsOf } from './pointing/lessons.ts';
import { ProblemList } from './problemList.ts';
import { promptNetwork } from './promptNetwork.ts';
import { finishRemoval } from './care/removal.ts';
import { readingSession } from './readingSession.ts';
import type { RecentProjects } from './recentProjects.ts';
import type { Notice, ProjectSession } from './session.ts';
import { toArrival, WatchedFolder } from '#main/exchange/watch/watchedFolder.ts';
import type { SettingsKeeper } from './settingsKeeper.ts';

const recentJobs = 100;

export interface WorkbenchOptions {
  readonly publish: Publish;
  readonly log: Log;
  readonly settings: SettingsKeeper;
  readonly devices: Pick<DeviceList, 'chosen'>;
  /** Where opened projects are remembered; left out, they are not. */
  readonly recent?: RecentProjects;
  /** False leaves waiting jobs alone: a command that only imports does not begin to train. */
  readonly runsJobs?: boolean;
  readonly compute?: ComputeOptions;
  /** Whether models are improved by themselves, as projects plan it: a command that opens a project for a moment does not begin to. */
  readonly nights?: boolean;
}

/** Holds the one open project. */
export class Workbench {
  readonly #options: WorkbenchOptions;
  #session: ProjectSession | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #countsTimer: NodeJS.Timeout | null = null;

  constructor(options: WorkbenchOptions) {
    this.#options = options;
  }

  get current(): ProjectSession | null {
    return this.#session;
  }

  /** The open project; `conflict` where none is. */
  require(): ProjectSession {
    if (this.#session === null) throw new StudioError('conflict', 'No project is open. Open one, or make a new one.');
    return this.#session;
  }

  create(folder: string, name: string, labelSet: LabelSet): Promise<ProjectSession> {
    return this.#exclusively(async () => {
      const session = await this.#begin(() => createProject(resolve(folder), { name, labelSet, author: this.#author }));
      // What a double click in the file manager opens the project by.
      await writeFile(join(session.project.paths.folder, 'Open.logonet'), '');
      return session;
    });
  }

  open(folder: string): Promise<ProjectSession> {
    return this.#exclusively(async () => {
      const { project } = this.#session ?? {};
      if (this.#session !== null && project?.paths.folder === resolve(folder) && project.readOnly === null) return this.#session;
      return this.#begin(() => openProject(resolve(folder), { author: this.#author }));
    });
  }

  /** Opens a project for reading alone, as it is now, whoever has it open; also one that is open here for reading already. */
  openReadOnly(folder: string): Promise<ProjectSession> {
    return this.#exclusively(async () => {
      const project = openProjectReadOnly(resolve(folder));
      await this.#end();
      return this.#enter(readingSession(project, this.#options.settings.folder));
    });
  }

  close(): Promise<void> {
    return this.#exclusively(async () => {
      try {
        await this.#end();
      } finally {
        this.#options.publish('projects.changed', { project: null });
      }
    });
  }

  /** What the contract says of the open project. */
  describe({ project, notices }: ProjectSession) {
    return {
      path: project.paths.folder,
      name: project.info.name,
      createdAt: project.info.createdAt,
      ...labelLists(project),
      readOnly: project.readOnly,
      counts: countByStatus(project.read),
      notices,
    };
  }

  /** Tells the windows that cases changed; the project's counts follow soon, once for many. */
  casesChanged(caseIds: readonly string[] | null): void {
    this.#options.publish('library.changed', { caseIds: caseIds !== null && caseIds.length > 1000 ? null : caseIds });
    this.#countsTimer ??= setTimeout(() => {
      this.#countsTimer = null;
      try {
        this.projectChanged();
      } catch (error) {
        this.#options.log.error('counts', error); // The disk went away: whoever asks next is told.
      }
    }, 200);
  }

  projectChanged(): void {
    if (this.#session !== null) this.#options.publish('projects.changed', { project: this.describe(this.#session) });
  }

  /** What to compute on: the person's choice. */
  get device(): string {
    return this.#options.devices.chosen;
  }

  get #author(): string {
    return this.#options.settings.current.annotator;
  }

  async #begin(openIt: () => Project): Promise<ProjectSession> {
    // First the new one: should it refuse to open, the old one stays.
    const project = openIt();
    await this.#end();
    const { publish, log, settings, runsJobs = true, nights = false, compute } = this.#options;
    let inUse = promotedModel(project.read)?.id;
    const problems = new ProblemList(project.paths.folder, () => {
      publish('problems.changed', {});
    });
    // What a program that ended has left half done, before anything is read; tried again at the next opening.
    await finishRemoval(project, problems, settings.folder).catch((error: unknown) => {
      log.error('removal', error);
    });
    await finishEverywhere(project).catch((error: unknown) => {
      log.error('edit everywhere', error);
    });
    const adoptions = new Adoptions(
      project,
      {
        predicted: (caseId, modelId) => {
          publish('predictions.added', { caseId, modelId });
        },
        modelsChanged: async () => {
          publish('models.changed', {});
          const now = promotedModel(project.read)?.id;
          // The first model is in use at once: from here on there is something to choose the next case by.
          const first = runsJobs && inUse === undefined && now !== undefined;
          inUse = now;
          if (first)
            await startRanking(session, this.device).catch((error: unknown) => {
              log.error('rank', error);
            });
        },
        pointingChanged: () => {
          publish('prompts.changed', {});
        },
        casesChanged: (caseIds) => {
          this.casesChanged(caseIds);
        },
        problem: (subject, message, caseId = null) => problems.add([{ severity: 'warning', subject, message, caseId }]),
      },
      log,
    );
    const queue = new JobQueue({
      store: libraryJobStore(project),
      folder: (jobId) => project.paths.job(jobId),
      home: project.paths.folder,
      ...(compute && { compute }),
      events: {
        changed: (job) => {
          publish('jobs.changed', { job });
          adoptions.jobChanged(job);
        },
        point: (jobId, point) => {
          publish('jobs.point', { jobId, point });
        },
        alarm: (jobId, alarm) => {
          publish('jobs.alarm', { jobId, alarm });
        },
        compute: (event) => {
          log.write('compute', { state: event.state, jobs: event.jobIds.length });
          publish('jobs.compute', event);
        },
      },
    });
    if (runsJobs)
      await bringJobsHome(project).catch((error: unknown) => {
        log.error('earlier jobs', error);
      });
    const interrupted = runsJobs ? queue.recover() : [];
    const notices: Notice[] = [
      ...(project.repair === null ? [] : [{ severity: 'warning' as const, message: project.repair.sentence }]),
      ...interrupted.map((job) => ({
        severity: 'warning' as const,
        message: `“${job.title}” was interrupted when the program ended.${job.canResume ? ' It can go on from its last checkpoint: see Train.' : ''}`,
      })),
    ];
    const night = new Night({
      project,
      queue,
      begin: (minutes) => startImprovement(session, { minutes, device: this.device, memoryBytes: settings.current.memoryBytes }),
      pointing: {
        answers: async () => lessonsOf(project).length > 0 || (await promptNetwork(settings.folder, project)) !== null,
        begin: (minutes) => startPointing(session, { budget: { minutes }, device: this.device }),
      },
      adopted: (jobId) => adoptions.wait(jobId),
      changed: () => {
        publish('jobs.night', describeNight(night));
      },
      log,
      ...(!nights && { everyMs: 0 }),
    });
    const session: ProjectSession = {
      project,
      images: new ImageCache(project),
      documents: new OpenDocuments(project, {
        sessionEnded: (caseId, ended) => {
          publish('document.sessionEnded', { caseId, ...ended });
        },
        caseChanged: (caseId) => {
          this.casesChanged([caseId]);
        },
      }),
      problems,
      queue,
      night,
      watched: new WatchedFolder(project.paths.folder, (arrival) => {
        publish('library.arrived', { arrived: arrival === null ? null : toArrival(arrival) });
      }),
      notices,
      dataFolder: settings.folder,
      watch: (jobId, watcher) => adoptions.watch(jobId, watcher),
      adopted: (jobId) => adoptions.wait(jobId),
      settle: () => adoptions.settle(),
    };
    // What had finished before a crash but was not taken over.
    for (const job of queue.list(recentJobs)) if (job.state === 'done') adoptions.jobChanged(job);
    await this.#enter(session);
    if (nights) await night.look(); // What was missed is said at once.
    return session;
  }

  async #enter(session: ProjectSession): Promise<ProjectSession> {
    const { recent, publish } = this.#options;
    const { paths, info } = session.project;
    this.#session = session;
    await recent?.add(paths.folder, info.name);
    publish('projects.changed', { project: this.describe(session) });
    return session;
  }

  /** Masks first, since they are what cannot be made again. */
  async #end(): Promise<void> {
    const session = this.#session;
    if (session === null) return;
    this.#session = null;
    if (this.#countsTimer !== null) clearTimeout(this.#countsTimer);
    this.#countsTimer = null;
    session.watched.close();
    await session.night.close();
    try {
      await session.documents.closeAll();
    } finally {
      try {
        await session.queue.close();
        await session.settle();
      } finally {
        session.project.close();
      }
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
