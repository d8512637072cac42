import { labelsPresent } from './labelVolumes.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume, Volume } from '#shared/geometry/grid.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import { encodeNrrd } from '#main/imageio/nrrd/encodeNrrd.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { assertSameVoxels } from './verify.ts';

/** Writes an image as .nrrd and keeps it only if it reads back the same. Throws `io` or `disk-full`. */
export async function exportNrrd(path: string, volume: Volume): Promise<void> {
  await write(path, volume, await encodeNrrd(volume));
}

/** Writes a segmentation as .seg.nrrd with the names and colours of its labels, as 3D Slicer reads them. Throws `io` or `disk-full`. */
export async function exportSegNrrd(path: string, labels: LabelVolume, labelSet: LabelSet): Promise<void> {
  await write(path, labels, await encodeNrrd(labels, labelsPresent(labels, labelSet)));
}

async function write(path: string, volume: Volume, pieces: readonly Uint8Array[]): Promise<void> {
  await writePieces(path, pieces, {
    check: async (temporary) => {
      assertSameVoxels(path, volume, (await readImage(temporary)).volume);
    },
  });
}
