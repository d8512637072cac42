/** The scans of one patient that are cases of their own, and where they lie on one another. */
import { createHash } from 'node:crypto';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { Case } from '#shared/domain/case.ts';
import type { Placement } from '#shared/domain/caseImages.ts';
import { knownImage, type ImageRecord } from '#shared/domain/image.ts';
import { byDay, dayOf } from '#shared/domain/scanDate.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { getCase, imagePaths, listCases, listImages, noteScan, scanPlacement, type Project } from '#main/library/index.ts';
import { placementOf } from './plan/furtherImages.ts';

/** A case with an image, as one of its patient's scans. */
export interface PatientScan {
  readonly caseId: string;
  readonly name: string;
  /** YYYY-MM-DD; null where nothing says it. */
  readonly date: string | null;
  readonly hasMask: boolean;
  /** Its leading image. */
  readonly image: ImageRecord;
}

/** The same for all images of one patient within this project, and nothing outside it. */
export function patientKeyOf({ info }: Pick<Project, 'info'>, patientId: string): string {
  return createHash('sha256').update(`${info.id}\n${patientId}`).digest('hex').slice(0, 24);
}

/** All scans of a case's patient, this one among them, by day. */
export function scansOfPatient({ read }: Pick<Project, 'read'>, caseId: string): PatientScan[] {
  const own = getCase(read, caseId);
  const cases = own.patientKey === null ? [own] : listCases(read, { patientKey: own.patientKey, limit: 1000 }).cases;
  return cases.flatMap((each) => scanOf(read, each)).sort(byDay);
}

function scanOf(read: Project['read'], { id, name, scanDate, hasMask }: Case): PatientScan[] {
  const [image] = listImages(read, id);
  return image === undefined ? [] : [{ caseId: id, name, date: scanDate, hasMask, image }];
}

/** Where another scan's leading image lies on a case's: by a person's word, else as `placementOf` finds it; null where nothing says it. */
export function placementOfScan({ read }: Pick<Project, 'read'>, own: PatientScan, other: PatientScan): Placement | null {
  const byHand = scanPlacement(read, own.caseId, other.caseId);
  if (byHand !== undefined) return { by: 'hand', toLeading: byHand.toLeading };
  const place = ({ image: { grid, frameOfReference } }: PatientScan) => ({ grid, frameOfReferenceUid: frameOfReference });
  return placementOf(place(other), place(own), { sameCoordinates: false });
}

/**
 * The leading image of another scan of a case's patient, as an image of this case; undefined where `imageId` is none. Where nothing says how it lies,
 * its header is taken at its word.
 */
export function imageOfOtherScan(project: Pick<Project, 'read'>, caseId: string, imageId: string): ImageRecord | undefined {
  const scans = scansOfPatient(project, caseId);
  const own = scans.find((scan) => scan.caseId === caseId);
  const other = scans.find((scan) => scan.caseId !== caseId && scan.image.id === imageId);
  if (own === undefined || other === undefined) return undefined;
  return { ...other.image, placement: placementOfScan(project, own, other) ?? { by: 'hand', toLeading: null } };
}

/**
 * Asks the DICOM headers of a patient's scans for day and frame of reference, where an earlier version did not when it imported them. What cannot be
 * read is asked again the next time.
 */
export async function noteScans(project: Project, caseIds: readonly string[], cancellation: Cancellation): Promise<void> {
  if (project.readOnly !== null) return;
  for (const caseId of caseIds) {
    throwIfCancelled(cancellation);
    const [image] = listImages(project.read, caseId);
    if (image === undefined || image.frameOfReference !== null) continue;
    if (image.format !== 'dicom') {
      noteScan(project.write, { caseId, imageId: image.id, date: null, frameOfReference: '' });
      continue;
    }
    const read = await readImage(imagePaths(project.paths, image), { cancellation, identity: true, ...knownImage(image) }).catch(
      () => null,
    );
    if (read !== null)
      noteScan(project.write, {
        caseId,
        imageId: image.id,
        date: dayOf(read.identity?.studyDate ?? ''),
        frameOfReference: read.source?.frameOfReferenceUid ?? '',
      });
  }
}
