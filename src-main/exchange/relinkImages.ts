import { dirname, join, sep } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { knownImage, type ImageRecord } from '#shared/domain/image.ts';
import { fileStates } from '#main/imageio/knownFiles.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { listImages, moveImage, type Project } from '#main/library/index.ts';
import { watchedStates } from './caseImages.ts';

export interface RelinkResult {
  readonly relinked: string[];
  /** What does not lie at the new place, or is something else there; its case stays as it was. */
  readonly skipped: { readonly path: string; readonly code: WireError['code']; readonly message: string }[];
}

/**
 * Referenced images that lay in the folder `from` (or were that very file) are read from `to` from now on, each only once what lies there was
 * read and is what was imported. Throws `not-found` where none lay in `from`, and `cancelled`; what was relinked until then stays so.
 */
export async function relinkImages(
  project: Project,
  from: string,
  to: string,
  { cancellation, report }: { readonly cancellation: Cancellation; readonly report: ReportProgress },
): Promise<RelinkResult> {
  const moved = referencedImages(project).flatMap((image) => {
    const paths = image.paths.map((path) => movedPath(path, from, to));
    return paths.every((path) => path !== null) ? [{ image, paths }] : [];
  });
  if (moved.length === 0)
    throw new StudioError('not-found', `No image of this project was left in ${from}. ${whereTheyLie(referencedImages(project))}`);
  const result: RelinkResult = { relinked: [], skipped: [] };
  for (const [n, { image, paths }] of moved.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Comparing images', detail: `${String(n + 1)} of ${String(moved.length)}`, fraction: n / moved.length });
    try {
      const states = await fileStates(paths);
      await readImage(paths, { cancellation, ...knownImage(image) });
      moveImage(project.write, image, paths, watchedStates({ storage: 'reference', paths }, states));
      result.relinked.push(image.caseId);
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'cancelled' || code === 'disk-full') throw error;
      result.skipped.push({ path: paths[0] ?? to, code, message });
    }
  }
  return result;
}

export interface ReferencedImages {
  /** How many images are left where they were found. */
  readonly images: number;
  /** How many of them are not there now. */
  readonly missing: number;
  /** The folder that holds the missing ones, else all of them; null where there are none. */
  readonly folder: string | null;
}

/** What a project refers to outside its own folder. */
export async function describeReferenced(project: Project): Promise<ReferencedImages> {
  const images = referencedImages(project);
  const missing: ImageRecord[] = [];
  for (const image of images)
    await fileStates(image.paths).catch(() => {
      missing.push(image);
    });
  return { images: images.length, missing: missing.length, folder: commonFolder(missing.length > 0 ? missing : images) };
}

function referencedImages({ read }: Project): ImageRecord[] {
  return listImages(read).filter(({ storage }) => storage === 'reference');
}

/** Where a path below `from`, or `from` itself, lies now; null for any other. Either may end with a separator. */
export function movedPath(path: string, from: string, to: string): string | null {
  const base = from.length > 1 ? from.replace(/[\\/]+$/, '') : from;
  if (path === base) return to;
  const rest = path.startsWith(base) ? path.slice(base.length) : '';
  if (!/^[\\/]/.test(rest) && !/[\\/]$/.test(base)) return null;
  return rest === '' ? null : join(to, ...rest.split(/[\\/]/).filter((part) => part !== ''));
}

function commonFolder(images: readonly ImageRecord[]): string | null {
  const folders = images.flatMap(({ paths }) => paths.map((path) => dirname(path).split(sep)));
  const [first] = folders;
  if (first === undefined) return null;
  const length = first.findIndex((part, n) => folders.some((folder) => folder[n] !== part));
  const common = (length < 0 ? first : first.slice(0, length)).join(sep);
  return common === '' ? sep : common;
}

function whereTheyLie(images: readonly ImageRecord[]): string {
  const folder = commonFolder(images);
  return folder === null ? 'All its images are copies of its own.' : `Those that it refers to lie in ${folder}.`;
}
