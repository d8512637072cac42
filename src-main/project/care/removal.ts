/** Removing cases for good: shown first, then all or nothing, also where the program ends in the middle. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { Case } from '#shared/domain/case.ts';
import { forgetPseudonyms } from '#main/exchange/pseudonymFile.ts';
import { syncFolderSync } from '#main/files/durable.ts';
import { addedSizes, folderSize, type FolderSize } from '#main/files/folderSize.ts';
import { forgetInJob, jobFolders, jobMentions } from '#main/jobs/forgetCases.ts';
import { readJobFile } from '#main/jobs/jobFolder.ts';
import {
  everyCase,
  finishRemovals,
  forgetCleanedNames,
  getCase,
  listImages,
  listJobs,
  listMaskRevisions,
  listModels,
  removeCaseRows,
  saveJob,
  unfinishedRemovals,
  type Cleaning,
  type Project,
} from '#main/library/index.ts';
import { backboneHasSeen, forgetScans } from '#main/training/pretrained/forgetScans.ts';
import { readPointing } from '../pointing/versions.ts';
import { pretrainedFolder } from '../improvement.ts';
import type { ProblemList } from '../problemList.ts';
import type { ProjectSession } from '../session.ts';

export interface RemovalPlan {
  readonly cases: readonly { readonly caseId: string; readonly name: string }[];
  /** Further cases of the same patients, which stay. */
  readonly others: readonly { readonly caseId: string; readonly name: string }[];
  readonly copies: FolderSize;
  /** Files outside the project that cases are read from: they are not touched. */
  readonly referencedFiles: number;
  readonly revisions: number;
  /** Masks, journals, predictions, thumbnails. */
  readonly caseFiles: FolderSize;
  /** Jobs that lose what they have prepared of the cases. */
  readonly jobs: number;
  readonly backups: FolderSize;
  /** Models that learned from one of them, also by way of a model that they began from. They stay as they are. */
  readonly learnedModels: readonly { readonly id: string; readonly name: string; readonly inUse: boolean }[];
  /** The backbone that is pre-trained on scans without labels has seen one of them: it goes, too. */
  readonly backbone: boolean;
}

/** What removing cases would do; changes nothing. `patients`: with all cases of the same patients. Throws `not-found`. */
export async function planRemoval(project: Project, caseIds: readonly string[], patients: boolean): Promise<RemovalPlan> {
  const asked = [...new Set(caseIds)].map((id) => getCase(project.read, id));
  const keys = new Set(asked.flatMap(({ patientKey }) => (patientKey === null ? [] : [patientKey])));
  const ofPatients = everyCase(project.read).filter(
    ({ id, patientKey }) => patientKey !== null && keys.has(patientKey) && !asked.some((each) => each.id === id),
  );
  const cases = patients ? [...asked, ...ofPatients] : asked;
  const ids = cases.map(({ id }) => id);
  const images = listImages(project.read).filter(({ caseId }) => ids.includes(caseId));
  const folders = images.filter(({ storage }) => storage === 'copy').flatMap(({ paths }) => foldersOf(paths));
  const jobs = await Promise.all((await jobFolders(join(project.paths.folder, 'jobs'))).map((folder) => jobMentions(folder, ids)));
  return {
    cases: cases.map(named),
    others: patients ? [] : ofPatients.map(named),
    copies: addedSizes(await Promise.all(folders.map((folder) => folderSize(project.paths.inside(folder))))),
    referencedFiles: images.filter(({ storage }) => storage === 'reference').reduce((sum, { paths }) => sum + paths.length, 0),
    revisions: ids.reduce((sum, id) => sum + listMaskRevisions(project.read, id).length, 0),
    caseFiles: addedSizes(await Promise.all(ids.map((id) => folderSize(project.paths.case(id))))),
    jobs: jobs.filter(Boolean).length,
    backups: addedSizes([await folderSize(project.paths.backups), await folderSize(project.paths.damaged)]),
    learnedModels: await modelsThatLearned(project, ids),
    backbone: backboneHasSeen(pretrainedFolder(project), ids),
  };
}

/**
 * Removes what the plan of the same request shows. Once the library has let go of the cases they are gone, and what is left on the disk goes
 * then or at the next opening. Throws `not-found`, and `conflict` while a job is under way.
 */
export async function removeCases(
  session: Pick<ProjectSession, 'project' | 'documents' | 'images' | 'problems' | 'queue' | 'settle' | 'dataFolder'>,
  caseIds: readonly string[],
  patients: boolean,
): Promise<RemovalPlan> {
  const { project } = session;
  const running = session.queue.list(1000).find(({ state }) => state === 'running');
  if (running !== undefined)
    throw new StudioError(
      'conflict',
      `“${running.title}” is under way and may be reading the case. Wait for it, or pause or cancel it first.`,
    );
  await session.settle();
  project.requireFolder();
  const plan = await planRemoval(project, caseIds, patients);
  for (const { caseId } of plan.cases) {
    await session.documents.discard(caseId);
    session.images.release(caseId);
  }
  removeCaseRows(
    project.write,
    plan.cases.map(({ caseId, name }) => ({ caseId, cleaning: cleaningOf(project, caseId, name) })),
    {
      message: `${plan.cases.length === 1 ? 'A case was' : `${String(plan.cases.length)} cases were`} removed for good.`,
      learnedModels: plan.learnedModels.map(({ id }) => id),
    },
  );
  await finishRemoval(project, session.problems, session.dataFolder);
  return plan;
}

/** Takes from the disk what removed cases have left there. To be called before anything else of the project is used; does nothing twice. */
export async function finishRemoval(project: Project, problems: ProblemList, dataFolder: string): Promise<void> {
  const removals = unfinishedRemovals(project.read);
  if (removals.length === 0) return;
  const ids = removals.map(({ caseId }) => caseId);
  const names = removals.flatMap(({ cleaning }) => cleaning.names);
  const used = new Set(listImages(project.read).flatMap(({ paths }) => foldersOf(paths)));
  for (const { caseId, cleaning } of removals) {
    await rm(project.paths.case(caseId), { recursive: true, force: true });
    for (const folder of cleaning.imageFolders)
      if (!used.has(folder)) await rm(project.paths.inside(folder), { recursive: true, force: true });
  }
  for (const folder of [project.paths.images, join(project.paths.folder, 'cases')]) if (existsSync(folder)) syncFolderSync(folder);
  for (const folder of await jobFolders(join(project.paths.folder, 'jobs'))) {
    const named = await jobMentions(folder, ids);
    await forgetInJob(folder, { ids, names });
    const job = named ? listJobs(project.read, 10_000).find(({ id }) => id === basename(folder)) : undefined;
    if (job?.canResume === true) saveJob(project.write, { ...job, canResume: false });
  }
  if (existsSync(pretrainedFolder(project))) await forgetScans(pretrainedFolder(project), ids);
  await problems.forget(
    ({ caseId, subject, message }) =>
      (caseId !== null && ids.includes(caseId)) ||
      names.some((name) => subject === name || basename(subject) === name || message.includes(`“${name}”`)),
  );
  await forgetPseudonyms(dataFolder, project, ids);
  forgetCleanedNames(project.write, ids);
  project.forgetDeleted();
  finishRemovals(project.write, ids);
}

const named = ({ id, name }: Case): { caseId: string; name: string } => ({ caseId: id, name });

/** The folders that copies lie in, relative to the project. */
const foldersOf = (paths: readonly string[]): string[] => [
  ...new Set(paths.map((path) => dirname(path)).filter((folder) => folder.startsWith('images/'))),
];

function cleaningOf(project: Project, caseId: string, name: string): Cleaning {
  const images = listImages(project.read, caseId);
  const copies = images.filter(({ storage }) => storage === 'copy');
  const referenced = images.filter(({ storage }) => storage === 'reference').flatMap(({ paths }) => paths.slice(0, 20));
  return {
    imageFolders: copies.flatMap(({ paths }) => foldersOf(paths)),
    names: [...new Set([name, ...referenced.map((path) => basename(path))])],
  };
}

const learned = v.object({
  cases: v.array(v.object({ id: v.string(), heldOut: v.boolean() })),
  current: v.nullish(v.object({ modelId: v.string() })),
});

/** Models of the project that were trained, or pre-trained, with one of the cases, or began from one that was. */
async function modelsThatLearned(project: Project, caseIds: readonly string[]): Promise<RemovalPlan['learnedModels']> {
  const from = new Map<string, { readonly direct: boolean; readonly parent: string | undefined }>();
  const { versions, inUse } = readPointing(project);
  const pointing = versions.map(({ id, jobId, createdAt }) => ({
    id,
    jobId,
    name: `Pointing, ${createdAt.slice(0, 10)}`,
    promoted: id === inUse,
  }));
  const models = [...listModels(project.read), ...pointing];
  for (const { id, jobId } of models) {
    if (jobId === null) continue;
    const config = v.safeParse(learned, (await readJobFile(project.paths.job(jobId)).catch(() => null))?.config);
    if (!config.success) continue;
    const direct = config.output.cases.some((each) => !each.heldOut && caseIds.includes(each.id));
    from.set(id, { direct, parent: config.output.current?.modelId });
  }
  const hasLearned = (id: string | undefined, seen: readonly string[] = []): boolean => {
    const found = id === undefined || seen.includes(id) ? undefined : from.get(id);
    return found !== undefined && (found.direct || hasLearned(found.parent, [...seen, id ?? '']));
  };
  return models.filter(({ id }) => hasLearned(id)).map(({ id, name, promoted }) => ({ id, name, inUse: promoted }));
}
