import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Acceptance, MaskRevision } from '#shared/domain/mask.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { labelCounts } from '#shared/segmentation/index.ts';
import { writeMaskFile } from '#main/document/index.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { addMaskRevision, type Project } from '#main/library/index.ts';

/**
 * Writes a mask that nobody changes as the case's next revision: first the file, then the row that names it. `voxels`: its counts by label,
 * where they are known. Throws `not-found` where the project has gone.
 */
export async function keepRevision(
  project: Project,
  caseId: string,
  volume: LabelVolume,
  acceptance: Acceptance,
  voxels = labelCounts(volume),
): Promise<MaskRevision> {
  const path = join(project.paths.case(caseId), 'revisions', `${randomUUID()}.mask`);
  makeFolderBelow(project.paths.folder, dirname(path));
  const contentHash = await writeMaskFile(path, volume);
  return addMaskRevision(project.write, {
    caseId,
    path: project.paths.relative(path),
    contentHash,
    acceptance,
    voxels,
  });
}
