import type { JobQueue } from '#main/jobs/queue.ts';
import type { WatchedFolder } from '#main/exchange/watch/watchedFolder.ts';
import type { Project } from '#main/library/index.ts';
import type { Adoptions } from './results/adoptions.ts';
import type { ImageCache } from './imageCache.ts';
import type { Night } from './night.ts';
import type { OpenDocuments } from './openDocuments.ts';
import type { ProblemList } from './problemList.ts';

export interface Notice {
  readonly severity: 'info' | 'warning' | 'error';
  readonly message: string;
}

/** What is open together with a project. */
export interface ProjectSession {
  readonly project: Project;
  readonly images: ImageCache;
  readonly documents: OpenDocuments;
  readonly problems: ProblemList;
  readonly queue: JobQueue;
  readonly night: Night;
  readonly watched: WatchedFolder;
  readonly notices: readonly Notice[];
  /** Of the application, for what is the person's and not the project's. */
  readonly dataFolder: string;
  /** Calls back with each change of a job until the result is called. */
  readonly watch: Adoptions['watch'];
  /** Resolves when a finished job's result is in the library. */
  readonly adopted: (jobId: string) => Promise<void>;
  readonly settle: () => Promise<void>;
}
