import { stat } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { detectFormat } from './detect.ts';
import { readDicom } from './dicom/readDicom.ts';
import { asFileError, packedDicom, unsupportedFile } from './failure.ts';
import { readMetaImage } from './metaimage/readMetaImage.ts';
import { readNifti } from './nifti/readNifti.ts';
import { readNrrd } from './nrrd/readNrrd.ts';
import type { DecodedImage, DecodeLimits } from './types.ts';

export interface DecodeRequest {
  readonly paths: readonly string[];
  readonly maxBytes: number;
  readonly identity: boolean;
  readonly series: string | null;
}

/** Reads an image of any format in this very thread: only for workers, see readImage.ts. */
export async function decodeImage(request: DecodeRequest): Promise<DecodedImage> {
  const [path] = request.paths;
  if (path === undefined) throw new StudioError('invalid-argument', 'No file was named.');
  try {
    return await decodeAny(path, request);
  } catch (error) {
    throw asFileError(path, error);
  }
}

async function decodeAny(path: string, { paths, maxBytes, identity, series }: DecodeRequest): Promise<DecodedImage> {
  const limits: DecodeLimits = { maxBytes };
  const found = await stat(path);
  // Opening a pipe or a device would wait for ever.
  if (!found.isFile() && !found.isDirectory()) throw unsupportedFile(path, 'is no regular file.');
  if (paths.length > 1 || found.isDirectory()) return readDicom(paths, limits, { identity, series });
  const format = await detectFormat(path);
  switch (format?.kind) {
    case 'nifti': return readNifti(path, format.compression, limits);
    case 'nrrd': return readNrrd(path, format.compression, limits);
    case 'metaimage': return readMetaImage(path, limits);
    case 'dicom':
      if (format.compression !== 'none') throw unsupportedFile(path, packedDicom);
      return readDicom(paths, limits, { identity, series });
    case undefined: throw unsupportedFile(path, 'is no image that is read here: NIfTI, NRRD, MetaImage and DICOM are.');
  }
}
