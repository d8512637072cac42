import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { dicomOutputs, exportDicom } from '#main/export/exportDicom.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { exportRtStruct } from '#main/export/exportRtStruct.ts';
import { exportNiftiLabels } from '#main/export/exportNifti.ts';
import { exportRegions, regionPaths } from '#main/export/exportRegions.ts';
import { exportSegNrrd } from '#main/export/exportNrrd.ts';
import { exportMesh, meshPaths } from '#main/export/mesh/exportMesh.ts';
import type { ReadImage } from '#main/imageio/readImage.ts';

/** One case on its way out. */
export interface ExportCase {
  readonly labels: LabelVolume;
  readonly labelSet: LabelSet;
  /** Decoded only where a format asks for it, with the patient's identity only where the person asked for it. */
  readonly image: () => Promise<ReadImage>;
  readonly origin: 'mask' | 'prediction';
  /** What an earlier export wrote may be replaced. */
  readonly overwrite: boolean;
  /** Each label with all that lies inside it is asked for. */
  readonly regions: boolean;
}

export interface CaseFormat {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Path of the result, from the destination and the case's file name. */
  readonly target: (folder: string, name: string) => string;
  /** Whether each label has all that lies inside it: always, or where that is asked for; left out where labels cannot overlap. */
  readonly byRegion?: 'always' | 'asked';
  /** All files that may be written for this path; the path itself where not given. */
  readonly outputs?: (path: string, labelSet: LabelSet) => readonly string[];
  /** Writes and verifies; a file that does not read back the same is not kept. Resolves with the files written. */
  readonly write: (path: string, exported: ExportCase) => Promise<readonly string[]>;
}

const algorithmOf = (origin: ExportCase['origin']) => (origin === 'prediction' ? 'AUTOMATIC' : 'SEMIAUTOMATIC');

/** Formats with one result per case. */
export const caseFormats: readonly CaseFormat[] = [
  {
    id: 'nifti',
    name: 'NIfTI',
    description: 'One .nii.gz per case with the names of the labels inside.',
    target: (folder, name) => join(folder, `${name}.nii.gz`),
    write: async (path, { labels, labelSet }) => {
      await exportNiftiLabels(path, labels, labelSet);
      return [path];
    },
  },
  {
    id: 'regions',
    name: 'NIfTI, a mask for each label',
    description: 'A folder per case with a .nii.gz for each label and all that lies inside it: masks that may overlap.',
    target: (folder, name) => join(folder, `${name}-regions`),
    byRegion: 'always',
    outputs: (path, { labels }) => regionPaths(path, labels),
    write: async (path, { labels, labelSet }) => {
      await mkdir(path, { recursive: true });
      return exportRegions(path, labels, labelSet);
    },
  },
  {
    id: 'nrrd',
    name: 'NRRD (3D Slicer)',
    description: 'One .seg.nrrd per case with the names and colours of the labels.',
    target: (folder, name) => join(folder, `${name}.seg.nrrd`),
    write: async (path, { labels, labelSet }) => {
      await exportSegNrrd(path, labels, labelSet);
      return [path];
    },
  },
  {
    id: 'dicom-seg',
    name: 'DICOM SEG',
    description: 'One DICOM segmentation per case that refers to its series. For cases that came as DICOM.',
    target: (folder, name) => join(folder, `${name}.dcm`),
    byRegion: 'asked',
    write: async (path, { labels, labelSet, image, origin, regions }) => {
      const { source, identity } = await image();
      await exportDicomSeg(path, labels, labelSet, source, {
        algorithm: algorithmOf(origin),
        regions,
        ...(identity === undefined ? {} : { identity }),
      });
      return [path];
    },
  },
  {
    id: 'rtstruct',
    name: 'DICOM RTSTRUCT',
    description:
      'One DICOM structure set per case with a contour around every voxel of each label, on its series. For cases that came as DICOM.',
    target: (folder, name) => join(folder, `${name}-rtstruct.dcm`),
    byRegion: 'asked',
    write: async (path, { labels, labelSet, image, origin, regions }) => {
      const { source, identity } = await image();
      await exportRtStruct(path, labels, labelSet, source, {
        algorithm: algorithmOf(origin),
        regions,
        ...(identity === undefined ? {} : { identity }),
      });
      return [path];
    },
  },
  {
    id: 'dicom',
    name: 'DICOM series with SEG',
    description: 'A folder per case: the image as an anonymous DICOM series and the segmentation on it, whatever format it came in.',
    target: (folder, name) => join(folder, `${name}-dicom`),
    byRegion: 'asked',
    outputs: dicomOutputs,
    write: async (path, { labels, labelSet, image, origin, overwrite, regions }) => {
      const { volume, modality } = await image();
      return exportDicom(path, { image: volume, modality, labels, labelSet, overwrite, algorithm: algorithmOf(origin), regions });
    },
  },
  ...(['stl', 'obj'] as const).map((ending): CaseFormat => ({
    id: ending,
    name: `${ending.toUpperCase()} surfaces`,
    description:
      ending === 'stl' ? 'One closed surface per label, each in a file of its own.' : 'One file per case with a closed surface per label.',
    target: (folder, name) => join(folder, `${name}.${ending}`),
    byRegion: 'asked',
    outputs: (path, { labels }) => meshPaths(path, labels),
    write: async (path, { labels, labelSet, regions }) => exportMesh(path, labels, labelSet, { regions }),
  })),
];

interface ProjectFormat extends Pick<CaseFormat, 'id' | 'name' | 'description' | 'byRegion'> {
  readonly scope: 'project' | 'case';
}

/** Formats with one result for all cases; of scope `project` where the open case alone makes none. */
export const projectFormats: readonly ProjectFormat[] = [
  {
    id: 'nnunet',
    scope: 'project',
    byRegion: 'always',
    name: 'nnU-Net data set',
    description: 'imagesTr, labelsTr and dataset.json: everything that another tool needs to go on.',
  },
  {
    id: 'measurements',
    scope: 'case',
    name: 'Measurements (CSV, JSON)',
    description: 'Distances, angles and areas that were measured in the cases.',
  },
  {
    id: 'csv',
    scope: 'case',
    byRegion: 'always',
    name: 'Volumes (CSV)',
    description: 'A table of every label’s volume in every case.',
  },
];

export function caseFormat(id: string): CaseFormat {
  const found = caseFormats.find((format) => format.id === id);
  if (found === undefined) throw new StudioError('invalid-argument', 'There is no such export format.');
  return found;
}

/** Whether each label can have all that lies inside it in this format, or has it anyway. */
export const hasRegionsIn = (id: string): boolean =>
  [...caseFormats, ...projectFormats].find((format) => format.id === id)?.byRegion !== undefined;
