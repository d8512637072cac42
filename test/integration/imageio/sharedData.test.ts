import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { scanFolder } from '#main/imageio/scan.ts';
import { hasSharedData, sharedData } from '../../support/sharedData.ts';

interface Expected {
  readonly images: readonly { path: string; size: number[]; affine: number[]; sha: string; files?: string[] }[];
  readonly segmentations: readonly { path: string; counts: Record<string, number>; origin: number[]; size: number[] }[];
}

/** Made once with nibabel and pydicom; see its `about`. */
const expected = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/imageio/sharedData.json'), 'utf8')) as Expected;

function hashOfFloats(data: ArrayLike<number>): string {
  return createHash('sha256')
    .update(new Uint8Array(Float32Array.from(data).buffer))
    .digest('hex')
    .slice(0, 16);
}

describe.concurrent('real images load as nibabel and pydicom read them', () => {
  for (const { path, size, affine, sha, files } of expected.images) {
    it.skipIf(!hasSharedData(path))(path, async () => {
      const image = await readImage(files ? files.map((file) => join(sharedData, file)) : join(sharedData, path));
      expect(image.volume.grid.size).toEqual(size);
      image.volume.grid.affine.forEach((x, n) => {
        expect(Math.abs(x - affine[n]!)).toBeLessThan(1e-3);
      });
      expect(hashOfFloats(image.volume.data)).toBe(sha);
      expect(image.contentHash).toMatch(/^[0-9a-f]{64}$/);
    });
  }
});

describe('real DICOM segmentations load as masks', () => {
  for (const { path, counts, origin, size } of expected.segmentations) {
    it.skipIf(!hasSharedData(path))(path, async () => {
      const { volume, labels } = await readLabels(join(sharedData, path));
      expect(volume.grid.size.slice(0, 2)).toEqual(size);
      [3, 7, 11].forEach((at, n) => {
        expect(volume.grid.affine[at]).toBeCloseTo(origin[n]!, 3);
      });
      const found: Record<string, number> = {};
      for (const value of volume.data) if (value > 0) found[value] = (found[value] ?? 0) + 1;
      expect(found).toEqual(Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)));
      expect(labels.every(({ name }) => name?.endsWith('segment'))).toBe(true);
    });
  }
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  [
    'formats/nibabel/nibabel/tests/data/functional.nii',
    'unsupported',
    /^functional\.nii is 4-dimensional \(17 × 21 × 3 × 20\): it holds 20 volumes/,
  ],
  ['formats/nibabel/nibabel/tests/data/example_nifti2.nii.gz', 'unsupported', /is 4-dimensional/],
  ['formats/nibabel/nibabel/tests/data/nifti1.hdr', 'unsupported', /one half of a \.hdr\/\.img pair/],
  ['formats/nibabel/nibabel/tests/data/nifti2.hdr', 'unsupported', /one half of a \.hdr\/\.img pair/],
  ['formats/nibabel/nibabel/tests/data/test.mgz', 'unsupported', /not a supported image/],
  ['formats/nibabel/nibabel/nicom/tests/data/0.dcm', 'unsupported', /mosaic/],
  ['formats/nibabel/nibabel/nicom/tests/data/siemens_dwi_0.dcm.gz', 'unsupported', /packed with gzip/],
  ['formats/pydicom/src/pydicom/data/test_files/MR_truncated.dcm', 'invalid-file', /breaks off/],
  ['formats/pydicom/src/pydicom/data/test_files/rtdose.dcm', 'unsupported', /dose map/],
  ['formats/pydicom/src/pydicom/data/test_files/rtstruct.dcm', 'unsupported', /set of contours/],
  ['formats/pydicom/src/pydicom/data/test_files/SC_rgb_rle.dcm', 'unsupported', /colour image/],
  ['formats/pydicom/src/pydicom/data/test_files/JPEG2000.dcm', 'unsupported', /does not say where it lies/],
  ['formats/highdicom/data/test_files/sm_image.dcm', 'unsupported', /colour image/],
  ['formats/highdicom/data/test_files/seg_image_sm_dots.dcm', 'unsupported', /slide or projection/],
  ['formats/MONAI/tests/testing_data/CT_DICOM', 'invalid-file', /misses slices: about 161/],
];

describe('what is no single volume is refused with its reason', () => {
  for (const [path, code, sentence] of refused) {
    it.skipIf(!hasSharedData(path))(path, async () => {
      const error: unknown = await readImage(join(sharedData, path)).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(StudioError);
      expect({
        code: (error as StudioError).code,
        isRight: sentence.test((error as StudioError).message),
        message: (error as StudioError).message,
      }).toEqual({ code, isRight: true, message: expect.any(String) });
    });
  }
});

describe('a folder of everything', () => {
  it.skipIf(!hasSharedData('formats'))('is scanned whole: every file is a candidate or left out with a reason', async () => {
    const { candidates, skipped } = await scanFolder(join(sharedData, 'formats'));
    expect(candidates.length).toBeGreaterThan(30);
    expect(skipped.every(({ reason }) => reason.length > 10 && !reason.includes('inside the application'))).toBe(true);
    expect(
      candidates
        .filter((one) => one.format === 'dicom' && one.paths.length > 4)
        .map((one) => one.paths.length)
        .sort((a, b) => a - b),
    ).toEqual([5, 8, 22, 32, 41, 60]);
  });
});
