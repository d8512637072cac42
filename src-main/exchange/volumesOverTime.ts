/** The volumes of each label in the scans of a patient, by day, and as a table. */
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { regionOf } from '#shared/domain/regions.ts';
import { daysFrom } from '#shared/domain/scanDate.ts';
import { determinant } from '#shared/geometry/affine.ts';
import { anonymousName } from '#main/export/anonymousName.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { csvLine } from '#main/files/csv.ts';
import { getCase, getLabelSet, latestMaskRevision, type Project } from '#main/library/index.ts';
import { scansOfPatient } from './patientScans.ts';

export interface VolumesOfScan {
  readonly caseId: string;
  readonly name: string;
  readonly date: string | null;
  /** Since the patient's first scan that has a date. */
  readonly day: number | null;
  /** As the mask was accepted last, a label with what lies inside it; null where none was. */
  readonly labels:
    readonly { readonly value: number; readonly name: string; readonly voxels: number; readonly millilitres: number }[] | null;
}

/** All scans of a case's patient. Throws `not-found`. */
export function volumesOverTime(project: Pick<Project, 'read'>, caseId: string): VolumesOfScan[] {
  const scans = scansOfPatient(project, caseId);
  const first = scans[0]?.date ?? null;
  const labelSet = getLabelSet(project.read);
  return scans.map(({ caseId: id, name, date, image }) => {
    const voxels = latestMaskRevision(project.read, id)?.voxels;
    const millilitres = Math.abs(determinant(image.grid.affine)) / 1000;
    return {
      caseId: id,
      name,
      date,
      day: first === null || date === null ? null : daysFrom(first, date),
      labels: voxels === undefined ? null : labelVolumes(labelSet, voxels, millilitres),
    };
  });
}

function labelVolumes(
  labelSet: LabelSet,
  voxels: Readonly<Record<number, number>>,
  millilitres: number,
): NonNullable<VolumesOfScan['labels']> {
  return labelSet.labels.map(({ value, name }) => {
    const count = regionOf(labelSet, value).reduce((sum, part) => sum + (voxels[part] ?? 0), 0);
    return { value, name, voxels: count, millilitres: count * millilitres };
  });
}

export interface PatientVolumes {
  readonly patient: string;
  readonly scans: readonly VolumesOfScan[];
}

/** Without names and dates: pseudonyms of this project, and days since the first scan. */
export function deidentified({ scans }: PatientVolumes, project: Pick<Project, 'read'>): PatientVolumes {
  const { patientKey = null, id = '' } = scans[0] === undefined ? {} : getCase(project.read, scans[0].caseId);
  return {
    patient: anonymousName(patientKey ?? id, 'patient'),
    scans: scans.map((scan) => ({ ...scan, name: anonymousName(scan.caseId), date: null })),
  };
}

/** A table `patient,case,date,day,label,name,voxels,volume_ml`. Throws `disk-full`, `io`. */
export async function writeVolumesOverTime(path: string, patients: readonly PatientVolumes[]): Promise<void> {
  const lines = patients.flatMap(({ patient, scans }) =>
    scans.flatMap(({ name, date, day, labels }) =>
      (labels ?? []).map((label) =>
        csvLine([patient, name, date ?? '', day ?? '', label.value, label.name, label.voxels, label.millilitres.toFixed(4)]),
      ),
    ),
  );
  await writeFileAtomically(path, `${['patient,case,date,day,label,name,voxels,volume_ml', ...lines].join('\r\n')}\r\n`);
}
