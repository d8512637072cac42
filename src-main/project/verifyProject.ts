/** Whether a project holds what it says that it holds. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { knownImage, type ImageRecord } from '#shared/domain/image.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { readMaskFile } from '#main/document/index.ts';
import {
  imagePaths,
  listImages,
  listMaskRevisions,
  listModels,
  listReadings,
  openProjectReadOnly,
  type Project,
} from '#main/library/index.ts';
import { readImage } from '#main/imageio/readImage.ts';

export interface ProjectFault {
  readonly subject: string;
  readonly message: string;
}

/** Looks at everything that the library names: image files are there, masks and weights are bit for bit what was stored, masks lie on their images. */
export async function verifyProject(
  folder: string,
  { cancellation, report }: { readonly cancellation: Cancellation; readonly report: ReportProgress },
): Promise<{ checked: number; faults: ProjectFault[] }> {
  const project = openProjectReadOnly(folder);
  const faults: ProjectFault[] = [];
  let checked = 0;
  const check = async (subject: string, work: () => Promise<string | null> | string | null): Promise<void> => {
    throwIfCancelled(cancellation);
    checked++;
    const fault = await Promise.resolve()
      .then(work)
      .catch((error: unknown) => toWireError(error).message);
    if (fault !== null) faults.push({ subject, message: fault });
  };
  try {
    const images = listImages(project.read);
    for (const [index, image] of images.entries()) {
      report({ phase: 'Checking cases', fraction: index / images.length });
      const which = image.position === 0 ? 'image' : `image ${String(image.position + 1)}`;
      await check(`${which} of ${image.caseId}`, () => imageFault(project, image, cancellation));
      if (image.position > 0) continue;
      for (const revision of listMaskRevisions(project.read, image.caseId)) {
        await check(`mask revision ${String(revision.revision)} of ${image.caseId}`, () => maskFault(project, revision, image));
      }
    }
    for (const reading of listReadings(project.read, { all: true }))
      await check(`reading by ${reading.reader} of ${reading.caseId}`, () =>
        maskFault(
          project,
          reading,
          images.find(({ caseId }) => caseId === reading.caseId),
        ),
      );
    for (const model of listModels(project.read)) {
      await check(`model ${model.name}`, async () => {
        const weights = await readFile(join(project.paths.model(model.id), 'weights.safetensors'));
        return createHash('sha256').update(weights).digest('hex') === model.weightsHash
          ? null
          : 'The weights are not the ones that were stored.';
      });
    }
    return { checked, faults };
  } finally {
    project.close();
  }
}

async function maskFault(
  { paths }: Pick<Project, 'paths'>,
  mask: { readonly path: string; readonly contentHash: string },
  image: ImageRecord | undefined,
): Promise<string | null> {
  const path = paths.inside(mask.path);
  if (
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex') !== mask.contentHash
  )
    return 'The file is not the one that was stored.';
  return image === undefined || sameGrid((await readMaskFile(path)).grid, image.grid) ? null : 'The mask does not lie on its image.';
}

/** Reads an image wholly: what is stored, or referred to, has to be what was imported. */
async function imageFault({ paths }: Pick<Project, 'paths'>, record: ImageRecord, cancellation: Cancellation): Promise<string | null> {
  const files = imagePaths(paths, record);
  const missing = files.filter((path) => !existsSync(path));
  if (missing.length > 0) return `${String(missing.length)} of its files are not there any more.`;
  const { contentHash, volume } = await readImage(files, { cancellation, ...knownImage(record) });
  // Of an earlier version's copy of a header with its voxels in another file, its own checksum has told by now.
  const isConverted = !record.format.startsWith('nifti');
  if (record.storedHash === null && !isConverted && contentHash !== record.contentHash)
    return 'The image is not the one that was imported.';
  return sameGrid(volume.grid, record.grid) ? null : 'The image does not lie where it did when it was imported.';
}
