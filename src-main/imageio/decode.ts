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
export async function decodeImage({ paths, maxBytes, identity, series }: DecodeRequest): Promise<DecodedImage> {
  const [path] = paths;
  if (path === undefined) throw new StudioError('invalid-argument', 'No file was named.');
  const limits: DecodeLimits = { maxBytes };
  const found = await stat(path).catch((error: unknown) => { throw asFileError(path, error); });
  if (paths.length > 1 || found.isDirectory()) return readDicom(paths, limits, { identity, series });
  const format = await detectFormat(path);
  try {
    switch (format?.kind) {
      case 'nifti': return await readNifti(path, format.compression, limits);
      case 'nrrd': return await readNrrd(path, format.compression, limits);
      case 'metaimage': return await readMetaImage(path, limits);
      case 'dicom':
        if (format.compression !== 'none') throw unsupportedFile(path, packedDicom);
        return await readDicom(paths, limits, { identity, series });
      case undefined: throw unsupportedFile(path, 'is no image that is read here: NIfTI, NRRD, MetaImage and DICOM are.');
    }
  } catch (error) {
    throw asFileError(path, error);
  }
}
