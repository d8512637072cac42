import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, toWireError, type ErrorCode } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { resampleLabels } from '#shared/geometry/resample.ts';
import { readImage, readLabels, type ReadImage, type ReadLabels } from '#main/imageio/readImage.ts';
import { thumbnail } from '#main/imageio/thumbnail.ts';
import { addCase, addImage, findImageByHash, getLabelSet, latestMaskRevision, listImages, type Project } from '#main/library/index.ts';
import { planImport, type ImportItem, type ImportPlan } from './importPlan.ts';
import { keepImage } from './keepImage.ts';
import { admitLabels } from './labelAdmission.ts';
import { keepRevision } from './openDocuments.ts';
import { encodePicture, thumbnailFile } from './thumbnailFile.ts';

export interface Refused {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface ImportResult {
  readonly added: string[];
  masks: number;
  duplicates: number;
  readonly refused: Refused[];
  readonly warnings: { readonly path: string; readonly message: string }[];
}

export interface ImportOptions {
  readonly mode: 'copy' | 'reference';
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly onAdded?: (caseIds: readonly string[]) => void;
}

/** `namesLabels`: the project had no labels when the import began, so that values which nothing names get names of their own. */
type Options = ImportOptions & { readonly namesLabels: boolean };

/**
 * Brings files, folders and data sets into a project. What is there already (by content) is not added again, but may gain a mask. One
 * bad file stops nothing: it is in `refused`, with its reason. Throws `cancelled` (what was added stays), `disk-full`, `io`.
 */
export async function importCases(project: Project, sources: readonly string[], wish: ImportOptions): Promise<ImportResult> {
  const options: Options = { ...wish, namesLabels: getLabelSet(project.read).labels.length === 0 };
  const { cancellation, report } = options;
  const plan = await planImport(sources, { cancellation, report: (progress) => { report({ ...progress, fraction: 0.05 * progress.fraction }); } });
  const result: ImportResult = { added: [], masks: 0, duplicates: 0, refused: [...plan.refused], warnings: [] };
  const steps = plan.items.length + plan.looseMasks.length;
  let done = 0;
  const step = async (path: string, work: () => Promise<void>): Promise<void> => {
    throwIfCancelled(cancellation);
    report({ phase: 'Importing', detail: `${String(done + 1)} of ${String(steps)}`, fraction: 0.05 + (0.95 * done++) / Math.max(1, steps) });
    try {
      await work();
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'cancelled' || code === 'disk-full') throw error;
      result.refused.push({ path, code, message });
    }
  };
  for (const item of plan.items) await step(item.image[0] ?? item.name, () => importItem(project, item, plan, options, result));
  for (const mask of plan.looseMasks) await step(mask[0] ?? '', () => importLooseMask(project, mask, plan, options, result));
  return result;
}

async function importItem(project: Project, item: ImportItem, plan: ImportPlan, options: Options, result: ImportResult): Promise<void> {
  const [path = item.name] = item.image;
  const image = await readImage(item.image, { cancellation: options.cancellation, identity: true });
  for (const message of image.warnings) result.warnings.push({ path, message });
  const present = findImageByHash(project.read, image.contentHash);
  let caseId = present?.caseId;
  if (caseId === undefined) {
    caseId = await addImageCase(project, item, image, options.mode);
    result.added.push(caseId);
    options.onAdded?.([caseId]);
  } else result.duplicates++;
  if (item.mask === undefined || latestMaskRevision(project.read, caseId) !== undefined) return;
  try {
    const labels = await readLabels(item.mask, { cancellation: options.cancellation });
    await addMask(project, caseId, image.volume.grid, labels, plan.labelNames, options);
    for (const message of labels.warnings) result.warnings.push({ path: item.mask[0] ?? path, message });
    result.masks++;
    options.onAdded?.([caseId]);
  } catch (error) {
    const { code, message } = toWireError(error);
    if (code === 'cancelled' || code === 'disk-full') throw error;
    result.refused.push({ path: item.mask[0] ?? path, code, message: `${message} The image was imported without its mask.` });
  }
}

async function addImageCase(project: Project, item: ImportItem, image: ReadImage, mode: ImportOptions['mode']): Promise<string> {
  const paths = mode === 'copy' ? await keepImage(project, item.image, image) : item.image.map((path) => resolve(path));
  const caseId = project.write.transaction(() => {
    const id = addCase(project.write, { name: item.name.slice(0, 512), patientKey: pseudonym(project, image) });
    addImage(project.write, { caseId: id, contentHash: image.contentHash, storage: mode, paths, format: image.format, modality: image.modality, grid: image.volume.grid });
    return id;
  });
  const { width, height, grey } = thumbnail(image.volume);
  const file = thumbnailFile(project, caseId);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, encodePicture({ width, height, gray: grey }));
  return caseId;
}

/** The same for all images of one patient within this project, and nothing outside it. */
function pseudonym(project: Project, image: ReadImage): string | null {
  const patient = image.identity?.patientId.trim() ?? '';
  return patient === '' ? null : createHash('sha256').update(`${project.info.id}\n${patient}`).digest('hex').slice(0, 24);
}

/** A mask that names its images (DICOM SEG): to the case whose image lies in the same place. */
async function importLooseMask(project: Project, paths: readonly string[], plan: ImportPlan, options: Options, result: ImportResult): Promise<void> {
  const labels = await readLabels(paths, { cancellation: options.cancellation });
  const candidates = listImages(project.read).filter((image) => image.format === 'dicom' && latestMaskRevision(project.read, image.caseId) === undefined);
  for (const record of candidates) {
    const files = record.storage === 'copy' ? record.paths.map((path) => project.paths.inside(path)) : record.paths;
    const image = await readImage(files, { cancellation: options.cancellation });
    if (image.source?.seriesInstanceUid !== labels.source?.seriesInstanceUid) continue;
    await addMask(project, record.caseId, record.grid, labels, plan.labelNames, options);
    result.masks++;
    options.onAdded?.([record.caseId]);
    return;
  }
  throw new StudioError('not-found', 'The images that this segmentation refers to are not in the project. Import their series as well.');
}

async function addMask(project: Project, caseId: string, grid: Grid, labels: ReadLabels, names: ReadonlyMap<number, string>, { namesLabels }: Options): Promise<void> {
  const mask = fitMask(labels, grid);
  admitLabels(project, labels.labels, names, namesLabels);
  await keepRevision(project, caseId, mask, 'imported');
}

/** The mask on the image's voxels. A DICOM SEG may hold part of the slices, in another order; any other mask has to lie on the same grid. */
function fitMask({ volume, format }: ReadLabels, grid: Grid): LabelVolume {
  if (sameGrid(volume.grid, grid)) return { grid, data: volume.data } as LabelVolume;
  if (format !== 'dicom-seg') throw new StudioError('invalid-file', 'The mask does not lie on the image’s voxels: its size, spacing or place differs.');
  return (volume.data instanceof Uint8Array ? resampleLabels({ grid: volume.grid, data: volume.data }, grid) : resampleLabels({ grid: volume.grid, data: volume.data }, grid));
}
