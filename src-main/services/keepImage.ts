import { constants } from 'node:fs';
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { ReadImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { syncFolder } from '#main/files/durable.ts';
import type { Project } from '#main/library/index.ts';

/** A header with its voxels in another file: kept as one NIfTI file, so that no name inside has to be right. */
const detached = /\.(hdr|img|mhd|nhdr)$/i;

/**
 * Copies an image's files into the project under names of its own, so that no file name tells a patient's. Complete and on disk when it
 * resolves with their paths relative to the project, else nothing of it is there. Throws `disk-full`, `io`.
 */
export async function keepImage(project: Project, sources: readonly string[], image: ReadImage): Promise<string[]> {
  const final = join(project.paths.images, image.contentHash.slice(0, 32));
  const incoming = `${final}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  try {
    const names = await fill(incoming, sources, image);
    await syncFolder(incoming);
    await rm(final, { recursive: true, force: true }); // of an import that did not get to its end
    await rename(incoming, final);
    await syncFolder(project.paths.images);
    return names.map((name) => project.paths.relative(join(final, name)));
  } catch (error) {
    await rm(incoming, { recursive: true, force: true });
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
      throw new StudioError('disk-full', 'The disk is full: the image was not copied. Free some space and import again.', { cause: error });
    }
    throw error;
  }
}

async function fill(folder: string, sources: readonly string[], image: ReadImage): Promise<string[]> {
  const [first = ''] = sources;
  if (sources.length === 1 && detached.test(first)) {
    await writeVolume(join(folder, 'image.nii.gz'), image.volume);
    return ['image.nii.gz'];
  }
  const names: string[] = [];
  for (const [index, source] of sources.entries()) {
    const name = sources.length === 1 ? `image${endingOf(source, image)}` : `${String(index + 1).padStart(5, '0')}${endingOf(source, image)}`;
    await copyFile(source, join(folder, name), constants.COPYFILE_FICLONE);
    const copy = await open(join(folder, name), 'r+');
    await copy.sync().finally(() => copy.close());
    names.push(name);
  }
  return names;
}

function endingOf(path: string, image: ReadImage): string {
  const ending = /\.(nii\.gz|nii|nrrd|mha|dcm)$/i.exec(path)?.[0].toLowerCase();
  return ending ?? (image.format === 'dicom' ? '.dcm' : image.format === 'nrrd' ? '.nrrd' : image.format === 'metaimage' ? '.mha' : '.nii');
}
