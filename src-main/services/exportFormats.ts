import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { exportNifti } from '#main/export/exportNifti.ts';
import { exportSegNrrd } from '#main/export/exportNrrd.ts';
import { exportMesh } from '#main/export/mesh/exportMesh.ts';
import type { ReadImage } from '#main/imageio/readImage.ts';

/** One case on its way out. */
export interface ExportCase {
  readonly labels: LabelVolume;
  readonly labelSet: LabelSet;
  /** Decoded only where a format asks for it, with the patient's identity only where the person asked for it. */
  readonly image: () => Promise<ReadImage>;
  readonly origin: 'mask' | 'prediction';
}

export interface CaseFormat {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Path of the result, from the destination and the case's file name. */
  readonly target: (folder: string, name: string) => string;
  /** Writes and verifies; a file that does not read back the same is not kept. Resolves with the files written. */
  readonly write: (path: string, exported: ExportCase) => Promise<readonly string[]>;
}

/** Formats with one result per case. */
export const caseFormats: readonly CaseFormat[] = [
  {
    id: 'nifti', name: 'NIfTI', description: 'One .nii.gz per case, label values as in the label set.',
    target: (folder, name) => join(folder, `${name}.nii.gz`),
    write: async (path, { labels }) => {
      await exportNifti(path, labels);
      return [path];
    },
  },
  {
    id: 'nrrd', name: 'NRRD (3D Slicer)', description: 'One .seg.nrrd per case with the names and colours of the labels.',
    target: (folder, name) => join(folder, `${name}.seg.nrrd`),
    write: async (path, { labels, labelSet }) => {
      await exportSegNrrd(path, labels, labelSet);
      return [path];
    },
  },
  {
    id: 'dicom-seg', name: 'DICOM SEG', description: 'One DICOM segmentation per case that refers to its series. For cases that came as DICOM.',
    target: (folder, name) => join(folder, `${name}.dcm`),
    write: async (path, { labels, labelSet, image, origin }) => {
      const { source, identity } = await image();
      await exportDicomSeg(path, labels, labelSet, source, { algorithm: origin === 'prediction' ? 'AUTOMATIC' : 'SEMIAUTOMATIC', ...(identity === undefined ? {} : { identity }) });
      return [path];
    },
  },
  ...(['stl', 'obj'] as const).map((ending): CaseFormat => ({
    id: ending, name: `${ending.toUpperCase()} surfaces`, description: ending === 'stl' ? 'One closed surface per label, each in a file of its own.' : 'One file per case with a closed surface per label.',
    target: (folder, name) => join(folder, `${name}.${ending}`),
    write: async (path, { labels, labelSet }) => exportMesh(path, labels, labelSet),
  })),
];

/** Formats with one result for all cases. */
export const projectFormats = [
  { id: 'nnunet', name: 'nnU-Net data set', description: 'imagesTr, labelsTr and dataset.json: everything that another tool needs to go on.' },
  { id: 'csv', name: 'Volumes (CSV)', description: 'A table of every label’s volume in every case.' },
] as const;

export function caseFormat(id: string): CaseFormat {
  const found = caseFormats.find((format) => format.id === id);
  if (found === undefined) throw new StudioError('invalid-argument', 'There is no such export format.');
  return found;
}
