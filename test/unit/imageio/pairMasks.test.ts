import { describe, expect, it } from 'vitest';
import { pairMasks } from '#main/imageio/pairMasks.ts';

const ending = /\.(nii\.gz|seg\.nrrd|nrrd)$/;

/** Layouts as trees: what belongs together, by the names alone. A DICOM series is a folder that ends in '/'. */
function pairs(paths: readonly string[]): { groups: string[]; skipped: string[] } {
  const { groups, skipped, lonely } = pairMasks(
    paths.filter((path) => ending.test(path)).map((path) => ({ path, root: 'root', relative: `root/${path}` })),
    paths
      .filter((path) => path.endsWith('/'))
      .map((path) => ({ paths: [path], root: 'root', relativeFolder: `root/${path.slice(0, -1)}` })),
  );
  return {
    groups: groups.map(
      ({ images, masks }) =>
        `${images.flat().join(' + ')}${masks.map(({ path, structure }) => ` < ${path}${structure === null ? '' : ` (${structure})`}`).join('')}`,
    ),
    skipped: [...skipped.map(({ path }) => path), ...lonely],
  };
}

type Layout = readonly [name: string, paths: readonly string[], groups: readonly string[], skipped?: readonly string[]];
const layouts: readonly Layout[] = [
  [
    'nnU-Net: channels',
    [
      'imagesTr/a_0000.nii.gz',
      'imagesTr/a_0001.nii.gz',
      'imagesTr/b_0000.nii.gz',
      'imagesTs/c_0000.nii.gz',
      'labelsTr/a.nii.gz',
      'labelsTr/b.nii.gz',
    ],
    [
      'imagesTr/a_0000.nii.gz + imagesTr/a_0001.nii.gz < labelsTr/a.nii.gz',
      'imagesTr/b_0000.nii.gz < labelsTr/b.nii.gz',
      'imagesTs/c_0000.nii.gz',
    ],
  ],
  [
    'AMOS: numbers that are no channels',
    [
      'imagesTr/amos_0001.nii.gz',
      'imagesTr/amos_0004.nii.gz',
      'imagesTs/amos_0002.nii.gz',
      'labelsTr/amos_0001.nii.gz',
      'labelsTr/amos_0004.nii.gz',
    ],
    [
      'imagesTr/amos_0001.nii.gz < labelsTr/amos_0001.nii.gz',
      'imagesTr/amos_0004.nii.gz < labelsTr/amos_0004.nii.gz',
      'imagesTs/amos_0002.nii.gz',
    ],
  ],
  [
    'numbers from 0000 that are no channels',
    ['scan_0000.nii.gz', 'scan_0001.nii.gz', 'scan_0002.nii.gz'],
    ['scan_0000.nii.gz', 'scan_0001.nii.gz', 'scan_0002.nii.gz'],
  ],
  [
    'MSD',
    ['imagesTr/liver_0.nii.gz', 'imagesTs/liver_1.nii.gz', 'labelsTr/liver_0.nii.gz'],
    ['imagesTr/liver_0.nii.gz < labelsTr/liver_0.nii.gz', 'imagesTs/liver_1.nii.gz'],
  ],
  [
    'BTCV',
    ['img/img0001.nii.gz', 'img/img0002.nii.gz', 'label/label0001.nii.gz', 'label/label0002.nii.gz'],
    ['img/img0001.nii.gz < label/label0001.nii.gz', 'img/img0002.nii.gz < label/label0002.nii.gz'],
  ],
  [
    'BIDS with derivatives',
    [
      'sub-01/anat/sub-01_T1w.nii.gz',
      'sub-02/anat/sub-02_T1w.nii.gz',
      'derivatives/manual/sub-01/anat/sub-01_T1w_dseg.nii.gz',
      'derivatives/manual/sub-02/anat/sub-02_space-orig_T1w_label-lesion_mask.nii.gz',
    ],
    [
      'sub-01/anat/sub-01_T1w.nii.gz < derivatives/manual/sub-01/anat/sub-01_T1w_dseg.nii.gz',
      'sub-02/anat/sub-02_T1w.nii.gz < derivatives/manual/sub-02/anat/sub-02_space-orig_T1w_label-lesion_mask.nii.gz',
    ],
  ],
  [
    'TotalSegmentator: a file for every structure',
    [
      's0001/ct.nii.gz',
      's0001/segmentations/liver.nii.gz',
      's0001/segmentations/spleen.nii.gz',
      's0002/ct.nii.gz',
      's0002/segmentations/liver.nii.gz',
    ],
    [
      's0001/ct.nii.gz < s0001/segmentations/liver.nii.gz (liver) < s0001/segmentations/spleen.nii.gz (spleen)',
      's0002/ct.nii.gz < s0002/segmentations/liver.nii.gz (liver)',
    ],
  ],
  [
    'MONAI Label: corrected before original',
    ['a.nii.gz', 'b.nii.gz', 'labels/original/a.nii.gz', 'labels/final/a.nii.gz', 'labels/original/b.nii.gz'],
    ['a.nii.gz < labels/final/a.nii.gz', 'b.nii.gz < labels/original/b.nii.gz'],
    ['labels/original/a.nii.gz'],
  ],
  [
    'scribbles beside whole labels',
    ['imagesTr/a.nii.gz', 'labelsTr/a.nii.gz', 'scribblesTr/a.nii.gz', 'imagesTr/b.nii.gz', 'scribblesTr/b.nii.gz'],
    ['imagesTr/a.nii.gz < labelsTr/a.nii.gz', 'imagesTr/b.nii.gz < scribblesTr/b.nii.gz'],
    ['scribblesTr/a.nii.gz'],
  ],
  [
    'BraTS',
    [
      'BraTS_001/BraTS_001_flair.nii.gz',
      'BraTS_001/BraTS_001_t1.nii.gz',
      'BraTS_001/BraTS_001_t1ce.nii.gz',
      'BraTS_001/BraTS_001_seg.nii.gz',
    ],
    ['BraTS_001/BraTS_001_flair.nii.gz + BraTS_001/BraTS_001_t1.nii.gz + BraTS_001/BraTS_001_t1ce.nii.gz < BraTS_001/BraTS_001_seg.nii.gz'],
  ],
  [
    'LiTS and KiTS',
    [
      'volume-0.nii.gz',
      'volume-1.nii.gz',
      'segmentation-0.nii.gz',
      'segmentation-1.nii.gz',
      'case_0/imaging.nii.gz',
      'case_0/segmentation.nii.gz',
    ],
    [
      'volume-0.nii.gz < segmentation-0.nii.gz',
      'volume-1.nii.gz < segmentation-1.nii.gz',
      'case_0/imaging.nii.gz < case_0/segmentation.nii.gz',
    ],
  ],
  [
    'masks beside their images, and masks alone',
    ['x.nii.gz', 'x_seg.nii.gz', 'y.nii.gz', 'y_label.nii.gz', 'z_mask.nii.gz', 'masks/w.nii.gz', 'v.nrrd', 'v.seg.nrrd'],
    ['x.nii.gz < x_seg.nii.gz', 'y.nii.gz < y_label.nii.gz', 'v.nrrd < v.seg.nrrd'],
    ['z_mask.nii.gz', 'masks/w.nii.gz'],
  ],
  [
    'a structure in the name',
    ['p1.nii.gz', 'p1_liver_mask.nii.gz', 'p1_spleen_mask.nii.gz', 'p10.nii.gz', 'p10_liver_mask.nii.gz'],
    ['p1.nii.gz < p1_liver_mask.nii.gz (liver) < p1_spleen_mask.nii.gz (spleen)', 'p10.nii.gz < p10_liver_mask.nii.gz (liver)'],
  ],
  [
    'NIfTI masks of DICOM series',
    ['p1/dicom/', 'p1/mask.nii.gz', 'p2/', 'p2/p2_seg.nii.gz', 'series/p3/', 'series/p4/', 'labels/p3.nii.gz', 'labels/p4.nii.gz'],
    ['p1/dicom/ < p1/mask.nii.gz', 'p2/ < p2/p2_seg.nii.gz', 'series/p3/ < labels/p3.nii.gz', 'series/p4/ < labels/p4.nii.gz'],
  ],
  ['one patient, another one’s mask', ['a.nii.gz', 'b_seg.nii.gz'], ['a.nii.gz'], ['b_seg.nii.gz']],
  [
    'patients whose files have one name',
    ['s1/anat/T1w.nii.gz', 's2/anat/T1w.nii.gz', 's1/anat/T1w_seg.nii.gz', 's2/anat/T1w_seg.nii.gz'],
    ['s1/anat/T1w.nii.gz < s1/anat/T1w_seg.nii.gz', 's2/anat/T1w.nii.gz < s2/anat/T1w_seg.nii.gz'],
  ],
];

describe('masks find their images', () => {
  for (const [name, paths, groups, skipped = []] of layouts)
    it(name, () => {
      const found = pairs(paths);
      expect([found.groups.toSorted(), found.skipped.toSorted()]).toEqual([groups.toSorted(), skipped.toSorted()]);
    });
});
