import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allOrientationCodes, orientationCode, reorientVolume } from '#shared/geometry/orientation.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { differingVoxels } from '#main/export/verify.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { exportDicom } from '#main/export/exportDicom.ts';
import { exportDicomSeries } from '#main/export/exportDicomSeries.ts';
import { exportNifti } from '#main/export/exportNifti.ts';
import { exportNrrd, exportSegNrrd } from '#main/export/exportNrrd.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { obliqueGrid, oriented, randomLabels, randomVolume, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-roundtrip-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const labelSet = {
  labels: [
    { value: 1, name: 'Liver', color: '#dd8265', locked: false },
    { value: 2, name: 'Tumour', color: '#00ff40', locked: false },
    { value: 5, name: 'Thing', color: '#123456', locked: false },
  ],
};

/** Every axis orientation straight, and turned so that no axis follows the patient's. */
const grids = allOrientationCodes.flatMap((code, n) => {
  const { grid } = oriented(randomVolume(unevenGrid, 1), code);
  return [{ name: code, grid }, ...(n % 4 === 0 ? [{ name: `${code} oblique`, grid: obliqueGrid(grid, [17 + n, -31 + n / 2, 9]) }] : [])];
});

async function expectSame(volume: Volume, path: string | string[]): Promise<void> {
  expect(differingVoxels(volume, (await readImage(path)).volume)).toBe(0);
}

describe('48 orientations, straight and oblique, return with no voxel differing in the world', () => {
  it('has all of them', () => {
    expect(new Set(grids.filter(({ name }) => name.length === 3).map(({ grid }) => orientationCode(grid.affine))).size).toBe(48);
  });

  it('through NIfTI', async () => {
    for (const [n, { grid }] of grids.entries()) {
      const path = join(folder, `n${n % 2}.nii.gz`);
      const volume = randomVolume(grid, n);
      await exportNifti(path, volume);
      await expectSame(volume, path);
    }
  });

  it('through NRRD and .seg.nrrd', async () => {
    for (const [n, { grid }] of grids.entries()) {
      const volume = randomVolume(grid, n);
      await exportNrrd(join(folder, 'i.nrrd'), volume);
      await expectSame(volume, join(folder, 'i.nrrd'));
      const labels = randomLabels(grid, n);
      await exportSegNrrd(join(folder, 'l.seg.nrrd'), labels, labelSet);
      const found = await readLabels(join(folder, 'l.seg.nrrd'));
      expect(differingVoxels(labels, found.volume)).toBe(0);
      expect(found.labels).toEqual(labelSet.labels.map(({ value, name, color }) => ({ value, name, color })));
    }
  });

  it('through MetaImage', async () => {
    for (const [n, { grid }] of grids.entries()) {
      const volume = randomVolume(grid, n);
      await writeVolume(join(folder, 'm.mha'), volume);
      await expectSame(volume, join(folder, 'm.mha'));
    }
  });

  it('through a DICOM series and a DICOM SEG on it', async () => {
    for (const [n, { grid, name }] of grids.entries()) {
      const volume = randomVolume(grid, n);
      const series = join(folder, `series-${n}`);
      await exportDicomSeries(series, volume, { modality: 'CT', name });
      const image = await readImage(series);
      expect(differingVoxels(volume, image.volume)).toBe(0);
      // The mask is drawn on the volume as it was read, whose slices run along their normal.
      const labels = randomLabels(image.volume.grid, n);
      const path = join(folder, `seg-${n}.dcm`);
      await exportDicomSeg(path, labels, labelSet, image.source);
      const found = await readLabels(path);
      const expected = { grid: labels.grid, data: labels.data.map((value) => (value === 5 ? 3 : value)) };
      expect(differingVoxels(expected, found.volume)).toBe(0);
      expect(found.labels.map((label) => label.name)).toEqual(['Liver', 'Tumour', 'Thing']);
      expect(found.source?.seriesInstanceUid).toBe(image.source?.seriesInstanceUid);
    }
  }, 900_000);

  it('through a folder of a DICOM series and its SEG, of images that did not come as DICOM', async () => {
    for (const [n, { grid, name }] of [...grids.entries()].filter(([at]) => at % 5 === 0)) {
      const image = randomVolume(grid, n);
      const labels = randomLabels(grid, n);
      const target = join(folder, `dicom-${n}-${name}`);
      const files = await exportDicom(target, { image, modality: 'MR', labels, labelSet });
      expect(files).toHaveLength(grid.size[2] + 1);
      const read = await readImage(join(target, 'images'));
      expect(read.modality).toBe('MR');
      expect(differingVoxels(image, read.volume)).toBe(0);
      const found = await readLabels(join(target, 'segmentation.dcm'));
      const expected = { grid, data: labels.data.map((value) => (value === 5 ? 3 : value)) };
      expect(differingVoxels(expected, found.volume)).toBe(0);
      expect(found.source?.seriesInstanceUid).toBe(read.source?.seriesInstanceUid);
      // Never into a folder that is there.
      await expect(exportDicom(target, { image, modality: 'MR', labels, labelSet })).rejects.toMatchObject({ code: 'conflict' });
    }
  });

  it('through a DICOM series of fractions, rounded to 16 bits', async () => {
    const [{ grid }] = grids as [(typeof grids)[number]];
    const data = Float32Array.from({ length: grid.size[0] * grid.size[1] * grid.size[2] }, (_, n) => Math.sin(n) * 1e-3);
    const target = join(folder, 'fractions');
    await exportDicomSeries(target, { grid, data }, { name: 'fractions' });
    const turned = reorientVolume((await readImage(target)).volume, orientationCode(grid.affine));
    expect(Math.max(...data.map((value, n) => Math.abs(value - (turned.data[n] ?? NaN))))).toBeLessThan(2e-3 / 65535);
  });

  it('leaves no temporary files behind', () => {
    expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('.writing-'))).toEqual([]);
  });
});
