import { StudioError } from '#shared/base/errors.ts';
import { silentLog } from '#shared/base/log.ts';
import { JobQueue } from '#main/jobs/queue.ts';
import type { Project } from '#main/library/index.ts';
import { WatchedFolder } from '#main/exchange/watch/watchedFolder.ts';
import { ImageCache } from './imageCache.ts';
import { libraryJobStore } from './jobStore.ts';
import { Night } from './night.ts';
import { OpenDocuments } from './openDocuments.ts';
import { ProblemList } from './problemList.ts';
import type { ProjectSession } from './session.ts';

const ignore = (): void => undefined;

/** What is open together with a project that is open for reading alone: nothing in it runs, is watched, brought home or tidied. */
export function readingSession(project: Project, dataFolder: string): ProjectSession {
  const { folder } = project.paths;
  const adopted = (): Promise<void> => Promise.resolve();
  const queue = new JobQueue({
    store: libraryJobStore(project),
    folder: (jobId) => project.paths.job(jobId),
    home: folder,
    events: { changed: ignore, point: ignore, alarm: ignore, compute: ignore },
  });
  const begin = (): Promise<string> => Promise.reject(new StudioError('conflict', project.readOnly ?? ''));
  return {
    project,
    dataFolder,
    images: new ImageCache(project),
    documents: new OpenDocuments(project, { sessionEnded: ignore, caseChanged: ignore }),
    problems: new ProblemList(folder, ignore, { keeps: false }),
    queue,
    night: new Night({
      project,
      queue,
      begin,
      pointing: { answers: () => Promise.resolve(false), begin },
      adopted,
      changed: ignore,
      log: silentLog,
      everyMs: 0,
    }),
    watched: new WatchedFolder(folder, ignore, undefined, { looks: false }),
    notices: [],
    watch: () => ignore,
    adopted,
    settle: () => Promise.resolve(),
  };
}
