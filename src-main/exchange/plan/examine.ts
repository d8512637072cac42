/** Looks into the files of a group: decodes its image and masks, so that a plan tells what an import will find. */
import { basename } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { toWireError } from '#shared/base/errors.ts';
import { asStored, type IntensityScale } from '#shared/domain/caseImages.ts';
import type { Grid, VoxelArray } from '#shared/geometry/grid.ts';
import { readImage, readLabels, type DicomSeries, type ReadLabels } from '#main/imageio/readImage.ts';
import type { LabelNames } from '#main/imageio/labelNames.ts';
import type { MaskPart } from '#main/imageio/pairMasks.ts';
import { fitMask } from '#main/imageio/fitMask.ts';
import type { SkippedFile } from './importPlan.ts';
import { keyOfLabel, type SourceLabel } from './mapLabels.ts';
import { MaskOverlaps, type LaidPart } from './maskOverlaps.ts';
import type { CountedOverlaps } from './overlapOrder.ts';

export interface ExaminedImage {
  readonly paths: readonly string[];
  /** Which one of these files, from 1, where they hold several. */
  readonly volume: number | null;
  /** Of the channel or series; empty where nothing names it. */
  readonly name: string;
  readonly scale: IntensityScale;
  readonly grid: Grid;
  readonly contentHash: string;
  readonly isDicom: boolean;
  readonly studyUid: string | null;
  readonly seriesUid: string | null;
  readonly series: DicomSeries | null;
  readonly frameOfReferenceUid: string | null;
  /** Of a DICOM series: its patient's number, or else name; empty where there is neither. */
  readonly patient: string;
  readonly warnings: readonly string[];
  /** Whole numbers as labels have them, few of them. */
  readonly looksLikeLabels: boolean;
}

export interface ExaminedPart {
  readonly paths: readonly string[];
  readonly contentHash: string;
  readonly labels: readonly SourceLabel[];
  readonly remarks: readonly string[];
}

/** An image that may be one of a case's: its files, which of their volumes, and what a description or its file's name calls it. */
export type FoundImage = Pick<ExaminedImage, 'paths' | 'volume' | 'name'>;

export async function examineImage({ paths, volume, name }: FoundImage, cancellation: Cancellation): Promise<ExaminedImage> {
  const image = await readImage(paths, { cancellation, identity: true, ...(volume !== null && { volume }) });
  return {
    paths,
    volume,
    name,
    scale: image.series?.scale ?? asStored,
    grid: image.volume.grid,
    contentHash: image.contentHash,
    isDicom: image.format === 'dicom',
    studyUid: image.source?.studyInstanceUid ?? null,
    series: image.series ?? null,
    seriesUid: image.source?.seriesInstanceUid ?? null,
    frameOfReferenceUid: image.source?.frameOfReferenceUid ?? null,
    patient: image.identity?.patientId.trim() || (image.identity?.patientName.replace(/\^+/g, ' ').trim() ?? ''),
    warnings: [...image.warnings, ...(image.series?.remark ? [image.series.remark] : [])],
    looksLikeLabels: image.format !== 'dicom' && looksLikeLabels(image.volume.data),
  };
}

const mostLikelyLabels = 256;

function looksLikeLabels(data: VoxelArray): boolean {
  const seen = new Set<number>();
  for (let n = 0; n < data.length; n++) {
    const value = data[n] as number;
    if (value === 0) continue;
    if (value < 0 || value > 65535 || value !== Math.trunc(value)) return false;
    if (seen.add(value).size > mostLikelyLabels) return false;
  }
  return true;
}

/** Reads a mask's files and sees whether they lie on the image. Where one does not, all are refused: nothing of a mask is taken in part. */
export async function examineMask(
  parts: readonly MaskPart[],
  grid: Grid,
  names: LabelNames,
  cancellation: Cancellation,
): Promise<({ parts: readonly ExaminedPart[] } & CountedOverlaps) | { skipped: readonly SkippedFile[] }> {
  const examined: ExaminedPart[] = [];
  const skipped: SkippedFile[] = [];
  const overlaps = new MaskOverlaps();
  for (const { path, structure } of parts) {
    try {
      const { part, laid } = examineLabels([path], await readLabels([path], { cancellation, overlaps: true }), grid, names, structure);
      overlaps.add(laid);
      examined.push(part);
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'cancelled') throw error;
      skipped.push({ path, code, message });
    }
  }
  if (skipped.length === 0) return { parts: examined, ...overlaps.count() };
  const [first] = skipped;
  const others = examined.flatMap(({ paths }) =>
    paths.map((path) => ({
      path,
      code: 'invalid-file' as const,
      message: `It belongs to one mask with ${basename(first?.path ?? '')}, which cannot be taken: ${first?.message ?? ''}`,
    })),
  );
  return { skipped: [...skipped, ...others] };
}

/** A mask that was read with its overlaps, on its image's voxels. Throws `invalid-file` where it does not lie on them. */
export function examineLabels(
  paths: readonly string[],
  { volume, format, labels, contentHash, warnings, combinations }: ReadLabels,
  grid: Grid,
  names: LabelNames,
  structure: string | null,
): { part: ExaminedPart; laid: LaidPart } {
  const { volume: fitted, remark } = fitMask(volume, format, grid);
  const own = labels.some(({ name }) => name !== undefined);
  const said = labels.map((label): SourceLabel => {
    if (own) return label;
    // A file for each structure: its name is the label's.
    if (structure !== null && labels.length === 1) return { value: label.value, name: structure };
    const name = names.get(label.value);
    return name === undefined ? label : { ...label, name };
  });
  const part = { paths, contentHash, labels: said, remarks: [...warnings, ...(remark === null ? [] : [remark])] };
  return { part, laid: { data: fitted.data, combinations, keys: keysOf(part) } };
}

/** The label (its key) of each value of a part. */
export function keysOf({ labels }: Pick<ExaminedPart, 'labels'>): Map<number, string> {
  return new Map(labels.map((label) => [label.value, keyOfLabel(label)]));
}
