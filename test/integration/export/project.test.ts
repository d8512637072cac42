import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { anonymousName } from '#main/export/anonymousName.ts';
import { exportNnunet } from '#main/export/exportNnunet.ts';
import { exportVolumesCsv } from '#main/export/exportVolumesCsv.ts';
import { measureLabels } from '#main/export/labelVolumes.ts';
import { assertSameVoxels, differingVoxels } from '#main/export/verify.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import { matchPairs, readDataset } from '#main/imageio/dataset.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { oriented, randomLabels, randomVolume, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-project-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const labelSet = {
  labels: [
    { value: 5, name: 'Rest', color: '#0000ff', locked: false },
    { value: 1, name: 'Liver', color: '#ff0000', locked: false },
    { value: 2, name: 'Tumour', color: '#00ff00', locked: false },
  ],
};
const image = randomVolume(unevenGrid, 1),
  labels = randomLabels(unevenGrid, 2);

describe('a whole project in nnU-Net layout', () => {
  it('returns through readDataset with every voxel, anonymous, with consecutive label values', async () => {
    const target = join(folder, 'nnunet');
    const turned = oriented(labels, 'ASR');
    await exportNnunet(target, {
      name: 'Livers',
      modality: 'CT',
      labelSet,
      cases: [
        { id: 'Doe-Jane', image: async () => image, labels: async () => labels },
        { id: 'Roe-Richard', image: async () => image, labels: async () => turned },
        { id: 'third', image: async () => image },
      ],
    });
    expect(readdirSync(target, { recursive: true }).join()).not.toMatch(/Doe|Roe|writing/);
    const dataset = await readDataset(join(target, 'dataset.json'));
    expect(dataset).toMatchObject({
      name: 'Livers',
      modality: 'CT',
      skipped: [],
      labels: [
        { value: 1, name: 'Liver' },
        { value: 2, name: 'Tumour' },
        { value: 3, name: 'Rest' },
      ],
    });
    expect(dataset.cases.map((one) => [one.name, one.label !== undefined]).sort()).toEqual(
      [
        [anonymousName('Doe-Jane'), true],
        [anonymousName('Roe-Richard'), true],
        [anonymousName('third'), false],
      ].sort(),
    );
    const expected = { grid: labels.grid, data: labels.data.map((value) => (value === 5 ? 3 : value)) };
    for (const one of dataset.cases) {
      expect(differingVoxels(image, (await readImage(one.image)).volume)).toBe(0);
      if (one.label) expect(differingVoxels(expected, (await readLabels(one.label)).volume)).toBe(0);
    }
    expect(JSON.parse(readFileSync(join(target, 'dataset.json'), 'utf8'))).toMatchObject({
      numTraining: 2,
      file_ending: '.nii.gz',
      channel_names: { 0: 'CT' },
      labels: { background: 0, Liver: 1 },
      logonet_label_values: [1, 2, 5],
    });
  });

  it('refuses masks with unnamed values and names that collide', async () => {
    const one = { id: 'a', image: async () => image, labels: async () => randomLabels(unevenGrid, 1, [0, 77]) };
    await expect(exportNnunet(join(folder, 'x'), { name: 'X', modality: 'MR', labelSet, cases: [one] })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('77'),
    });
    await expect(
      exportNnunet(join(folder, 'x'), {
        name: 'X',
        modality: 'MR',
        labelSet,
        cases: [
          { ...one, name: 'a/b' },
          { ...one, name: 'a:b' },
        ],
      }),
    ).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(
      exportNnunet(join(folder, 'x'), { name: 'X', modality: 'MR', labelSet, cases: [one], cancellation: { aborted: true } }),
    ).rejects.toMatchObject({ code: 'cancelled' });
    expect(existsSync(join(folder, 'x', 'dataset.json'))).toBe(false);
  });
});

describe('folders of pairs', () => {
  it('match by name, whatever the suffixes; the rest is left out with a reason', async () => {
    const target = join(folder, 'pairs');
    mkdirSync(join(target, 'labels'), { recursive: true });
    for (const name of ['a_0000.nii.gz', 'a_0001.nii.gz', 'b.mha', 'c.nrrd', 'note.txt']) writeFileSync(join(target, name), '');
    for (const name of ['a.nii.gz', 'b_seg.nrrd', 'z.nii']) writeFileSync(join(target, 'labels', name), '');
    const { cases, skipped } = await matchPairs(target, join(target, 'labels'));
    expect(cases.map(({ name, label }) => [name, label?.split('/').at(-1)])).toEqual([
      ['a', 'a.nii.gz'],
      ['b', 'b_seg.nrrd'],
      ['c', undefined],
    ]);
    expect(skipped.map(({ reason }) => reason)).toEqual([
      'z.nii is a mask, as its name or folder says, and its image is not among these files. Import both together.',
    ]);
  });

  it('match inside one folder', async () => {
    const target = join(folder, 'together');
    mkdirSync(target);
    for (const name of ['p1.nrrd', 'p1.seg.nrrd', 'p2.nii', 'p2_mask.nii', 'p3.nii']) writeFileSync(join(target, name), '');
    expect((await matchPairs(target)).cases.map(({ name, label }) => [name, label !== undefined])).toEqual([
      ['p1', true],
      ['p2', true],
      ['p3', false],
    ]);
  });
});

describe('tables of volumes', () => {
  it('quote what needs it and defuse formulas', async () => {
    const path = join(folder, 'volumes.csv');
    await exportVolumesCsv(path, [
      {
        caseName: '=cmd()',
        rows: measureLabels(
          { grid: unevenGrid, data: new Uint8Array(60).fill(1) },
          { labels: [{ value: 1, name: 'a "b", c', color: '#000000', locked: false }] },
        ),
      },
    ]);
    expect(readFileSync(path, 'utf8')).toBe(`case,label,name,voxels,volume_ml\r\n'=cmd(),1,"a ""b"", c",60,0.1519\r\n`);
  });
});

describe('an export that does not read back the same', () => {
  it('is noticed in a value, in a shift and in a flip', () => {
    const changed = { grid: image.grid, data: image.data.slice() };
    changed.data[7] = (changed.data[7] ?? 0) + 1;
    expect(differingVoxels(image, changed)).toBe(1);
    const [a, b, c, d, ...rest] = image.grid.affine;
    expect(differingVoxels(image, { grid: { ...image.grid, affine: [a, b, c, d - 0.75, ...rest] }, data: image.data })).toBeGreaterThan(30);
    expect(differingVoxels(image, { grid: { ...image.grid, affine: [-a, b, c, d, ...rest] }, data: image.data })).toBeGreaterThan(30);
    expect(() => {
      assertSameVoxels('x.nii', image, changed);
    }).toThrow('x.nii was not exported');
  });

  it('leaves the old file as it was, and nothing else', async () => {
    const path = join(folder, 'kept', 'mask.nii.gz');
    mkdirSync(join(folder, 'kept'));
    await writeVolume(path, labels);
    const before = readFileSync(path);
    const check = async (): Promise<void> => {
      throw new StudioError('io', 'no');
    };
    await expect(writeVolume(path, image, { check })).rejects.toMatchObject({ code: 'io' });
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(join(folder, 'kept'))).toEqual(['mask.nii.gz']);
  });

  it('never names the temporary file to a person', async () => {
    await expect(writePieces(join(folder, 'none', 'x.nii'), [])).rejects.toMatchObject({ message: expect.stringMatching(/^“x\.nii” /) });
  });
});
