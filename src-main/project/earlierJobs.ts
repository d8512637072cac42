import * as v from 'valibot';
import { withMovedPaths } from '#main/files/portablePaths.ts';
import { createJobFolder, readJobFile } from '#main/jobs/jobFolder.ts';
import { readSubmission } from '#main/jobs/submit/submission.ts';
import { listJobs, type Project } from '#main/library/index.ts';

const mostJobs = 1000;

/**
 * Jobs that an earlier version left unfinished name files by absolute paths. They are written again, relative to the project, and lead
 * to where the project lies now should it have been moved since. To be called before any of them starts.
 */
export async function bringJobsHome(project: Project): Promise<void> {
  const { folder: home } = project.paths;
  for (const { id, state } of listJobs(project.read, mostJobs)) {
    const folder = project.paths.job(id);
    if (state === 'done' || readSubmission(folder) !== undefined) continue;
    const job = await readJobFile(folder).catch(() => undefined); // missing or damaged: said when it is resumed
    if (job === undefined || job.home !== folder) continue;
    const before = earlierHome(job.config);
    await createJobFolder(folder, before === undefined ? job : { ...job, config: withMovedPaths(job.config, before, home) }, home);
  }
}

const places = v.object({ learnedFolder: v.nullish(v.string()), model: v.nullish(v.string()) });

/** The project's folder when the job was submitted, by the places in it that every kind of job names. */
function earlierHome(config: unknown): string | undefined {
  const named = v.safeParse(places, config);
  const place = named.success ? (named.output.learnedFolder ?? named.output.model ?? '') : '';
  return /^(.+)[\\/](?:learned|models[\\/][^\\/]+)$/.exec(place)?.[1];
}
