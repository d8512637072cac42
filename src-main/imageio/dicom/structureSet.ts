import type { DicomReferences } from '../types.ts';
import type { DicomDataset } from './dataset.ts';

/** One contour of a structure. */
export interface Contour {
  /** x, y, z by turns, LPS millimetres. */
  readonly points: Float64Array;
  readonly kind: string;
}

export interface Structure {
  /** From 1, in the file's order. */
  readonly value: number;
  readonly name: string;
  /** '#rrggbb', where the file says one. */
  readonly color: string | null;
  readonly contours: readonly Contour[];
}

/** The structures of an RTSTRUCT, in its order; those without contours too. */
export function structuresOf(dataset: DicomDataset): Structure[] {
  const drawn = new Map(dataset.items('ROIContourSequence').map((item) => [item.string('ReferencedROINumber'), item]));
  return dataset.items('StructureSetROISequence').map((item, n): Structure => {
    const own = drawn.get(item.string('ROINumber'));
    const rgb = own?.numbers('ROIDisplayColor') ?? [];
    return {
      value: n + 1,
      name: item.string('ROIName') || `Structure ${String(n + 1)}`,
      color:
        rgb.length === 3 && rgb.every((x) => Number.isInteger(x) && x >= 0 && x <= 255)
          ? `#${rgb.map((x) => x.toString(16).padStart(2, '0')).join('')}`
          : null,
      contours: (own?.items('ContourSequence') ?? []).map((contour) => ({
        points: contour.decimals('ContourData'),
        kind: contour.string('ContourGeometricType'),
      })),
    };
  });
}

/** The series and frames of reference that a segmentation or structure set refers to. */
export function referencesOf(dataset: DicomDataset): DicomReferences {
  const frames = dataset.items('ReferencedFrameOfReferenceSequence');
  const series = [
    ...dataset.items('ReferencedSeriesSequence'),
    ...frames.flatMap((frame) => frame.items('RTReferencedStudySequence').flatMap((study) => study.items('RTReferencedSeriesSequence'))),
  ];
  const distinct = (uids: readonly string[]): string[] => [...new Set(uids.filter((uid) => uid !== ''))];
  return {
    series: distinct(series.map((item) => item.string('SeriesInstanceUID'))),
    framesOfReference: distinct([
      dataset.string('FrameOfReferenceUID'),
      ...frames.map((frame) => frame.string('FrameOfReferenceUID')),
      ...dataset.items('StructureSetROISequence').map((roi) => roi.string('ReferencedFrameOfReferenceUID')),
    ]),
  };
}
