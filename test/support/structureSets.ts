import { writeFileSync } from 'node:fs';
import { applyAffine } from '#shared/geometry/affine.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom, type DicomRecord } from '#main/imageio/dicom/encode.ts';

export interface DrawnStructure {
  readonly name: string;
  /** Red, green, blue, 0 to 255. */
  readonly color?: readonly [number, number, number];
  /** Contours in voxels (i, j, k of each corner), and what kind they are where it is not a closed one. */
  readonly contours: readonly { readonly points: readonly (readonly [number, number, number])[]; readonly kind?: string }[];
}

/** Writes structures that were drawn on a grid as an RTSTRUCT, without ContourImageSequence. What names the images can be left out. */
export function writeStructureSet(
  path: string,
  grid: Grid,
  structures: readonly DrawnStructure[],
  { series = '2.25.2', frame = '2.25.3' }: { readonly series?: string | null; readonly frame?: string | null } = {},
): void {
  const record: DicomRecord = {
    SOPClassUID: uids.structureSet,
    SOPInstanceUID: '2.25.77',
    StudyInstanceUID: '2.25.1',
    SeriesInstanceUID: '2.25.78',
    Modality: 'RTSTRUCT',
    SeriesNumber: 7,
    StructureSetLabel: 'drawn',
    ...(frame !== null && {
      ReferencedFrameOfReferenceSequence: [
        {
          FrameOfReferenceUID: frame,
          ...(series !== null && { RTReferencedStudySequence: [{ RTReferencedSeriesSequence: [{ SeriesInstanceUID: series }] }] }),
        },
      ],
    }),
    StructureSetROISequence: structures.map(({ name }, n) => ({
      ROINumber: 10 * n + 3,
      ...(frame !== null && { ReferencedFrameOfReferenceUID: frame }),
      ROIName: name,
    })),
    // In another order than the structures.
    ROIContourSequence: structures
      .map(({ color, contours }, n) => ({
        ReferencedROINumber: 10 * n + 3,
        ...(color && { ROIDisplayColor: color }),
        ...(contours.length > 0 && {
          ContourSequence: contours.map(({ points, kind = 'CLOSED_PLANAR' }) => ({
            ContourGeometricType: kind,
            NumberOfContourPoints: points.length,
            ContourData: points.flatMap((point) => [...applyAffine(grid.affine, point)]),
          })),
        }),
      }))
      .toReversed(),
  };
  writeFileSync(path, Buffer.concat(encodeDicom(record, { transferSyntax: uids.implicitLittle })));
}

/** The corners of a box in slice k. */
export function boxIn(k: number, i0: number, j0: number, i1: number, j1: number): { points: [number, number, number][] } {
  return {
    points: [
      [i0, j0, k],
      [i1, j0, k],
      [i1, j1, k],
      [i0, j1, k],
    ],
  };
}
