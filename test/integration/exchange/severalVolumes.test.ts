import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { voxelCount, type Triple } from '#shared/geometry/grid.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom } from '#main/imageio/dicom/encode.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { imagePaths, listCases, listImages } from '#main/library/index.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { importing } from '#test/support/importing.ts';
import { writeSeveral } from '#test/support/severalVolumes.ts';
import { rampVolume } from '#test/support/studio.ts';

const here = importing();
const { at, bring, plan, voxelsByName } = here;
const size: Triple = [12, 10, 5];
const volume = rampVolume(size);
const { grid } = volume;

describe('media with a DICOMDIR', () => {
  const records = (names: readonly string[]) =>
    Buffer.concat(
      encodeDicom({
        SOPClassUID: uids.mediaDirectory,
        SOPInstanceUID: '2.25.9',
        FileSetID: 'DISC',
        DirectoryRecordSequence: names.map((name) => ({ ReferencedFileID: name.split('/') })),
      }),
    );
  const names = ['0', '1', '2', '3', '4'].map((n) => `DICOM/PAT0/IM${n}`);

  beforeEach(() => {
    writeDicomSlices(at('disc', 'dicom', 'pat0'), volume);
    // As a disc may be copied: small letters, a version behind, no endings.
    for (const n of ['0', '1', '2', '3', '4'])
      renameSync(at('disc', 'dicom', 'pat0', `${n}.dcm`), at('disc', 'dicom', 'pat0', n === '3' ? 'im3;1' : `im${n}`));
    mkdirSync(at('disc', 'viewer'));
    writeDicomSlices(at('disc', 'viewer', 'sample'), rampVolume(size, 9), () => ({ SeriesInstanceUID: '2.25.22' }));
  });

  it('the folder: the directory itself is no image; what it names and is not there is said', async () => {
    writeFileSync(at('disc', 'DICOMDIR'), records([...names, 'DICOM/PAT0/IM7', '../../etc/passwd']));
    const planned = await plan(at('disc'));
    expect(planned.cases).toHaveLength(2);
    expect(planned.aside).toEqual([at('disc', 'DICOMDIR')]);
    expect(planned.skipped.map(({ path, message }) => [path, message])).toEqual([
      [at('disc', 'DICOM', 'PAT0', 'IM7'), 'DICOMDIR names it: IM7 is not there.'],
      [expect.stringContaining(at('disc')), expect.stringContaining('DICOMDIR names it') as string],
    ]);
  });

  it('the DICOMDIR alone: what it names, and nothing else', async () => {
    writeFileSync(at('disc', 'DICOMDIR'), records(names));
    const { added, skipped } = await bring(at('disc', 'DICOMDIR'));
    expect([added.length, skipped]).toEqual([1, []]);
    expect(imagePaths(here.project.paths, listImages(here.project.read)[0] as never)).toHaveLength(5);
  });
});

describe('several volumes in one file or series', () => {
  const volumes = [0, 500, 1100].map((seed) => rampVolume(size, seed));

  beforeEach(() => {
    mkdirSync(at('a'));
  });

  const files = ['x.nii', 'x.nii.gz', 'x.nrrd', 'x.nhdr', 'x.seq.nrrd', 'x.itk.nrrd', 'x.mha', 'x.mhd'];
  it.each(files)('a 4-D file (%s): none unasked, one by its number, or each as a case of one patient', async (name) => {
    await writeSeveral(at('a', name), volumes);
    const asked = await plan(at('a'));
    expect(asked).toMatchObject({ cases: [], several: [{ path: at('a', name), count: 3 }] });
    expect(asked.skipped).toEqual([
      expect.objectContaining({ path: at('a', name), message: expect.stringContaining('holds 3 volumes. Say in the plan') as string }),
    ]);
    const { added, skipped } = await bring(at('a'), { volume: 2, mode: 'reference' });
    expect([added.length, skipped]).toEqual([1, []]);
    const [record] = listImages(here.project.read);
    const kept = (await readImage(imagePaths(here.project.paths, record as never))).volume;
    expect([...kept.data]).toEqual([...(volumes[1]?.data ?? [])]);
    expect(kept.grid.size).toEqual(grid.size);
    kept.grid.affine.forEach((x, n) => {
      expect(x).toBeCloseTo(grid.affine[n] as number, 5);
    });
    expect(record).toMatchObject({ storage: 'copy' });
    const each = await bring(at('a'), { volume: 'each' });
    expect([each.added.length, each.duplicates]).toEqual([2, 1]);
    const cases = listCases(here.project.read, {}).cases;
    const stem = name.startsWith('x.seq') ? 'x.seq' : name.startsWith('x.itk') ? 'x.itk' : 'x';
    expect(cases.map(({ name: called }) => called).sort()).toEqual([1, 2, 3].map((n) => `${stem} volume ${n}`));
    expect(new Set(cases.map(({ patientKey }) => patientKey)).size).toBe(1);
    expect(cases[0]?.patientKey).not.toBeNull();
    expect(await bring(at('a'), { volume: 9 })).toMatchObject({ added: [], skipped: [{ code: 'unsupported' }] });
  });

  it('a copy of a file of several volumes is one duplicate', async () => {
    await writeSeveral(at('a', 'x.nii'), volumes);
    cpSync(at('a', 'x.nii'), at('a', 'y.nii'));
    const { cases, duplicates } = await plan(at('a'), { volume: 'each' });
    expect([cases.length, duplicates]).toEqual([3, [{ path: at('a', 'y.nii'), of: at('a', 'x.nii') }]]);
  });

  it('a header whose data is not there is refused once', async () => {
    await writeSeveral(at('a', 'x.nhdr'), volumes);
    rmSync(at('a', 'x.raw'));
    expect((await plan(at('a'), { volume: 'each' })).skipped.map(({ path }) => path)).toEqual([at('a', 'x.nhdr')]);
  });

  it('a picture with colours is no list of volumes', async () => {
    await writeSeveral(at('a', 'x.seq.nrrd'), volumes);
    const bytes = readFileSync(at('a', 'x.seq.nrrd'));
    const text = bytes.toString('latin1').replace('kinds: list', 'kinds: RGB-color');
    writeFileSync(at('a', 'x.seq.nrrd'), Buffer.from(text, 'latin1'));
    const { cases, several, skipped } = await plan(at('a'), { volume: 'each' });
    expect([cases, several]).toEqual([[], []]);
    expect(skipped[0]?.message).toContain('several values a voxel');
  });

  it('a mask goes with the first volume that is taken, and MSD’s channels are named', async () => {
    mkdirSync(at('a', 'imagesTr'));
    mkdirSync(at('a', 'labelsTr'));
    await writeSeveral(at('a', 'imagesTr', 'p1.nii.gz'), volumes);
    await writeVolume(at('a', 'labelsTr', 'p1.nii.gz'), {
      grid,
      data: Uint8Array.from({ length: voxelCount(grid) }, (_, n) => (n < 50 ? 1 : 0)),
    });
    writeFileSync(
      at('a', 'dataset.json'),
      JSON.stringify({
        labels: { 0: 'background', 1: 'oedema' },
        modality: { 0: 'FLAIR', 1: 'T1w', 2: 'T2w' },
        training: [{ image: './imagesTr/p1.nii.gz', label: './labelsTr/p1.nii.gz' }],
      }),
    );
    const together = await plan(at('a'));
    expect(together.cases.map(({ images }) => images.map(({ name }) => name))).toEqual([['FLAIR', 'T1w', 'T2w']]);
    const none = await plan(at('a'), { volume: 7 });
    expect(none.skipped.map(({ message }) => message).join()).toContain('FLAIR, T1w, T2w');
    const planned = await plan(at('a'), { volume: 'each' });
    expect(planned.cases.map(({ images, mask }) => [images[0]?.volume, mask?.parts.length ?? 0])).toEqual([
      [1, 1],
      [2, 0],
      [3, 0],
    ]);
    expect(planned.cases[0]?.warnings.join()).toContain('volume 1 of 3 (FLAIR in its dataset.json)');
    const { added } = await bring(at('a'), { volume: 2 });
    expect(await voxelsByName(added[0] ?? '')).toEqual({ oedema: 50 });
  });

  it('a DICOM series with several pictures of each slice', async () => {
    for (const [n, each] of volumes.entries())
      writeDicomSlices(at('a', `t${n}`), each, (k) => ({
        SOPInstanceUID: `2.25.5.${n}.${k}`,
        InstanceNumber: 100 * k + n,
        AcquisitionNumber: 3 - n,
      }));
    const asked = await plan(at('a'));
    expect([asked.cases.length, asked.skipped.length, asked.several.map(({ count }) => count)]).toEqual([0, 15, [3]]);
    const { added, skipped } = await bring(at('a'), { volume: 1 });
    expect([added.length, skipped.length]).toEqual([1, 10]);
    const record = listImages(here.project.read)[0];
    // The third was acquired first.
    expect([...(await readImage(imagePaths(here.project.paths, record as never))).volume.data]).toEqual([...(volumes[2]?.data ?? [])]);
    expect(record).toMatchObject({ format: 'dicom' });
    const each = await bring(at('a'), { volume: 'each' });
    expect(each.added).toHaveLength(2);
    expect(new Set(listCases(here.project.read, {}).cases.map(({ patientKey }) => patientKey)).size).toBe(1);
  });
});

it('one slice in many copies is no volume', async () => {
  writeDicomSlices(at('once'), volume, (k) => (k === 2 ? {} : null));
  for (const n of [1, 2, 3]) cpSync(at('once', '2.dcm'), at('once', `copy${n}.dcm`));
  const { cases, skipped } = await plan(at('once'));
  expect([cases, skipped.length]).toEqual([[], 4]);
  expect(skipped[0]?.message).toContain('only 1 slice');
});
