import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { orientationCode, reorientVolume } from '#shared/geometry/orientation.ts';
import { syncFolder, unfinishedPath } from '#main/files/atomicFile.ts';
import { readImage, type Modality } from '#main/imageio/readImage.ts';
import { exportDicomSeg, type DicomSegOptions } from './exportDicomSeg.ts';
import { exportDicomSeries } from './exportDicomSeries.ts';

export interface DicomExport extends DicomSegOptions {
  readonly image: Volume;
  readonly modality: Modality;
  readonly labels: LabelVolume;
  readonly labelSet: LabelSet;
  /** A folder that an earlier export made is replaced; one that holds anything else never is. */
  readonly overwrite?: boolean;
}

const segmentationName = 'segmentation.dcm';
const imagesName = 'images';

/** The files that an export into this folder may replace, and the one that it always writes. Throws `conflict` where there is anything else. */
export function dicomOutputs(folder: string): string[] {
  const outputs = [join(folder, segmentationName)];
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return outputs;
  if (!found.isDirectory()) return [folder];
  for (const { name, parentPath } of readdirSync(folder, { withFileTypes: true, recursive: true }).filter(
    (entry) => !entry.isDirectory(),
  )) {
    const path = join(parentPath, name);
    const isOwn =
      parentPath === join(folder, imagesName) ? /^slice_\d+\.dcm$/.test(name) : parentPath === folder && name === segmentationName;
    if (!isOwn)
      throw new StudioError(
        'conflict',
        `The folder “${basename(folder)}” holds ${name}, which is no part of an export. Choose another folder for what is written.`,
      );
    if (path !== outputs[0]) outputs.push(path);
  }
  return outputs;
}

/**
 * Writes an image as an anonymous DICOM series (`images/`) with its mask as a DICOM SEG on it (`segmentation.dcm`), whatever format the image
 * came in. The folder is there when all of it is written, read back and compared; its name is what the identifiers are derived from. Resolves
 * with the files. Throws `conflict` where the folder is there, unless it is to be replaced; `invalid-argument` on an empty mask or a sheared image; `io`, `disk-full`.
 */
export async function exportDicom(
  folder: string,
  { image, modality, labels, labelSet, overwrite = false, ...options }: DicomExport,
): Promise<string[]> {
  if (existsSync(folder) && !overwrite)
    throw new StudioError(
      'conflict',
      `There is already a folder “${basename(folder)}”; a DICOM series is not mixed into it. Choose another.`,
    );
  const begun = unfinishedPath(folder);
  const before = unfinishedPath(folder);
  try {
    await mkdir(begun, { recursive: true });
    const slices = await exportDicomSeries(join(begun, imagesName), image, { modality, name: basename(folder) });
    // A series is read with its slices along their normal, which may be the other way round.
    const { volume, source } = await readImage(slices);
    const mask = reorientVolume(labels as Volume, orientationCode(volume.grid.affine));
    const segmentation = join(begun, segmentationName);
    await exportDicomSeg(segmentation, mask as LabelVolume, labelSet, source, options);
    if (existsSync(folder)) {
      dicomOutputs(folder); // What came meanwhile is not replaced.
      await rename(folder, before);
    }
    await rename(begun, folder);
    await rm(before, { recursive: true, force: true });
    await syncFolder(dirname(folder));
    return [segmentation, ...slices].map((path) => join(folder, relative(begun, path)));
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    if (existsSync(before) && !existsSync(folder)) await rename(before, folder);
    throw error;
  }
}
