import type { Volume } from '#shared/geometry/grid.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { assertSameVoxels } from './verify.ts';

/** Writes an image or a segmentation as .nii.gz (or .nii) and keeps it only if it reads back the same. Throws `io` or `disk-full`. */
export async function exportNifti(path: string, volume: Volume): Promise<void> {
  await writeVolume(path, volume, {
    description: 'LoGoNet Studio',
    check: async (temporary) => { assertSameVoxels(path, volume, (await readImage(temporary)).volume); },
  });
}
