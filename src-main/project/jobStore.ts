import type { JobStore } from '#main/jobs/store.ts';
import { getJob, listJobs, saveJob, unfinishedJobs, type Project } from '#main/library/index.ts';

/** The queue's memory in the project's library. */
export function libraryJobStore(project: Project): JobStore {
  return {
    save: (job) => {
      saveJob(project.write, job);
    },
    get: (id) => getJob(project.write, id),
    list: (limit) => listJobs(project.write, limit),
    unfinished: () => unfinishedJobs(project.write),
  };
}
