import { expect, it } from 'vitest';
import { imageEnding, imageStem, isVolumeName } from '#main/imageio/endings.ts';

it('knows what an image’s name ends with', () => {
  expect(
    ['/a.b/Scan.NII.GZ', 'x.nii', 'x.seg.nrrd', 'x.hdr', 'x.dcm', 'x.txt', '.nii'].map((path) => [imageEnding(path), imageStem(path)]),
  ).toEqual([
    ['.nii.gz', 'Scan'],
    ['.nii', 'x'],
    ['.nrrd', 'x.seg'],
    ['.hdr', 'x'],
    ['.dcm', 'x'],
    [null, 'x.txt'],
    ['.nii', '.nii'],
  ]);
  expect(['x.mhd', 'x.nii.gz', 'x.img', 'x.dcm', 'x.gz'].map(isVolumeName)).toEqual([true, true, false, false, false]);
});
