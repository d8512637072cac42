import { stat } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { onLeadingGrid } from '#shared/domain/caseImages.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { detectFormat } from './detect.ts';
import { readDicom } from './dicom/readDicom.ts';
import { asFileError, packedDicom, unsupportedFile } from './failure.ts';
import { readMetaImage } from './metaimage/readMetaImage.ts';
import { readNifti } from './nifti/readNifti.ts';
import { readNrrd } from './nrrd/readNrrd.ts';
import type { DecodedImage, DecodeLimits, LeadingPlace } from './types.ts';

export interface DecodeRequest {
  readonly paths: readonly string[];
  readonly maxBytes: number;
  readonly identity: boolean;
  readonly series: string | null;
  /** Which volume of several, from 1. */
  readonly volume: number | null;
  /** The images' voxels, for contours. */
  readonly grid: Grid | null;
  readonly onto: LeadingPlace | null;
}

/** Reads an image of any format in this very thread: only for workers, see readImage.ts. */
export async function decodeImage(request: DecodeRequest): Promise<DecodedImage> {
  const [path] = request.paths;
  if (path === undefined) throw new StudioError('invalid-argument', 'No file was named.');
  try {
    const { onto, ...rest } = request;
    const image = await decodeAny(path, rest);
    return onto === null ? image : { ...image, volume: onLeadingGrid(image.volume, onto, onto.grid) };
  } catch (error) {
    throw asFileError(path, error);
  }
}

async function decodeAny(path: string, { paths, maxBytes, volume, ...dicom }: Omit<DecodeRequest, 'onto'>): Promise<DecodedImage> {
  const limits: DecodeLimits = { maxBytes };
  const found = await stat(path);
  // Opening a pipe or a device would wait for ever.
  if (!found.isFile() && !found.isDirectory()) throw unsupportedFile(path, 'is no regular file.');
  if (paths.length > 1 || found.isDirectory()) return readDicom(paths, limits, { ...dicom, volume });
  const format = await detectFormat(path);
  switch (format?.kind) {
    case 'nifti':
      return readNifti(path, format.compression, limits, volume);
    case 'nrrd':
      return readNrrd(path, format.compression, limits, volume);
    case 'metaimage':
      return readMetaImage(path, limits, volume);
    case 'dicom':
      if (format.compression !== 'none') throw unsupportedFile(path, packedDicom);
      return readDicom(paths, limits, { ...dicom, volume });
    case undefined:
      throw unsupportedFile(path, 'is not a supported image: NIfTI, NRRD, MetaImage and DICOM are.');
  }
}
