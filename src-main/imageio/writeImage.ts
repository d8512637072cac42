import type { Volume } from '#shared/geometry/grid.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { FileLabel } from './types.ts';
import { writePieces } from './writePieces.ts';
import { encodeMetaImage } from './metaimage/encodeMetaImage.ts';
import { encodeNifti } from './nifti/encodeNifti.ts';
import { encodeNrrd } from './nrrd/encodeNrrd.ts';

export interface WriteVolumeOptions {
  /** A name for the file's own description field; never a person's. */
  readonly description?: string;
  /** Names and colours of labels; kept by .nii and .nii.gz. */
  readonly labels?: readonly FileLabel[];
  /** Looked at before the file takes its place: throws to refuse what was written. */
  readonly check?: (temporaryPath: string) => Promise<void>;
}

/**
 * Writes a volume by the path's ending: .nii, .nii.gz, .nrrd (gzip inside) or .mha. Atomic and durable (see `writePieces`).
 * Throws `invalid-argument` on another ending, `disk-full` or `io`.
 */
export async function writeVolume(
  path: string,
  volume: Volume,
  { description = '', labels = [], check }: WriteVolumeOptions = {},
): Promise<void> {
  const options = check ? { check } : {};
  const lower = path.toLowerCase();
  if (lower.endsWith('.nii')) return writePieces(path, encodeNifti(volume, description, labels), options);
  if (lower.endsWith('.nii.gz')) return writePieces(path, encodeNifti(volume, description, labels), { ...options, compression: 'gzip' });
  if (lower.endsWith('.nrrd')) return writePieces(path, await encodeNrrd(volume), options);
  if (lower.endsWith('.mha')) return writePieces(path, await encodeMetaImage(volume), options);
  throw new StudioError('invalid-argument', 'Volumes are written as .nii, .nii.gz, .nrrd or .mha; give the file one of these endings.');
}
