import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Volume } from '#shared/geometry/grid.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom, type DicomRecord, type EncodeOptions } from '#main/imageio/dicom/encode.ts';
import { dicomPlanes } from '#main/export/dicomPlanes.ts';

export const plantedIdentity = {
  PatientName: 'Doe^Jane',
  PatientID: 'HOSP-998877',
  PatientBirthDate: '19700131',
  StudyDate: '20240229',
  AccessionNumber: 'ACC-5544',
  StudyDescription: 'Planted study text',
  ReferringPhysicianName: 'House^Gregory',
} as const;

/** Writes a volume as a series of single-slice CT files that carry a planted identity; `change` alters or (null) leaves out slice k. */
export function writeDicomSlices(
  folder: string,
  { grid, data }: Volume<Int16Array>,
  change: (k: number) => DicomRecord | null = () => ({}),
  encode: EncodeOptions = {},
): string[] {
  mkdirSync(folder, { recursive: true });
  const planes = dicomPlanes(grid);
  const length = grid.size[0] * grid.size[1];
  return Array.from({ length: grid.size[2] }, (_, k) => k).flatMap((k) => {
    const changed = change(k);
    if (!changed) return [];
    const path = join(folder, `${k}.dcm`);
    writeFileSync(
      path,
      Buffer.concat(
        encodeDicom(
          {
            ...plantedIdentity,
            StudyInstanceUID: '2.25.1',
            SeriesInstanceUID: '2.25.2',
            FrameOfReferenceUID: '2.25.3',
            SOPClassUID: uids.ctImage,
            SOPInstanceUID: `2.25.4.${k}`,
            Modality: 'CT',
            SeriesNumber: 1,
            InstanceNumber: k + 1,
            SliceThickness: 99,
            ImagePositionPatient: planes.positionOf(k),
            ImageOrientationPatient: planes.orientation,
            PixelSpacing: planes.pixelSpacing,
            SamplesPerPixel: 1,
            PhotometricInterpretation: 'MONOCHROME2',
            Rows: grid.size[1],
            Columns: grid.size[0],
            BitsAllocated: 16,
            BitsStored: 16,
            HighBit: 15,
            PixelRepresentation: 1,
            RescaleSlope: 1,
            RescaleIntercept: 0,
            PixelData: new Uint8Array(data.slice(k * length, (k + 1) * length).buffer),
            ...changed,
          },
          encode,
        ),
      ),
    );
    return [path];
  });
}

/** At most 128 pixels of 16 bits as an RLE frame of two segments, each one literal run. */
export function rleFrame(data: Int16Array): Uint8Array {
  const byte = (high: boolean) => Uint8Array.from(data, (value) => (high ? (value >> 8) & 255 : value & 255));
  const literal = (bytes: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from([bytes.length - 1]), bytes, ...(bytes.length % 2 === 0 ? [Buffer.from([128])] : [])]);
  const [high, low] = [literal(byte(true)), literal(byte(false))];
  const header = Buffer.alloc(64);
  [2, 64, 64 + high.length].forEach((x, n) => {
    header.writeUInt32LE(x, 4 * n);
  });
  return new Uint8Array(Buffer.concat([header, high, low]));
}
