/** About how much an import, a training or an export will write, and a warning where that would fill the disk. */
import { stat } from 'node:fs/promises';
import { voxelCount } from '#shared/geometry/grid.ts';
import { freeBytes, spaceWarning } from '#main/files/freeSpace.ts';
import type { ImportPlan } from '#main/exchange/plan/importPlan.ts';
import { everyCase, getLabelSet, imageOf, imagePaths, imagesByCase, listImages, promotedModel, type Project } from '#main/library/index.ts';

/** A mask's runs take far less than its voxels; this is the worst that organs were seen to take. */
const maskShare = 0.1;
/** The network's images (two bytes a voxel) and masks (one), as prepared for a training. */
const preparedBytes = 3;
/** Weights, two moments of the optimiser and a second copy while one is written, in float32. */
const weightCopies = 16;
const smallestModel = 64 * 2 ** 20;

export async function importWarning(project: Project, plan: ImportPlan, mode: 'copy' | 'reference'): Promise<string | null> {
  let needed = 0;
  for (const { images, grid, mask } of plan.cases) {
    if (mode === 'copy') needed += await bytesOf([...new Set(images.flatMap(({ paths }) => paths))]);
    if (mask !== null) needed += 2 * maskShare * voxelCount(grid); // a revision, and a journal once it is opened
  }
  return spaceWarning('This import', needed, await freeBytes(project.paths.folder));
}

export async function trainingWarning(project: Project): Promise<string | null> {
  const excluded = new Set(everyCase(project.read).flatMap(({ id, status }) => (status === 'excluded' ? [id] : [])));
  // Every channel is prepared on the leading image's voxels.
  const voxels = [...imagesByCase(project.read)]
    .filter(([caseId]) => !excluded.has(caseId))
    .reduce((sum, [, images]) => sum + images.length * (images[0] === undefined ? 0 : voxelCount(images[0].grid)), 0);
  const model = Math.max(smallestModel, weightCopies * (promotedModel(project.read)?.parameters ?? 0));
  return spaceWarning('This training', preparedBytes * voxels + model, await freeBytes(project.paths.folder));
}

export interface ExportNeed {
  readonly format: string;
  readonly caseIds: readonly string[];
  readonly destination: string;
}

export async function exportWarning(project: Project, { format, caseIds, destination }: ExportNeed): Promise<string | null> {
  const labels = getLabelSet(project.read).labels.length;
  let needed = 0;
  for (const caseId of caseIds) {
    const image = imageOf(project.read, caseId);
    const images = format === 'nnunet' ? listImages(project.read, caseId) : [image];
    const voxels = voxelCount(image.grid);
    if (format === 'csv' || format === 'measurements') continue;
    needed += format === 'dicom-seg' || format === 'dicom' ? (voxels * labels) / 8 : maskShare * voxels;
    if (format === 'dicom' || format === 'nnunet')
      for (const each of images) needed += Math.max(2 * voxels, await bytesOf(imagePaths(project.paths, each)));
  }
  return spaceWarning('This export', needed, await freeBytes(destination));
}

async function bytesOf(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) bytes += (await stat(path).catch(() => null))?.size ?? 0;
  return bytes;
}
