import { join } from 'node:path';
import { allOrientationCodes } from '#shared/geometry/orientation.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { exportDicomSeries } from '#main/export/exportDicomSeries.ts';
import { differingVoxels } from '#main/export/verify.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { obliqueGrid, oriented, randomLabels, randomVolume, unevenGrid } from '../../support/volumes.ts';
import type { TrustRow } from '../row.ts';

const endings = ['.nii', '.nii.gz', '.nrrd', '.mha', 'dicom'] as const;

export const row: TrustRow = {
  name: 'export-geometry',
  property: 'volumes of every axis orientation, straight and oblique, and DICOM SEG on them, return with no voxel differing in the world',
  count: 48 * 5 * 2,
  short: 30,
  async run({ count, from, random, folder }) {
    const failures: string[] = [];
    for (let trial = from; trial < from + count; trial++) {
      const code = allOrientationCodes[trial % 48]!,
        ending = endings[Math.floor(trial / 48) % 5 === 0 && count < 48 ? trial % 5 : Math.floor(trial / 48) % 5]!;
      const straight = oriented(randomVolume(unevenGrid, 1), code).grid;
      const angles = [random.uniform(-180, 180), random.uniform(-90, 90), random.uniform(-180, 180)] as const;
      const grid = trial >= 240 || (count < 48 && random.next() < 0.5) ? obliqueGrid(straight, angles) : straight;
      const volume = randomVolume(grid, random.uint32());
      const what = `trial ${trial}: ${code}${grid === straight ? '' : ` turned by ${angles.map((x) => x.toFixed(1)).join('°, ')}°`} as ${ending}`;
      try {
        const path = join(folder, `x${trial}${ending}`);
        if (ending === 'dicom') await exportDicomSeries(path, volume, { modality: 'MR', name: String(trial) });
        else await writeVolume(path, volume);
        const image = await readImage(path);
        if (differingVoxels(volume, image.volume) > 0) failures.push(`${what}: voxels differ`);
        if (ending !== 'dicom') continue;
        const labels = randomLabels(image.volume.grid, random.uint32(), [0, 0, 1, 2]);
        const labelSet = { labels: [1, 2].map((value) => ({ value, name: `L${value}`, color: '#123456', locked: false })) };
        await exportDicomSeg(`${path}.dcm`, labels, labelSet, image.source);
        if (differingVoxels(labels, (await readLabels(`${path}.dcm`)).volume) > 0) failures.push(`${what}: segmentation voxels differ`);
      } catch (error) {
        failures.push(`${what}: ${String(error)}`);
      }
    }
    return { tried: count, failures };
  },
};
