import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { channelsOf, everyCase, imagesByCase, listImages } from '#main/library/index.ts';
import { byOptions } from '#main/project/byOptions.ts';
import { bring, size, slabs } from '#test/support/exchange.ts';
import { coarser, incomingImages, shown } from '#test/support/incomingImages.ts';
import { writeSeveral } from '#test/support/severalVolumes.ts';
import { rampVolume } from '#test/support/studio.ts';

const here = incomingImages();
const { at, write, describeSet, plan } = here;

describe('images of one case', () => {
  it('are nnU-Net’s channels, with the names of the description, and the mask lies on the first', async () => {
    describeSet({ channel_names: { 0: 'T1', 1: 'FLAIR' } });
    for (const [n, name] of ['a', 'b'].entries()) {
      await write(rampVolume(size, 10 * n + 1), 'imagesTr', `${name}_0000.nii.gz`);
      await write(rampVolume(size, 10 * n + 2), 'imagesTr', `${name}_0001.nii.gz`);
      await write(slabs([1]), 'labelsTr', `${name}.nii.gz`);
    }
    await write(rampVolume(size, 33), 'imagesTs', 'c_0001.nii.gz');
    const planned = await plan();
    expect(shown(planned)).toEqual([
      [
        'a',
        [
          ['T1', 'grid'],
          ['FLAIR', 'grid'],
        ],
        1,
      ],
      [
        'b',
        [
          ['T1', 'grid'],
          ['FLAIR', 'grid'],
        ],
        1,
      ],
      ['c_0001', [['FLAIR', 'grid']], 0],
    ]);
    expect(planned.skipped).toEqual([]);
    const { added, masks } = await bring(here.project, [join(here.folder, 'in')]);
    expect([added.length, masks]).toEqual([3, 2]);
    const images = imagesByCase(here.project.read);
    expect(
      everyCase(here.project.read).map(({ id }) => channelsOf(here.project.paths, images.get(id) ?? []).map(({ name }) => name)),
    ).toEqual([['T1', 'FLAIR'], ['T1', 'FLAIR'], ['FLAIR']]);
    // The same again is there already, every file of it.
    const again = await plan();
    expect([again.cases.every(({ existing, images }) => existing !== null && images.length === 0), again.duplicates.length]).toEqual([
      true,
      5,
    ]);
    expect((await bring(here.project, [join(here.folder, 'in')])).added).toEqual([]);
    expect(listImages(here.project.read)).toHaveLength(5);
  });

  it('are joined to the one that the project has already', async () => {
    await write(rampVolume(size, 1), 'imagesTr', 'a_0000.nii.gz');
    await write(slabs([1]), 'labelsTr', 'a.nii.gz');
    writeFileSync(at('labelsTr', 'labels.csv'), '1,tumour\n');
    await bring(here.project, [join(here.folder, 'in')]);
    await write(rampVolume(size, 2), 'imagesTr', 'a_0001.nii.gz');
    const planned = await plan();
    expect(shown(planned)).toEqual([['a', [['0001', 'grid']], 1]]);
    expect(planned.cases[0]?.existing).not.toBeNull();
    expect((await bring(here.project, [join(here.folder, 'in')])).added).toEqual([]);
    const [caseImages = []] = imagesByCase(here.project.read).values();
    expect(caseImages.map(({ position, name }) => [position, name])).toEqual([
      [0, ''],
      [1, '0001'],
    ]);
  });

  it('keep the channel that a description says is missing apart from cases of four digits', async () => {
    describeSet({ channel_names: { 0: 'A', 1: 'B', 2: 'C' } });
    await write(rampVolume(size, 1), 'imagesTr', 'a_0000.nii.gz');
    await write(rampVolume(size, 3), 'imagesTr', 'a_0002.nii.gz');
    expect(shown(await plan())).toEqual([
      [
        'a',
        [
          ['A', 'grid'],
          ['C', 'grid'],
        ],
        0,
      ],
    ]);
    describeSet({ channel_names: { 0: 'CT' } });
    expect(shown(await plan())).toEqual([
      ['a', [['CT', 'grid']], 0],
      ['a_0002', [['CT', 'grid']], 0],
    ]);
  });

  it('are the volumes of a 4-D file that its description names; else they are asked for', async () => {
    await writeSeveral(
      at('imagesTr', 'BRATS_001.nii'),
      [1, 2, 3].map((seed) => rampVolume(size, seed)),
    );
    await write(slabs([1]), 'labelsTr', 'BRATS_001.nii.gz');
    expect(shown(await plan())).toEqual([]);
    expect(shown(await plan({ volume: 'channels' }))).toEqual([
      [
        'BRATS_001',
        [
          ['volume 1', 'grid'],
          ['volume 2', 'grid'],
          ['volume 3', 'grid'],
        ],
        1,
      ],
    ]);
    describeSet({ modality: { 0: 'FLAIR', 1: 'T1w', 2: 't1gd' } });
    expect(shown(await plan())).toEqual([
      [
        'BRATS_001',
        [
          ['FLAIR', 'grid'],
          ['T1w', 'grid'],
          ['t1gd', 'grid'],
        ],
        1,
      ],
    ]);
    expect(shown(await plan({ volume: 2 }))).toEqual([['BRATS_001 volume 2', [['T1w', 'grid']], 1]]);
    await bring(here.project, [join(here.folder, 'in')], { mode: 'reference' });
    expect(listImages(here.project.read).map(({ name, storage }) => [name, storage])).toEqual(
      ['FLAIR', 'T1w', 't1gd'].map((name) => [name, 'copy']),
    );
  });

  it('are BraTS’ sequences by their names, with and without a mask', async () => {
    for (const [n, name] of ['flair', 't1', 't1ce', 't2'].entries()) {
      await write(rampVolume(size, n + 1), 'p1', `p1_${name}.nii.gz`);
      await write(rampVolume(size, n + 11), 'p2', `p2_${name}.nii.gz`);
    }
    await write(slabs([1]), 'p1', 'p1_seg.nii.gz');
    // Two days of one patient are two cases.
    await write(rampVolume(size, 31), 'p3', 'p3_t1.nii.gz');
    await write(rampVolume(size, 32), 'p3', 'p3_t2.nii.gz');
    const four = ['flair', 't1', 't1ce', 't2'].map((name) => [name, 'grid']);
    expect(shown(await plan())).toEqual([
      ['p1_flair', four, 1],
      ['p2_flair', four, 0],
      ['p3_t1', [['t1', 'grid']], 0],
      ['p3_t2', [['t2', 'grid']], 0],
    ]);
  });

  it('on other voxels are refused unless the person says that the coordinates hold; sequences by name are then cases of their own', async () => {
    await write(rampVolume(size, 1), 'imagesTr', 'a_0000.nii.gz');
    await write(coarser(2), 'imagesTr', 'a_0001.nii.gz');
    await write(rampVolume(size, 3), 'p1', 'p1_T1w.nii.gz');
    await write(coarser(4), 'p1', 'p1_FLAIR.nii.gz');
    const planned = await plan();
    expect(shown(planned)).toEqual([
      ['a', [['0000', 'grid']], 0],
      ['p1_FLAIR', [['FLAIR', 'grid']], 0],
      ['p1_T1w', [['T1w', 'grid']], 0],
    ]);
    expect([planned.elsewhere, planned.skipped.map(({ message }) => message)]).toEqual([
      1,
      [expect.stringContaining('say so in the plan of the import')],
    ]);
    expect((await plan({ answers: byOptions })).skipped[0]?.message).toContain('say so with --same-coordinates');
    expect(shown(await plan({ sameCoordinates: true }))).toEqual([
      [
        'a',
        [
          ['0000', 'grid'],
          ['0001', 'hand'],
        ],
        0,
      ],
      [
        'p1_FLAIR',
        [
          ['FLAIR', 'grid'],
          ['T1w', 'hand'],
        ],
        0,
      ],
    ]);
  });
});

describe('files outside nnU-Net’s folders that are numbered like its channels', () => {
  const two = [
    ['0000', 'grid'],
    ['0001', 'grid'],
  ];
  const numbered = async (name: string, count: number, seed: number): Promise<void> => {
    for (let n = 0; n < count; n++) await write(rampVolume(size, seed + n), 'brains', `${name}_${String(n).padStart(4, '0')}.nii.gz`);
  };

  it('are proposed as images of one case where they lie on the same voxels, and are cases of their own where the person says so', async () => {
    await numbered('b', 2, 1);
    await numbered('a', 2, 11);
    const proposed = await plan();
    expect([shown(proposed), proposed.numbered]).toEqual([
      [
        ['a', two, 0],
        ['b', two, 0],
      ],
      { cases: 2, together: true },
    ]);
    const apart = await plan({ numbered: false });
    expect([apart.cases.map(({ name }) => name), apart.numbered]).toEqual([['a', 'a_0001', 'b', 'b_0001'], { cases: 2, together: false }]);
    const { added } = await bring(here.project, [join(here.folder, 'in')]);
    expect([added.length, listImages(here.project.read).length]).toEqual([2, 4]);
    expect((await plan()).cases.every(({ images }) => images.length === 0)).toBe(true);
  });

  it('come to the case that the project has of the first', async () => {
    await numbered('a', 1, 1);
    await bring(here.project, [join(here.folder, 'in')]);
    await numbered('a', 2, 1);
    await bring(here.project, [join(here.folder, 'in')]);
    expect([everyCase(here.project.read).length, listImages(here.project.read).length]).toEqual([1, 2]);
  });

  it('stay apart, and are offered, where they are more than a case has images; not where they lie elsewhere, have masks or a gap', async () => {
    await numbered('many', 6, 1);
    await write(rampVolume(size, 21), 'other', 'x_0000.nii.gz');
    await write(coarser(22), 'other', 'x_0001.nii.gz');
    await write(rampVolume(size, 31), 'masked', 'y_0000.nii.gz');
    await write(rampVolume(size, 32), 'masked', 'y_0001.nii.gz');
    await write(slabs([1]), 'masked', 'y_0001_seg.nii.gz');
    await write(rampVolume(size, 41), 'gap', 'z_0000.nii.gz');
    await write(rampVolume(size, 42), 'gap', 'z_0002.nii.gz');
    const proposed = await plan();
    expect([proposed.cases.length, proposed.numbered]).toEqual([12, { cases: 1, together: false }]);
    const together = await plan({ numbered: true });
    expect([together.cases.length, together.numbered]).toEqual([7, { cases: 1, together: true }]);
  });

  it('are channels wherever a description names as many', async () => {
    describeSet({ channel_names: { 0: 'T1', 1: 'FLAIR' } });
    await numbered('a', 2, 1);
    expect(shown(await plan())).toEqual([
      [
        'a',
        [
          ['T1', 'grid'],
          ['FLAIR', 'grid'],
        ],
        0,
      ],
    ]);
  });
});
