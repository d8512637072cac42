import { createHash } from 'node:crypto';
import { applyAffine } from '#shared/geometry/affine.ts';
import { StudioError } from '#shared/base/errors.ts';
import { outlinesOf } from '#shared/geometry/contours.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { membersOf } from '#shared/domain/regions.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom, type DicomRecord } from '#main/imageio/dicom/encode.ts';
import { readLabels, type DicomSource, type PatientIdentity } from '#main/imageio/readImage.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import { anonymousName, uidOf } from './anonymousName.ts';
import { equipmentModule, patientModule } from './dicomPlanes.ts';
import { assertSameLabels, exportedLabels, type ExportedLabel } from './exportedLabels.ts';

export interface RtStructOptions {
  /** Whose the images are; left out unless given. */
  readonly identity?: PatientIdentity;
  readonly algorithm?: 'MANUAL' | 'SEMIAUTOMATIC' | 'AUTOMATIC';
  /** When the mask was made; now where not given. */
  readonly madeAt?: Date;
  /** Each label with all that lies inside it. */
  readonly regions?: boolean;
}

/**
 * Writes a mask as an RTSTRUCT over the series that it was drawn on: a structure for each label with its name and colour, and in every slice closed
 * contours along the edges of the voxels, holes by keyholes, so that what they enclose is the mask. The file is kept only if it reads back the
 * same. Throws `invalid-argument` where the image is no DICOM series or the mask lies on another grid; `io`, `disk-full`.
 */
export async function exportRtStruct(
  path: string,
  labels: LabelVolume,
  labelSet: LabelSet,
  source: DicomSource | null,
  options: RtStructOptions = {},
): Promise<void> {
  if (!source)
    throw new StudioError(
      'invalid-argument',
      'A structure set has to name the DICOM series that it belongs to, and this image did not come from one; export it as a DICOM series with SEG, as NIfTI or as NRRD.',
    );
  if (source.instances.length !== labels.grid.size[2])
    throw new StudioError('invalid-argument', 'The mask does not lie on the slices of its DICOM series.');
  // Of an empty mask, what was looked for.
  const present = exportedLabels(labels, labelSet, options.regions === true);
  const structures = present.length > 0 ? present : labelSet.labels.map((label) => ({ ...label, values: [label.value] }));
  // Implicit VR, as structure sets have it: a contour's numbers may be longer than the 64 KiB that explicit VR can name.
  const pieces = encodeDicom(structureRecord(labels, structures, source, options), { transferSyntax: uids.implicitLittle });
  await writePieces(path, pieces, {
    check: async (temporary) => {
      assertSameLabels(path, labels, structures, await readLabels(temporary, { grid: labels.grid, overlaps: true }));
    },
  });
}

function structureRecord(
  labels: LabelVolume,
  structures: readonly ExportedLabel[],
  source: DicomSource,
  options: RtStructOptions,
): DicomRecord {
  const { data } = labels;
  const stamp = (options.madeAt ?? new Date()).toISOString().replace(/[-:T]/g, '');
  const content = createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .update(JSON.stringify(structures.map(({ values }) => values)))
    .digest('hex');
  const uid = (what: string): string => uidOf(`${what}/${source.seriesInstanceUid}/${content}/${stamp}`);
  return {
    ...patientModule(anonymousName(source.studyInstanceUid), source.studyInstanceUid, options.identity),
    ...equipmentModule,
    SOPClassUID: uids.structureSet,
    SOPInstanceUID: uid('structure set'),
    SeriesInstanceUID: uid('structure set series'),
    SeriesNumber: 901,
    InstanceNumber: 1,
    Modality: 'RTSTRUCT',
    SeriesDescription: 'Structure set',
    FrameOfReferenceUID: source.frameOfReferenceUid,
    PositionReferenceIndicator: '',
    StructureSetLabel: 'SEGMENTATION',
    StructureSetDate: stamp.slice(0, 8),
    StructureSetTime: stamp.slice(8, 14),
    ReferencedFrameOfReferenceSequence: [
      {
        FrameOfReferenceUID: source.frameOfReferenceUid,
        RTReferencedStudySequence: [
          {
            ReferencedSOPClassUID: uids.studyManagement,
            ReferencedSOPInstanceUID: source.studyInstanceUid,
            RTReferencedSeriesSequence: [
              { SeriesInstanceUID: source.seriesInstanceUid, ContourImageSequence: source.instances.map((_, k) => imageOf(source, k)) },
            ],
          },
        ],
      },
    ],
    StructureSetROISequence: structures.map(({ name }, n) => ({
      ROINumber: n + 1,
      ReferencedFrameOfReferenceUID: source.frameOfReferenceUid,
      ROIName: name.replace(/[\\\p{Cc}]/gu, ' ').slice(0, 64),
      ROIGenerationAlgorithm: options.algorithm ?? 'SEMIAUTOMATIC',
    })),
    ROIContourSequence: structures.map((structure, n) => {
      const { color } = structure;
      const contours = contoursOf(labels, structure, source);
      return {
        ROIDisplayColor: (color.match(/[0-9a-f]{2}/gi) ?? []).map((hex) => parseInt(hex, 16)),
        ReferencedROINumber: n + 1,
        ...(contours.length > 0 && { ContourSequence: contours }),
      };
    }),
    RTROIObservationsSequence: structures.map((_, n) => ({
      ObservationNumber: n + 1,
      ReferencedROINumber: n + 1,
      RTROIInterpretedType: '',
      ROIInterpreter: '',
    })),
  };
}

function contoursOf({ grid, data }: LabelVolume, structure: ExportedLabel, source: DicomSource): DicomRecord[] {
  const [width, height, slices] = grid.size;
  const length = width * height;
  const contours: DicomRecord[] = [];
  const marked = new Uint8Array(length);
  const isMember = membersOf(structure.values);
  for (let k = 0; k < slices; k++) {
    let any = false;
    for (let n = 0; n < length; n++) {
      marked[n] = isMember[data[k * length + n] as number] as number;
      any ||= marked[n] === 1;
    }
    if (!any) continue;
    for (const loop of outlinesOf(marked, width, height)) {
      const points: number[] = [];
      for (let n = 0; n < loop.length; n += 2) points.push(...applyAffine(grid.affine, [loop[n] as number, loop[n + 1] as number, k]));
      contours.push({
        ContourImageSequence: [imageOf(source, k)],
        ContourGeometricType: 'CLOSED_PLANAR',
        NumberOfContourPoints: loop.length / 2,
        ContourData: points,
      });
    }
  }
  return contours;
}

function imageOf({ sopClassUid, instances }: DicomSource, k: number): DicomRecord {
  const { sopInstanceUid = '', frame } = instances[k] ?? {};
  return {
    ReferencedSOPClassUID: sopClassUid,
    ReferencedSOPInstanceUID: sopInstanceUid,
    ...(frame !== undefined && { ReferencedFrameNumber: frame }),
  };
}
