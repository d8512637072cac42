import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { knownImage, newestOf, sameStates, type FileState, type ImageRecord } from '#shared/domain/image.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { changedFile, fileStates } from '#main/imageio/knownFiles.ts';
import { readImage, type ReadImage } from '#main/imageio/readImage.ts';
import { imageOfOtherScan } from './patientScans.ts';
import { imageOf, imagePaths, listImages, noteImageFiles, type Project } from '#main/library/index.ts';

/**
 * An image of a case, which is the one that was imported, whole, on the grid of the leading one and in its unit. Throws `changed` where its files hold
 * something else, `not-found` where they are not reachable or the case has no such image, and what `readImage` throws.
 */
export async function readCaseImage(
  project: Project,
  caseId: string,
  cancellation: Cancellation,
  imageId: string | null = null,
): Promise<ReadImage> {
  const leading = imageOf(project.read, caseId);
  const record = imageId === null || imageId === leading.id ? leading : imageIn(project, caseId, imageId);
  const paths = imagePaths(project.paths, record);
  const states = await fileStates(paths);
  const isAsStored = record === leading && record.scale.factor === 1;
  const onto = isAsStored ? {} : { onto: { grid: leading.grid, placement: record.placement, scale: record.scale } };
  const image = await readImage(paths, { cancellation, ...knownImage(record), ...onto });
  if (record.storedHash === null && !isAsCopied(record, image, states)) throw changedFile(paths, undefined, states);
  const watched = watchedStates(record, states);
  if (record.storedHash === null || (watched !== null && !(record.fileStates !== null && sameStates(watched, record.fileStates))))
    project.note((write) => noteImageFiles(write, record.id, { storedHash: image.contentHash, fileStates: watched }));
  return image;
}

/** One of its own, or the leading one of another scan of the patient. Throws `not-found`. */
export function imageIn(project: Project, caseId: string, imageId: string): ImageRecord {
  const record = listImages(project.read, caseId).find(({ id }) => id === imageId) ?? imageOfOtherScan(project, caseId, imageId);
  if (record === undefined) throw new StudioError('not-found', 'This case has no such image.', { detail: imageId });
  return record;
}

/** Throws as `readCaseImage`, of any image of the case. Files are read only where their sizes or times are not those that are known. */
export async function checkCaseImages(project: Project, caseId: string, cancellation: Cancellation): Promise<void> {
  imageOf(project.read, caseId);
  for (const record of listImages(project.read, caseId)) {
    const states = await fileStates(imagePaths(project.paths, record));
    if (record.storedHash !== null && record.fileStates !== null && sameStates(states, record.fileStates)) continue;
    await readCaseImage(project, caseId, cancellation, record.id);
  }
}

/** Null where the voxels lie in a file that the record does not name. */
export function watchedStates(
  { storage, paths }: Pick<ImageRecord, 'storage' | 'paths'>,
  states: readonly FileState[],
): readonly FileState[] | null {
  return storage === 'reference' && paths.some((path) => detached.test(path)) ? null : states;
}

/** A header with its voxels in another file. */
export const detached = /\.(hdr|img|mhd|nhdr)$/i;

/** Of a copy that an earlier version made without noting its hash: nobody has written to it since. */
function isAsCopied(record: ImageRecord, image: ReadImage, states: readonly FileState[]): boolean {
  return image.contentHash === record.contentHash || (sameGrid(image.volume.grid, record.grid) && newestOf(states) <= record.addedAt);
}
