import type { DecodedImage, DecodeLimits } from '../types.ts';
import { unsupportedFile } from '../failure.ts';

export async function readDicom(paths: readonly string[], _limits: DecodeLimits, _wanted: { identity: boolean; series: string | null }): Promise<DecodedImage> {
  throw unsupportedFile(paths[0] ?? '', 'is a DICOM file.');
}
