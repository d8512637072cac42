import { constants } from 'node:fs';
import { copyFile, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { imageEnding } from '#main/imageio/endings.ts';
import type { ReadImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { fileError } from '#main/files/fileError.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { syncFolder } from '#main/files/atomicFile.ts';
import { detached } from './caseImages.ts';
import type { Project } from '#main/library/index.ts';

/**
 * Copies an image's files into the project (or, where it is one volume of several in them, that alone) under names of its own, so that no
 * file name tells a patient's. Complete and on disk when it resolves with their paths relative to the project, else nothing of it is there.
 * Throws `not-found` where the project has gone, `disk-full`, `io`.
 */
export async function keepImage(project: Project, sources: readonly string[], image: ReadImage, asOneVolume = false): Promise<string[]> {
  const final = join(project.paths.images, image.contentHash.slice(0, 32));
  const incoming = `${final}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  makeFolderBelow(project.paths.folder, incoming);
  try {
    const names = await fill(incoming, sources, image, asOneVolume);
    await syncFolder(incoming);
    await rm(final, { recursive: true, force: true }); // of an import that did not get to its end
    await rename(incoming, final);
    await syncFolder(project.paths.images);
    return names.map((name) => project.paths.relative(join(final, name)));
  } catch (error) {
    await rm(incoming, { recursive: true, force: true });
    throw fileError(error, final);
  }
}

async function fill(folder: string, sources: readonly string[], image: ReadImage, asOneVolume: boolean): Promise<string[]> {
  const [first = ''] = sources;
  // Kept as one NIfTI file, so that no name inside has to be right.
  if (asOneVolume || (sources.length === 1 && detached.test(first))) {
    await writeVolume(join(folder, 'image.nii.gz'), image.volume);
    return ['image.nii.gz'];
  }
  const names = keptNames(sources, image.format);
  for (const [index, source] of sources.entries()) {
    const path = join(folder, names[index] ?? '');
    await copyFile(source, path, constants.COPYFILE_FICLONE);
    const copy = await open(path, 'r+');
    await copy.sync().finally(() => copy.close());
  }
  return names;
}

/** What the files of an image are called inside a project: nothing that would tell a patient's name. */
export function keptNames(sources: readonly string[], format: string): string[] {
  return sources.map((source, index) =>
    sources.length === 1 ? `image${endingOf(source, format)}` : `${String(index + 1).padStart(5, '0')}${endingOf(source, format)}`,
  );
}

function endingOf(path: string, format: string): string {
  if (format === 'dicom') return '.dcm';
  return imageEnding(path) ?? (format === 'nrrd' ? '.nrrd' : format === 'metaimage' ? '.mha' : '.nii');
}
