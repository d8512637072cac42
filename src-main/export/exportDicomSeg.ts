import { createHash } from 'node:crypto';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { membersOf } from '#shared/domain/regions.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import { cieLabFromHex } from '#main/imageio/dicom/cielab.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom, type DicomRecord } from '#main/imageio/dicom/encode.ts';
import { readLabels, type DicomSource, type PatientIdentity } from '#main/imageio/readImage.ts';
import { anonymousName, uidOf } from './anonymousName.ts';
import { dicomPlanes, equipmentModule, patientModule } from './dicomPlanes.ts';
import { assertSameLabels, exportedLabels, mayOverlap, type ExportedLabel } from './exportedLabels.ts';
import type { PresentLabel } from './labelVolumes.ts';
import { segmentCodesOf, type Code } from './segmentCodes.ts';

export interface DicomSegOptions {
  /** Whose the images are; left out unless given. */
  readonly identity?: PatientIdentity;
  readonly algorithm?: 'MANUAL' | 'SEMIAUTOMATIC' | 'AUTOMATIC';
  /** When the segmentation was made; now where not given. */
  readonly madeAt?: Date;
  /** Each label with all that lies inside it: segments then overlap. */
  readonly regions?: boolean;
}

/**
 * Writes a mask as a binary DICOM SEG over the series that it was drawn on: coded segments, recommended colours, and references to the source
 * images, on the source's own slices. Segments are numbered 1, 2, … in the order of label values, as DICOM wants it. The file is kept only if
 * it reads back the same. Throws `invalid-argument` where the image is no DICOM series or the mask lies on another grid; `io`, `disk-full`.
 */
export async function exportDicomSeg(
  path: string,
  labels: LabelVolume,
  labelSet: LabelSet,
  source: DicomSource | null,
  options: DicomSegOptions = {},
): Promise<void> {
  if (!source)
    throw new StudioError(
      'invalid-argument',
      'A DICOM segmentation has to name the DICOM series that it belongs to, and this image did not come from one; export it as a DICOM series with SEG, as NIfTI or as NRRD.',
    );
  if (source.instances.length !== labels.grid.size[2])
    throw new StudioError('invalid-argument', 'The segmentation does not lie on the slices of its DICOM series.');
  const present = exportedLabels(labels, labelSet, options.regions === true);
  await writePieces(path, encodeDicom(segmentationRecord(labels, present, source, options)), {
    check: async (temporary) => {
      assertSameLabels(path, labels, present, await readLabels(temporary, { overlaps: true }));
    },
  });
}

function segmentationRecord(
  labels: LabelVolume,
  present: readonly ExportedLabel[],
  source: DicomSource,
  options: DicomSegOptions,
): DicomRecord {
  const { grid, data } = labels;
  const planes = dicomPlanes(grid);
  const made = options.madeAt ?? new Date();
  const stamp = made.toISOString().replace(/[-:T]/g, '');
  const content = createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .update(JSON.stringify(present.map(({ values }) => values)))
    .digest('hex');
  const uid = (what: string): string => uidOf(`${what}/${source.seriesInstanceUid}/${content}/${stamp}`);
  const frames = coveredFrames(labels, present);
  return {
    ...patientModule(anonymousName(source.studyInstanceUid), source.studyInstanceUid, options.identity),
    ...equipmentModule,
    SOPClassUID: uids.segmentation,
    SOPInstanceUID: uid('instance'),
    SeriesInstanceUID: uid('series'),
    SeriesNumber: 900,
    InstanceNumber: 1,
    Modality: 'SEG',
    SeriesDescription: 'Segmentation',
    ImageType: ['DERIVED', 'PRIMARY'],
    ContentDate: stamp.slice(0, 8),
    ContentTime: stamp.slice(8, 14),
    ContentLabel: 'SEGMENTATION',
    ContentDescription: '',
    ContentCreatorName: '',
    FrameOfReferenceUID: source.frameOfReferenceUid,
    PositionReferenceIndicator: '',
    ReferencedSeriesSequence: [{ SeriesInstanceUID: source.seriesInstanceUid, ReferencedInstanceSequence: uniqueInstances(source) }],
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: grid.size[1],
    Columns: grid.size[0],
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    PixelRepresentation: 0,
    LossyImageCompression: '00',
    SegmentationType: 'BINARY',
    SegmentsOverlap: mayOverlap(present) ? 'YES' : 'NO',
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: uid('dimensions') }],
    DimensionIndexSequence: [
      {
        DimensionOrganizationUID: uid('dimensions'),
        DimensionIndexPointer: 0x0062000b,
        FunctionalGroupPointer: 0x0062000a,
        DimensionDescriptionLabel: 'Segment',
      },
      {
        DimensionOrganizationUID: uid('dimensions'),
        DimensionIndexPointer: 0x00200032,
        FunctionalGroupPointer: 0x00209113,
        DimensionDescriptionLabel: 'Position',
      },
    ],
    SegmentSequence: (present.length > 0 ? present : [{ value: 1, name: 'Empty', color: '#808080' }]).map((label, n) =>
      segmentItem(label, n + 1, options.algorithm ?? 'SEMIAUTOMATIC'),
    ),
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [
          { PixelSpacing: planes.pixelSpacing, SliceThickness: planes.sliceDistance, SpacingBetweenSlices: planes.sliceDistance },
        ],
        PlaneOrientationSequence: [{ ImageOrientationPatient: planes.orientation }],
      },
    ],
    NumberOfFrames: frames.length,
    PerFrameFunctionalGroupsSequence: frames.map(({ segment, k }) => ({
      FrameContentSequence: [{ DimensionIndexValues: [segment, k + 1] }],
      PlanePositionSequence: [{ ImagePositionPatient: planes.positionOf(k) }],
      SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }],
      DerivationImageSequence: [
        {
          DerivationCodeSequence: [codeItem({ value: '113076', meaning: 'Segmentation' }, 'DCM')],
          SourceImageSequence: [
            {
              ...reference(source, k),
              PurposeOfReferenceCodeSequence: [
                codeItem({ value: '121322', meaning: 'Source image for image processing operation' }, 'DCM'),
              ],
            },
          ],
        },
      ],
    })),
    PixelData: packedBits(labels, frames, present),
  };
}

interface SegFrame {
  readonly segment: number;
  readonly k: number;
}

/** The slices that each segment covers; an empty mask still needs one frame. */
function coveredFrames({ grid, data }: LabelVolume, present: readonly ExportedLabel[]): SegFrame[] {
  const [columns, rows, slices] = grid.size;
  const covered = Array.from({ length: slices }, (_, k) => new Set(data.subarray(k * columns * rows, (k + 1) * columns * rows)));
  const frames = present.flatMap(({ values }, n) =>
    covered.flatMap((held, k): SegFrame[] => (values.some((value) => held.has(value)) ? [{ segment: n + 1, k }] : [])),
  );
  return frames.length > 0 ? frames : [{ segment: 1, k: 0 }];
}

function packedBits({ grid, data }: LabelVolume, frames: readonly SegFrame[], present: readonly ExportedLabel[]): Uint8Array {
  const length = grid.size[0] * grid.size[1];
  const bits = new Uint8Array(Math.ceil((frames.length * length) / 8));
  const members = present.map(({ values }) => membersOf(values));
  frames.forEach(({ segment, k }, index) => {
    const isMember = members[segment - 1];
    for (let n = 0; isMember !== undefined && n < length; n++) {
      const bit = index * length + n;
      if (isMember[data[k * length + n] as number] === 1) bits[bit >> 3] = (bits[bit >> 3] as number) | (1 << (bit & 7));
    }
  });
  return bits;
}

function segmentItem({ name, color }: PresentLabel, number: number, algorithm: string): DicomRecord {
  const { category, type, modifier } = segmentCodesOf(name);
  return {
    SegmentNumber: number,
    SegmentLabel: name.replace(/[\\\p{Cc}]/gu, ' ').slice(0, 64),
    SegmentAlgorithmType: algorithm,
    ...(algorithm === 'MANUAL' ? {} : { SegmentAlgorithmName: 'LoGoNet' }),
    RecommendedDisplayCIELabValue: cieLabFromHex(color),
    SegmentedPropertyCategoryCodeSequence: [codeItem(category)],
    SegmentedPropertyTypeCodeSequence: [
      { ...codeItem(type), ...(modifier !== undefined && { SegmentedPropertyTypeModifierCodeSequence: [codeItem(modifier)] }) },
    ],
  };
}

function codeItem({ value, meaning }: Code, scheme = 'SCT'): DicomRecord {
  return { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning };
}

function reference({ sopClassUid, instances }: DicomSource, k: number): DicomRecord {
  const instance = instances[k];
  const base = { ReferencedSOPClassUID: sopClassUid, ReferencedSOPInstanceUID: instance?.sopInstanceUid ?? '' };
  return instance?.frame === undefined ? base : { ...base, ReferencedFrameNumber: instance.frame };
}

function uniqueInstances({ sopClassUid, instances }: DicomSource): DicomRecord[] {
  return [...new Set(instances.map((one) => one.sopInstanceUid))].map((sopInstanceUid) => ({
    ReferencedSOPClassUID: sopClassUid,
    ReferencedSOPInstanceUID: sopInstanceUid,
  }));
}
