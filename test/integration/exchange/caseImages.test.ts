import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Volume } from '#shared/geometry/grid.ts';
import { packProject } from '#main/exchange/carry/packProject.ts';
import { unpackProject } from '#main/exchange/carry/unpackProject.ts';
import { exportCases } from '#main/exchange/exportCases.ts';
import { checkCaseImages, readCaseImage } from '#main/exchange/caseImages.ts';
import { importTarget } from '#main/exchange/importCases.ts';
import type { ImportPlan } from '#main/exchange/plan/importPlan.ts';
import { planImport, type PlanOptions } from '#main/exchange/plan/planImport.ts';
import { describeReferenced, relinkImages } from '#main/exchange/relinkImages.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { channelsOf, everyCase, imagesByCase, listImages, openProject, type Project } from '#main/library/index.ts';
import { byOptions } from '#main/project/byOptions.ts';
import { verifyProject } from '#main/project/verifyProject.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { bring, emptyProject, placed, quietly, size, slabs } from '#test/support/exchange.ts';
import { rampVolume } from '#test/support/studio.ts';

let folder: string;
let project: Project;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'case-images-'));
  project = emptyProject(join(folder, 'project'));
});
afterEach(() => {
  project.close();
  rmSync(folder, { recursive: true, force: true });
});

const at = (...parts: string[]): string => placed(join(folder, 'in', ...parts));
const write = (volume: Volume, ...parts: string[]): Promise<unknown> => writeVolume(at(...parts), volume);
const describeSet = (description: object): void => {
  writeFileSync(at('dataset.json'), JSON.stringify({ labels: { background: 0, tumour: 1 }, ...description }));
};
const plan = (options: Partial<PlanOptions> = {}): Promise<ImportPlan> =>
  planImport([join(folder, 'in')], importTarget(project, quietly.cancellation), { ...quietly, ...options });
const shown = ({ cases }: ImportPlan): unknown[] =>
  cases.map(({ name, images, mask }) => [
    name,
    images.map((image) => [image.name, image.placement.by]),
    mask === null ? 0 : mask.parts.length,
  ]);
/** Half of the voxels along i, so that it lies on another grid of the same place. */
const coarser = (seed: number): Volume => {
  const { grid, data } = rampVolume(size, seed);
  const [ni, nj, nk] = grid.size;
  const affine = grid.affine.map((value, n) => (n % 4 === 0 ? value * 2 : value)) as unknown as typeof grid.affine;
  const values = Int16Array.from({ length: (ni / 2) * nj * nk }, (_, n) => data[2 * n] ?? 0);
  return { grid: { size: [ni / 2, nj, nk], affine }, data: values };
};
/** A 4-D NIfTI file: the header of one volume with a fourth dimension, and all volumes one after the other. */
async function writeSeveral(path: string, volumes: readonly Volume[]): Promise<void> {
  const pieces: Buffer[] = [];
  for (const [n, volume] of volumes.entries()) {
    await writeVolume(path, volume);
    const bytes = readFileSync(path);
    bytes.writeInt16LE(4, 40);
    bytes.writeInt16LE(volumes.length, 48);
    pieces.push(n === 0 ? bytes : bytes.subarray(bytes.readFloatLE(108)));
  }
  writeFileSync(path, Buffer.concat(pieces));
}

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
    const { added, masks } = await bring(project, [join(folder, 'in')]);
    expect([added.length, masks]).toEqual([3, 2]);
    const images = imagesByCase(project.read);
    expect(everyCase(project.read).map(({ id }) => channelsOf(project.paths, images.get(id) ?? []).map(({ name }) => name))).toEqual([
      ['T1', 'FLAIR'],
      ['T1', 'FLAIR'],
      ['FLAIR'],
    ]);
    // The same again is there already, every file of it.
    const again = await plan();
    expect([again.cases.every(({ existing, images }) => existing !== null && images.length === 0), again.duplicates.length]).toEqual([
      true,
      5,
    ]);
    expect((await bring(project, [join(folder, 'in')])).added).toEqual([]);
    expect(listImages(project.read)).toHaveLength(5);
  });

  it('are joined to the one that the project has already', async () => {
    await write(rampVolume(size, 1), 'imagesTr', 'a_0000.nii.gz');
    await write(slabs([1]), 'labelsTr', 'a.nii.gz');
    writeFileSync(at('labelsTr', 'labels.csv'), '1,tumour\n');
    await bring(project, [join(folder, 'in')]);
    await write(rampVolume(size, 2), 'imagesTr', 'a_0001.nii.gz');
    const planned = await plan();
    expect(shown(planned)).toEqual([['a', [['0001', 'grid']], 1]]);
    expect(planned.cases[0]?.existing).not.toBeNull();
    expect((await bring(project, [join(folder, 'in')])).added).toEqual([]);
    const [caseImages = []] = imagesByCase(project.read).values();
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
    await bring(project, [join(folder, 'in')], { mode: 'reference' });
    expect(listImages(project.read).map(({ name, storage }) => [name, storage])).toEqual(
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
    const { added } = await bring(project, [join(folder, 'in')]);
    expect([added.length, listImages(project.read).length]).toEqual([2, 4]);
    expect((await plan()).cases.every(({ images }) => images.length === 0)).toBe(true);
  });

  it('come to the case that the project has of the first', async () => {
    await numbered('a', 1, 1);
    await bring(project, [join(folder, 'in')]);
    await numbered('a', 2, 1);
    await bring(project, [join(folder, 'in')]);
    expect([everyCase(project.read).length, listImages(project.read).length]).toEqual([1, 2]);
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

describe('DICOM series of one study and frame of reference', () => {
  const tracer = { RadiopharmaceuticalStartTime: '100000', RadionuclideTotalDose: 370_000_000, RadionuclideHalfLife: 6586.2 };
  const petHeader = {
    SeriesInstanceUID: '2.25.20',
    Modality: 'PT',
    SeriesNumber: 2,
    SeriesDescription: 'WB PET AC',
    Units: 'BQML',
    DecayCorrection: 'START',
    PatientWeight: 74,
    SeriesTime: '110000',
    RescaleSlope: 2,
    RadiopharmaceuticalInformationSequence: [tracer],
  };
  /** 370 MBq after an hour, by weight. */
  const factor = (1000 * 74) / (370e6 * 2 ** (-3600 / 6586.2));
  const writePet = (change: object = {}): void => {
    const pet = coarser(5) as Volume<Int16Array>;
    writeDicomSlices(at('study', 'pet', 'x').slice(0, -2), pet, (k) => ({
      SOPInstanceUID: `2.25.40.${String(k)}`,
      ...petHeader,
      ...change,
    }));
  };

  it('are offered as one case, the CT leading, with PET as SUV by body weight', async () => {
    writeDicomSlices(at('study', 'ct', 'x').slice(0, -2), rampVolume(size, 1));
    writePet();
    const apart = await plan();
    expect([apart.cases.length, apart.studies]).toEqual([2, 1]);
    const planned = await plan({ studies: true });
    expect(shown(planned)).toEqual([
      [
        'HOSP-998877, series 1',
        [
          ['CT', 'grid'],
          ['PET', 'frame'],
        ],
        0,
      ],
    ]);
    expect(planned.cases[0]?.warnings.join()).toContain('PET: PET is read as SUV by body weight: 74 kg, 370 MBq, 60 min before the scan.');
    const { added } = await bring(project, [join(folder, 'in')], { studies: true });
    const [ct, pet] = listImages(project.read);
    expect([ct?.modality, pet?.modality, pet?.scale.unit, pet?.grid.size]).toEqual(['CT', 'PT', 'SUVbw', [4, 7, 6]]);
    expect(pet?.scale.factor).toBeCloseTo(factor, 12);
    // Read, it lies on the voxels of the CT: the coarser one's centres are every second one of these.
    const { volume } = await readCaseImage(project, added[0] ?? '', quietly.cancellation, pet?.id);
    expect(volume.grid).toEqual(ct?.grid);
    const stored = (coarser(5).data[0] ?? 0) * 2;
    expect(volume.data[0]).toBeCloseTo(stored * factor, 5);
  });

  it('are called by their patient and description, and by folder and number as far as these are missing or alike', async () => {
    const named = (folder: string, seed: number, change: object): void => {
      writeDicomSlices(at(folder, 'x').slice(0, -2), rampVolume(size, seed), (k) => ({
        SeriesInstanceUID: `2.25.6.${String(seed)}`,
        SOPInstanceUID: `2.25.7.${String(seed)}.${String(k)}`,
        SeriesNumber: seed,
        ...change,
      }));
    };
    named('one', 11, { SeriesDescription: 'Abdomen 3 mm' });
    named('two', 12, { PatientID: '', PatientName: 'Roe^Richard', SeriesDescription: 'Thorax' });
    named('three', 13, {});
    named('four', 14, { PatientID: 'P4', SeriesDescription: 'Head' });
    named('five', 15, { PatientID: 'P4', SeriesDescription: 'Head' });
    named('six', 16, { PatientID: '', PatientName: '', SeriesDescription: 'Knee' });
    named('seven', 17, { PatientID: '', PatientName: '' });
    expect((await plan()).cases.map(({ name }) => name).sort()).toEqual([
      'HOSP-998877, Abdomen 3 mm',
      'HOSP-998877, series 13',
      'P4, Head, series 14',
      'P4, Head, series 15',
      'Roe Richard, Thorax',
      'seven/series 17',
      'six, Knee',
    ]);
    // Nor like a case that the project has.
    await bring(project, [join(folder, 'in', 'one')]);
    named('later', 21, { SeriesDescription: 'Abdomen 3 mm' });
    const { cases } = await planImport([join(folder, 'in', 'later')], importTarget(project, quietly.cancellation), quietly);
    expect(cases.map(({ name }) => name)).toEqual(['HOSP-998877, Abdomen 3 mm, series 21']);
  });

  it('stay apart where a segmentation names each', async () => {
    writeDicomSlices(at('study', 'ct', 'x').slice(0, -2), rampVolume(size, 1));
    writePet({ PatientWeight: 0, RescaleSlope: 1 });
    const { source, volume } = await readImage(at('study', 'ct', 'x').slice(0, -2));
    const { source: petSource, volume: pet } = await readImage(at('study', 'pet', 'x').slice(0, -2));
    const labels = { labels: [{ value: 1, name: 'node', color: '#ff0000', locked: false }] };
    const one = (grid: Volume['grid']): Volume<Uint8Array> => ({
      grid,
      data: new Uint8Array(grid.size[0] * grid.size[1] * grid.size[2]).fill(1),
    });
    await exportDicomSeg(at('study', 'ct.dcm'), one(volume.grid), labels, source);
    await exportDicomSeg(at('study', 'pet.dcm'), one(pet.grid), labels, petSource);
    const planned = await plan({ studies: true });
    expect([planned.cases.length, planned.studies, planned.skipped]).toEqual([2, 0, []]);
    expect(planned.cases.map(({ mask }) => mask?.parts.length)).toEqual([1, 1]);
    expect(planned.cases[1]?.warnings.join()).toContain('not as SUV: its header lacks the body weight');
  });
});

describe('a project with several images of a case', () => {
  it('is verified, packed, unpacked, relinked and cleaned with all of them', async () => {
    for (const [n, name] of ['a', 'b'].entries()) {
      await write(rampVolume(size, 10 * n + 1), 'imagesTr', `${name}_0000.nii.gz`);
      await write(rampVolume(size, 99), 'imagesTr', `${name}_0001.nii.gz`); // one image of two cases
    }
    await bring(project, [join(folder, 'in')], { mode: 'reference' });
    const other = emptyProject(join(folder, 'copies'));
    await bring(other, [join(folder, 'in')]);
    const folders = new Set(listImages(other.read).flatMap(({ paths }) => paths.map((path) => path.split('/')[1])));
    expect([listImages(other.read).length, folders.size]).toEqual([4, 3]);
    other.close();
    expect((await verifyProject(join(folder, 'copies'), quietly)).faults).toEqual([]);
    // Moved away: said, found again at the new place, and packed with everything.
    renameSync(join(folder, 'in'), join(folder, 'moved'));
    expect(await describeReferenced(project)).toMatchObject({ images: 4, missing: 4 });
    const relinked = await relinkImages(project, join(folder, 'in'), join(folder, 'moved'), quietly);
    expect([new Set(relinked.relinked).size, relinked.relinked.length, relinked.skipped]).toEqual([2, 4, []]);
    await packProject(project, join(folder, 'packed.logonet'), quietly);
    await unpackProject(join(folder, 'packed.logonet'), join(folder, 'unpacked'), quietly);
    const verified = await verifyProject(join(folder, 'unpacked'), quietly);
    expect([verified.checked, verified.faults]).toEqual([4, []]);
    // A channel that is something else is noticed like a leading image.
    await writeVolume(join(folder, 'moved', 'imagesTr', 'a_0001.nii.gz'), rampVolume(size, 98));
    const [caseA = ''] = everyCase(project.read).map(({ id }) => id);
    await expect(checkCaseImages(project, caseA, quietly.cancellation)).rejects.toMatchObject({ code: 'changed' });
    project.close();
    expect((await verifyProject(join(folder, 'project'), quietly)).faults.map(({ subject }) => subject)).toEqual([`image 2 of ${caseA}`]);
    project = openProject(join(folder, 'project'), { author: 'reader' });
  });

  it('is exported for nnU-Net with every channel by name on the leading voxels, or not at all where a case lacks one', async () => {
    const order = [
      ['a', 'T1', 'FLAIR'],
      ['b', 'FLAIR', 'T1'],
    ] as const;
    for (const [n, [name, ...channels]] of order.entries()) {
      const root = join('sets', name);
      writeFileSync(
        at(root, 'dataset.json'),
        JSON.stringify({ channel_names: { 0: channels[0], 1: channels[1] }, labels: { background: 0, tumour: 1 } }),
      );
      await write(rampVolume(size, 10 * n + 1), root, 'imagesTr', `${name}_0000.nii.gz`);
      await write(coarser(10 * n + 2), root, 'imagesTr', `${name}_0001.nii.gz`);
      await write(slabs([1]), root, 'labelsTr', `${name}.nii.gz`);
    }
    await bring(project, [join(folder, 'in')], { sameCoordinates: true });
    const caseIds = everyCase(project.read).map(({ id }) => id);
    const request = { format: 'nnunet', caseIds, source: 'mask', deidentify: false, overwrite: false, values: 'project' } as const;
    const documents = { frozen: () => Promise.resolve(null) };
    const out = join(folder, 'out');
    const { files, failures } = await exportCases({ project, documents }, { ...request, destination: out }, quietly);
    expect([failures, files.every(({ verified }) => verified), files.length]).toEqual([[], true, 7]);
    expect((JSON.parse(readFileSync(join(out, 'dataset.json'), 'utf8')) as { channel_names: unknown }).channel_names).toEqual({
      0: 'T1',
      1: 'FLAIR',
    });
    const first = async (name: string): Promise<unknown> => {
      const { volume } = await readImage(join(out, 'imagesTr', name));
      return [volume.grid.size, volume.data[0]];
    };
    // b is led by FLAIR: its T1 is the coarser one, brought onto the leading voxels.
    expect(await first('b_0000.nii.gz')).toEqual([size, coarser(12).data[0]]);
    expect(await first('b_0001.nii.gz')).toEqual([size, rampVolume(size, 11).data[0]]);
    await write(rampVolume(size, 77), 'single', 'images', 'c.nii.gz');
    await bring(project, [join(folder, 'in', 'single')]);
    const all = { ...request, caseIds: everyCase(project.read).map(({ id }) => id), destination: join(folder, 'other') };
    await expect(exportCases({ project, documents }, all, quietly)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('which other cases have') as string,
    });
  });
});
