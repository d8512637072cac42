/** What a project takes on the disk, by kind, and what of it can be cleaned without losing work. */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { diskKinds, type DiskKind } from '#shared/domain/diskKind.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { folderSize, type FolderSize } from '#main/files/folderSize.ts';
import { freeBytes } from '#main/files/freeSpace.ts';
import { unfinishedName } from '#main/files/atomicFile.ts';
import { checkpointFolder, outFolder } from '#main/jobs/jobFolder.ts';
import {
  dropReplacedPredictions,
  everyCase,
  getJob,
  listImages,
  listMaskRevisions,
  replacedPredictions,
  type Project,
} from '#main/library/index.ts';
import { pretrainedFolder } from '../improvement.ts';
import type { ProjectSession } from '../session.ts';

export const cleanableKinds = ['predictions', 'prepared', 'jobs', 'damaged', 'leftovers'] as const;
export type CleanableKind = (typeof cleanableKinds)[number];

export interface DiskUsage {
  readonly kinds: readonly ({ readonly kind: DiskKind } & FolderSize)[];
  readonly cleanable: readonly ({ readonly kind: CleanableKind } & FolderSize)[];
  readonly freeBytes: number | null;
}

/** Measures every file of the project once. */
export async function diskUsage(project: Project): Promise<DiskUsage> {
  const totals = new Map<DiskKind, { files: number; bytes: number }>(diskKinds.map((kind) => [kind, { files: 0, bytes: 0 }]));
  for (const path of await filesBelow(project.paths.folder)) {
    const total = totals.get(kindOf(relative(project.paths.folder, path).split(sep)));
    if (total === undefined) continue;
    total.files++;
    total.bytes += (await folderSize(path)).bytes;
  }
  const cleanable = await Promise.all(
    cleanableKinds.map(async (kind) => ({ kind, ...(await sizeOf(await cleanablePaths(project, kind))) })),
  );
  return {
    kinds: diskKinds.map((kind) => ({ kind, files: 0, bytes: 0, ...totals.get(kind) })),
    cleanable,
    freeBytes: await freeBytes(project.paths.folder),
  };
}

/**
 * Removes what can be made again or is of no use: predictions that newer ones have replaced, scans prepared for training, what finished jobs have
 * left, libraries that were put aside as damaged, and files that nothing names. Resolves with what was freed. Throws `conflict` while a job runs.
 */
export async function cleanDisk(
  { project, queue, settle }: Pick<ProjectSession, 'project' | 'queue' | 'settle'>,
  kinds: readonly CleanableKind[],
): Promise<FolderSize> {
  const running = queue.list(1000).find(({ state }) => state === 'running');
  if (running !== undefined)
    throw new StudioError(
      'conflict',
      `“${running.title}” is under way and may be using these files. Wait for it, or pause or cancel it first.`,
    );
  await settle();
  let freed: FolderSize = { files: 0, bytes: 0 };
  for (const kind of new Set(kinds)) {
    const paths = await cleanablePaths(project, kind);
    const { files, bytes } = await sizeOf(paths);
    freed = { files: freed.files + files, bytes: freed.bytes + bytes };
    // First the library, so that it never names what is gone.
    if (kind === 'predictions') dropReplacedPredictions(project.write);
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }
  return freed;
}

function kindOf([first = '', , third = '']: readonly string[]): DiskKind {
  if (first === 'cases') return third === 'predictions' ? 'predictions' : 'masks';
  if (first === 'learned') return 'prepared';
  if (first === 'prompts') return 'models';
  if (first.startsWith('library.')) return 'library';
  const same = (['images', 'models', 'jobs', 'backups', 'damaged', 'exports'] as const).find((kind) => kind === first);
  return same ?? 'other';
}

async function sizeOf(paths: readonly string[]): Promise<FolderSize> {
  let [files, bytes] = [0, 0];
  for (const path of paths) {
    const size = await folderSize(path);
    files += size.files;
    bytes += size.bytes;
  }
  return { files, bytes };
}

async function cleanablePaths(project: Project, kind: CleanableKind): Promise<string[]> {
  const { paths } = project;
  switch (kind) {
    case 'predictions':
      return replacedPredictions(project.read).flatMap(({ path, uncertaintyPath }) => [
        paths.inside(path),
        paths.inside(path.replace(/\.mask$/, '.json')),
        ...(uncertaintyPath === null ? [] : [paths.inside(uncertaintyPath)]),
      ]);
    case 'prepared':
      return (await namesIn(pretrainedFolder(project)))
        .filter((name) => name === 'cases')
        .map((name) => join(pretrainedFolder(project), name));
    case 'jobs': {
      const ids = await namesIn(join(paths.folder, 'jobs'));
      return ids.flatMap((id) => {
        const job = getJob(project.read, id);
        const folder = join(paths.folder, 'jobs', id);
        return job === undefined ? [folder] : job.state === 'done' ? [checkpointFolder(folder), outFolder(folder)] : [];
      });
    }
    case 'damaged':
      return [paths.damaged];
    case 'leftovers':
      return leftovers(project);
  }
}

/** Files that a crash has left, and what no case of the library names. */
async function leftovers({ paths, read }: Project): Promise<string[]> {
  const used = new Set(listImages(read).flatMap((image) => image.paths.map((path) => dirname(path))));
  const cases = new Set(everyCase(read).map(({ id }) => id));
  const images = (await namesIn(paths.images)).filter((name) => !used.has(`images/${name}`)).map((name) => join(paths.images, name));
  const found = [...images];
  for (const id of await namesIn(join(paths.folder, 'cases'))) {
    const folder = join(paths.folder, 'cases', id);
    if (!cases.has(id)) {
      found.push(folder);
      continue;
    }
    const named = new Set(listMaskRevisions(read, id).map(({ path }) => basename(path)));
    for (const name of await namesIn(join(folder, 'revisions'))) if (!named.has(name)) found.push(join(folder, 'revisions', name));
  }
  const inImages = new Set(images);
  for (const path of await filesBelow(paths.folder))
    if (unfinishedName.test(basename(path)) && !found.includes(path) && ![...inImages].some((folder) => path.startsWith(folder + sep)))
      found.push(path);
  return found;
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
