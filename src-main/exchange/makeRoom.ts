import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { readDocument, readMaskFile } from '#main/document/index.ts';
import { getCase, latestMaskRevision, type Project } from '#main/library/index.ts';

/** Whether a case is open for correction just now. */
export type IsOpen = (caseId: string) => boolean;

/** A mask from outside never takes the place of work that is not accepted. Throws `conflict` where there is some, or the case is open. */
export async function makeRoom(project: Project, caseId: string, { grid }: LabelVolume, isOpen: IsOpen = () => false): Promise<void> {
  const busy = (): StudioError =>
    new StudioError(
      'conflict',
      `“${getCase(project.read, caseId).name}” is being corrected here. Accept or undo that first, and close the case; then take this mask again.`,
    );
  if (isOpen(caseId)) throw busy();
  const latest = latestMaskRevision(project.read, caseId);
  const folder = join(project.paths.case(caseId), 'document');
  const edited = (await readDocument(folder, caseId, () => grid))?.volume ?? null;
  if (edited === null) return;
  const accepted = latest === undefined ? null : await readMaskFile(project.paths.inside(latest.path));
  const isAccepted =
    accepted === null ? edited.data.every((value) => value === 0) : accepted.data.every((value, n) => value === edited.data[n]);
  if (!isAccepted) throw busy();
  await rm(folder, { recursive: true, force: true }); // What it held is the accepted revision.
}
