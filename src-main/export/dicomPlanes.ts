import { affineParts, applyAffine } from '#shared/geometry/affine.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import type { PatientIdentity } from '#main/imageio/readImage.ts';
import type { DicomRecord } from '#main/imageio/dicom/encode.ts';

/** The attributes that place a grid's slices: shared ones, and the position of slice k. Throws `invalid-argument` on slices whose axes are not perpendicular. */
export function dicomPlanes(grid: Grid): {
  orientation: readonly number[];
  pixelSpacing: readonly [number, number];
  sliceDistance: number;
  positionOf: (k: number) => Triple;
} {
  const {
    axes: [i, j, k],
    spacing,
  } = affineParts(grid.affine);
  if (Math.abs(i[0] * j[0] + i[1] * j[1] + i[2] * j[2]) > 1e-4)
    throw new StudioError(
      'invalid-argument',
      'DICOM cannot hold slices whose rows and columns are not perpendicular; export as NIfTI or NRRD.',
    );
  const normal: Triple = [i[1] * j[2] - i[2] * j[1], i[2] * j[0] - i[0] * j[2], i[0] * j[1] - i[1] * j[0]];
  return {
    orientation: [...i, ...j],
    pixelSpacing: [spacing[1], spacing[0]],
    // Along the normal, as DICOM means it; sheared stacks differ from the distance of neighbouring voxels.
    sliceDistance: Math.abs(normal[0] * k[0] + normal[1] * k[1] + normal[2] * k[2]) * spacing[2],
    positionOf: (slice) => applyAffine(grid.affine, [0, 0, slice]),
  };
}

/** The patient and study attributes: anonymous, unless identities were asked for. */
export function patientModule(anonymous: string, studyInstanceUid: string, identity: PatientIdentity | undefined): DicomRecord {
  const open = {
    PatientName: identity?.patientName ?? anonymous,
    PatientID: identity?.patientId ?? anonymous,
    PatientBirthDate: identity?.patientBirthDate ?? '',
    PatientSex: identity?.patientSex ?? '',
    StudyInstanceUID: studyInstanceUid,
    StudyDate: identity?.studyDate ?? '',
    StudyTime: '',
    StudyID: '',
    AccessionNumber: identity?.accessionNumber ?? '',
    ReferringPhysicianName: '',
    SpecificCharacterSet: 'ISO_IR 192',
  };
  if (identity) return { ...open, StudyDescription: identity.studyDescription };
  return { ...open, PatientIdentityRemoved: 'YES', DeidentificationMethod: 'Identity left out; series references kept' };
}

export const equipmentModule: DicomRecord = {
  Manufacturer: 'LoGoNet Studio',
  ManufacturerModelName: 'LoGoNet Studio',
  DeviceSerialNumber: '1',
  SoftwareVersions: '1',
};
