import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { labelsPresent } from './labelVolumes.ts';
import { assertSameVoxels, exportFailed } from './verify.ts';

const description = 'LoGoNet Studio';

/** Writes an image or a segmentation as .nii.gz (or .nii) and keeps it only if it reads back the same. Throws `io` or `disk-full`. */
export async function exportNifti(path: string, volume: Volume): Promise<void> {
  await writeVolume(path, volume, {
    description,
    check: async (temporary) => {
      assertSameVoxels(path, volume, (await readImage(temporary)).volume);
    },
  });
}

/** Writes a segmentation with the names and colours of its labels inside, and keeps it only if both read back the same. Throws `io` or `disk-full`. */
export async function exportNiftiLabels(path: string, volume: LabelVolume, labelSet: LabelSet): Promise<void> {
  const labels = labelsPresent(volume, labelSet);
  await writeVolume(path, volume, {
    description,
    labels,
    check: async (temporary) => {
      const found = await readLabels(temporary);
      assertSameVoxels(path, volume, found.volume);
      const names = new Map(found.labels.map(({ value, name }) => [value, name]));
      if (labels.some(({ value, name }) => names.get(value) !== name.trim().slice(0, 128)))
        throw exportFailed(path, 'the names of labels differ');
    },
  });
}
