import type { Triple } from '#shared/geometry/grid.ts';
import type { Modality } from '../types.ts';
import type { DicomDataset } from './dataset.ts';
import type { DicomFile } from './parse.ts';
import { uids } from './dictionary.ts';

/** One picture of a series: where it lies, and how its stored values become intensities. */
export interface Frame {
  readonly path: string;
  /** From 0, in its file. */
  readonly index: number;
  readonly isMultiFrame: boolean;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string;
  readonly seriesNumber: number;
  readonly modality: Modality;
  /** What tells apart the pictures of one place: time point and echo. */
  readonly phase: string;
  /** What came before what at one place: time point, echo, b-value, acquisition, trigger, time, number; compared in this order. */
  readonly order: readonly number[];
  readonly columns: number;
  readonly rows: number;
  /** Centre of the first pixel, LPS millimetres. */
  readonly position: Triple;
  /** Unit vectors along a row (i) and along a column (j). */
  readonly rowAxis: Triple;
  readonly columnAxis: Triple;
  /** Millimetres along i and j. */
  readonly pixelSize: readonly [number, number];
  /** SpacingBetweenSlices in millimetres, or 0. */
  readonly sliceDistance: number;
  readonly slope: number;
  readonly intercept: number;
}

/** The pictures of a file, or in `reason` why it holds none that can be placed in space (ends the sentence "<file> …"). */
export function framesOf({ path, dataset }: DicomFile): { frames: Frame[] } | { reason: string } {
  if (!dataset.has('PixelData') || !dataset.has('Rows'))
    return { reason: 'is a DICOM object without an image (a report, plan, contour set or directory).' };
  if (dataset.string('SOPClassUID') === uids.doseImage) return { reason: 'is a radiation dose map, not an image.' };
  if (dataset.number('SamplesPerPixel', 1) !== 1) return { reason: 'is a colour image; a volume of single intensities is needed.' };
  const isLabelMap = dataset.string('SOPClassUID') === uids.labelMapSegmentation;
  if (!isLabelMap && dataset.strings('PhotometricInterpretation')[0] === 'PALETTE COLOR')
    return { reason: 'is a colour image; a volume of single intensities is needed.' };
  if (dataset.strings('ImageType').includes('MOSAIC')) return { reason: 'is a mosaic of slices; convert it to single slices first.' };
  const shared = dataset.item('SharedFunctionalGroupsSequence');
  const groups = dataset.items('PerFrameFunctionalGroupsSequence');
  const count = Math.max(1, dataset.number('NumberOfFrames', 1));
  if (count > 1 && groups.length < count) return { reason: 'holds several frames without saying where each lies.' };
  const frames: Frame[] = [];
  for (let index = 0; index < count; index++) {
    const frame = frameOf(path, dataset, index, groups[index], shared);
    if (!frame)
      return {
        reason:
          'does not say where it lies in the patient (a projection, photograph or secondary capture), so that it is no part of a volume.',
      };
    frames.push(frame);
  }
  return { frames };
}

function frameOf(
  path: string,
  dataset: DicomDataset,
  index: number,
  own: DicomDataset | undefined,
  shared: DicomDataset | undefined,
): Frame | null {
  // An attribute stands in the frame's group, in the shared group, or in the data set itself.
  const group = (keyword: Parameters<DicomDataset['item']>[0]): DicomDataset => own?.item(keyword) ?? shared?.item(keyword) ?? dataset;
  const position = group('PlanePositionSequence').numbers('ImagePositionPatient');
  const orientation = group('PlaneOrientationSequence').numbers('ImageOrientationPatient');
  const measures = group('PixelMeasuresSequence');
  const [betweenRows, betweenColumns] = measures.numbers('PixelSpacing');
  const rowAxis = unit(orientation.slice(0, 3)),
    columnAxis = unit(orientation.slice(3, 6));
  if (position.length !== 3 || !position.every(Number.isFinite) || !rowAxis || !columnAxis) return null;
  if (Math.abs(rowAxis[0] * columnAxis[0] + rowAxis[1] * columnAxis[1] + rowAxis[2] * columnAxis[2]) > 0.01) return null;
  if (!(betweenRows && betweenColumns && betweenRows > 0 && betweenColumns > 0)) return null;
  const scale = group('PixelValueTransformationSequence');
  const content = own?.item('FrameContentSequence');
  const modality = dataset.string('Modality');
  return {
    path,
    index,
    isMultiFrame: own !== undefined,
    sopInstanceUid: dataset.string('SOPInstanceUID'),
    sopClassUid: dataset.string('SOPClassUID'),
    studyInstanceUid: dataset.string('StudyInstanceUID'),
    seriesInstanceUid: dataset.string('SeriesInstanceUID'),
    frameOfReferenceUid: dataset.string('FrameOfReferenceUID'),
    seriesNumber: dataset.number('SeriesNumber', 0),
    modality: modality === 'CT' || modality === 'MR' ? modality : 'unknown',
    phase: `${content?.number('TemporalPositionIndex', 0) ?? dataset.number('TemporalPositionIdentifier', 0)}/${dataset.number('EchoNumbers', 0)}`,
    order: [
      content?.number('TemporalPositionIndex', 0) ?? dataset.number('TemporalPositionIdentifier', 0),
      ...(['EchoNumbers', 'DiffusionBValue', 'AcquisitionNumber', 'TriggerTime', 'AcquisitionTime', 'InstanceNumber'] as const).map(
        (keyword) => dataset.number(keyword, 0),
      ),
      index,
    ],
    columns: dataset.number('Columns', 0),
    rows: dataset.number('Rows', 0),
    position: position as unknown as Triple,
    rowAxis,
    columnAxis,
    pixelSize: [betweenColumns, betweenRows],
    sliceDistance: Math.abs(measures.number('SpacingBetweenSlices', 0)),
    slope: scale.number('RescaleSlope', 1) || 1,
    intercept: scale.number('RescaleIntercept', 0),
  };
}

function unit(vector: readonly number[]): Triple | null {
  const length = Math.hypot(...vector);
  return vector.length === 3 && Math.abs(length - 1) < 0.05 ? (vector.map((x) => x / length) as unknown as Triple) : null;
}
