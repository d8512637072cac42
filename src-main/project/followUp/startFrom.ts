/** The mask of another scan of the patient as the start of this one's. */
import { StudioError } from '#shared/base/errors.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { composeAffine } from '#shared/geometry/affine.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { resampleLabels } from '#shared/geometry/resample.ts';
import { copyPrediction, SegmentationDocument } from '#shared/segmentation/index.ts';
import { noteScans, placementOfScan, scansOfPatient } from '#main/exchange/patientScans.ts';
import { getCase, getLabelSet, listRemovedLabels } from '#main/library/index.ts';
import type { ProjectSession } from '../session.ts';

type Session = Pick<ProjectSession, 'project' | 'documents'>;

export interface StartMask {
  /** Of the step that it becomes. */
  readonly name: string;
  /** On the grid of the case's leading image, without labels that were removed. */
  readonly volume: LabelVolume;
}

/**
 * The mask of another scan of the patient, as it stands there, on this case's grid: by labels, through the grid or frame of reference that they share, or as
 * a person has placed the scan. Throws `not-found` where it is no scan of the patient, and `conflict` where nothing says how the two lie, or its mask is empty.
 */
export async function startMask(
  { project, documents }: Session,
  caseId: string,
  scanId: string,
  cancellation: Cancellation,
): Promise<StartMask> {
  await noteScans(project, [caseId, scanId], cancellation);
  const scans = scansOfPatient(project, caseId);
  const own = scans.find((scan) => scan.caseId === caseId);
  const other = scans.find((scan) => scan.caseId === scanId);
  if (own === undefined || other === undefined || own === other)
    throw new StudioError(
      'not-found',
      `“${getCase(project.read, scanId).name}” is not known as another scan of the patient of “${getCase(project.read, caseId).name}”. Say in Cases that they are of one patient (or with “logonet project patient”).`,
    );
  const called = other.date ?? other.name;
  const placement = placementOfScan(project, own, other);
  if (placement === null)
    throw new StudioError(
      'conflict',
      `Nothing says how the scan of ${called} lies on this one: they share neither a grid nor a frame of reference. Place it by hand first (Images, Place by hand).`,
    );
  const { volume } = await documents.standing(scanId);
  const removed = new Set(listRemovedLabels(project.read).map(({ value }) => value));
  const data = volume.data.map((value) => (removed.has(value) ? 0 : value)) as LabelVolume['data'];
  if (data.every((value) => value === 0))
    throw new StudioError('conflict', `The mask of ${called} is empty: there is nothing to start from.`);
  const { grid } = own.image;
  // Headers of one grid may differ by their rounding.
  if (placement.by === 'grid') return { name: `Start from ${called}`, volume: { grid, data } as LabelVolume };
  const from =
    placement.toLeading === null ? volume.grid : { ...volume.grid, affine: composeAffine(placement.toLeading, volume.grid.affine) };
  return { name: `Start from ${called}`, volume: resampleLabels({ grid: from, data }, grid) as LabelVolume };
}

/**
 * Makes it the mask of a case that no window has open, as one step: locked labels stay, everything else becomes what it was in the other scan. Answers with
 * the step's name and how many voxels it changed. Throws as `startMask`, and `conflict` where the case is open.
 */
export async function startFrom(
  session: Session,
  caseId: string,
  scanId: string,
  cancellation: Cancellation,
): Promise<{ readonly name: string; readonly voxels: number }> {
  const { project, documents } = session;
  if (documents.isOpen(caseId)) throw new StudioError('conflict', 'The case is open in a window. Close it there first, then try again.');
  const { name, volume } = await startMask(session, caseId, scanId, cancellation);
  const opened = await documents.open(caseId);
  try {
    const records: Uint8Array[] = [];
    const copy = SegmentationDocument.restore(opened.mask, opened.history, { sink: (record) => records.push(record) });
    const locked = getLabelSet(project.read).labels.flatMap((label) => (label.locked ? [label.value] : []));
    const delta = copyPrediction({ volume: copy.volume, policy: { overwrite: 'all', locked } }, volume, { replace: true });
    copy.push(name, delta);
    if (records.length > 0) await documents.append(caseId, opened.session, 0, records);
    return { name, voxels: delta.changed };
  } finally {
    await documents.close(caseId, opened.session);
  }
}
