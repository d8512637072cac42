import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Volume } from '#shared/geometry/grid.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom } from '#main/imageio/dicom/encode.ts';
import { readImage, type Modality } from '#main/imageio/readImage.ts';
import { anonymousName, uidOf } from './anonymousName.ts';
import { dicomPlanes, equipmentModule, patientModule } from './dicomPlanes.ts';
import { assertCloseVoxels, assertSameVoxels } from './verify.ts';

export interface DicomSeriesOptions {
  readonly modality?: Modality;
  /** What the identifiers are derived from, e.g. the library's case id: the same name gives the same series. */
  readonly name: string;
}

/**
 * Writes a volume that did not come from DICOM as an anonymous series, one file a slice, so that a DICOM SEG can refer to it. Integers that
 * fit 16 bits stay exact; other values are scaled to 16 bits (RescaleSlope). Resolves with the files, first slice first. Throws `io`, `disk-full`, `invalid-argument`.
 */
export async function exportDicomSeries(
  folder: string,
  volume: Volume,
  { modality = 'unknown', name }: DicomSeriesOptions,
): Promise<string[]> {
  const { grid } = volume;
  const planes = dicomPlanes(grid);
  const { stored, slope, intercept } = asInt16(volume);
  const sopClassUid = modality === 'CT' ? uids.ctImage : modality === 'MR' ? uids.mrImage : uids.secondaryCapture;
  await mkdir(folder, { recursive: true });
  const length = grid.size[0] * grid.size[1];
  const paths: string[] = [];
  for (let k = 0; k < grid.size[2]; k++) {
    const slice = stored.slice(k * length, (k + 1) * length);
    const path = join(folder, `slice_${String(k + 1).padStart(5, '0')}.dcm`);
    await writePieces(
      path,
      encodeDicom({
        ...patientModule(anonymousName(name), uidOf(`study/${name}`), undefined),
        ...equipmentModule,
        SOPClassUID: sopClassUid,
        SOPInstanceUID: uidOf(`slice/${k}/${name}`),
        SeriesInstanceUID: uidOf(`series/${name}`),
        SeriesNumber: 1,
        InstanceNumber: k + 1,
        Modality: modality === 'unknown' ? 'OT' : modality,
        ImageType: ['DERIVED', 'SECONDARY'],
        FrameOfReferenceUID: uidOf(`frame/${name}`),
        PositionReferenceIndicator: '',
        ImagePositionPatient: planes.positionOf(k),
        ImageOrientationPatient: planes.orientation,
        PixelSpacing: planes.pixelSpacing,
        SpacingBetweenSlices: planes.sliceDistance,
        SamplesPerPixel: 1,
        PhotometricInterpretation: 'MONOCHROME2',
        Rows: grid.size[1],
        Columns: grid.size[0],
        BitsAllocated: 16,
        BitsStored: 16,
        HighBit: 15,
        PixelRepresentation: 1,
        RescaleSlope: slope,
        RescaleIntercept: intercept,
        RescaleType: 'US',
        PixelData: new Uint8Array(slice.buffer),
      }),
    );
    paths.push(path);
  }
  const found = (await readImage(paths)).volume;
  if (slope === 1) assertSameVoxels(folder, volume, found);
  else assertCloseVoxels(folder, volume, found, slope);
  return paths;
}

function asInt16({ data }: Volume): { stored: Int16Array; slope: number; intercept: number } {
  let low = Infinity,
    high = -Infinity,
    isWhole = true;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
    isWhole &&= Number.isInteger(value);
  }
  if (isWhole && low >= -32768 && high <= 32767) return { stored: Int16Array.from(data), slope: 1, intercept: 0 };
  const slope = (high - low) / 65535 || 1,
    intercept = low + 32768 * slope;
  return { stored: Int16Array.from(data, (value) => Math.round((value - intercept) / slope)), slope, intercept };
}
