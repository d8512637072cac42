import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { Affine, Grid, LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { reorientVolume } from '#shared/geometry/orientation.ts';
import { carryOut, importCases, importTarget, type ImportOptions, type ImportResult } from '#main/exchange/importCases.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { exportDicomSeries } from '#main/export/exportDicomSeries.ts';
import { exportSegNrrd } from '#main/export/exportNrrd.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import {
  createProject,
  getLabelSet,
  latestMaskRevision,
  listCases,
  listLabelSources,
  listMaskRevisions,
  type Project,
} from '#main/library/index.ts';
import { readMaskFile } from '#main/document/index.ts';
import { rampVolume, testLabels } from '#test/support/studio.ts';

let root: string;
let project: Project;
const size: Triple = [8, 7, 6];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-import-'));
  project = createProject(join(root, 'project'), { name: 'Abdomen', labelSet: { labels: testLabels }, author: 'reader' });
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

const at = (...parts: string[]): string => join(root, ...parts);
function inFolder(path: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  return path;
}
async function image(seed: number, ...parts: string[]): Promise<string> {
  await writeVolume(inFolder(at(...parts)), rampVolume(size, seed));
  return at(...parts);
}
/** Value 10·n + 1 where the source's own numbering has the n-th of `values`: each fills a slab of its own. */
function slabs(values: readonly number[], grid: Grid = rampVolume(size).grid): LabelVolume {
  const data = values.some((value) => value > 255) ? new Uint16Array(voxelCount(grid)) : new Uint8Array(voxelCount(grid));
  const [ni, nj] = grid.size;
  values.forEach((value, n) => data.fill(value, (n + 1) * ni * nj, (n + 1) * ni * nj + ni * (n + 2)));
  return { grid, data } as LabelVolume;
}
async function mask(values: readonly number[], ...parts: string[]): Promise<string> {
  await writeVolume(inFolder(at(...parts)), slabs(values));
  return at(...parts);
}
const bring = (sources: readonly string[], options: Partial<ImportOptions> = {}): Promise<ImportResult> =>
  importCases(project, sources, { mode: 'copy', cancellation: neverCancelled, report: ignoreProgress, ...options });
const plan = (...sources: string[]) =>
  planImport(sources, importTarget(project, neverCancelled), { cancellation: neverCancelled, report: ignoreProgress });

/** Voxels by label name in the newest mask of a case. */
async function voxelsByName(caseId: string): Promise<Record<string, number>> {
  const revision = latestMaskRevision(project.read, caseId);
  if (revision === undefined) return {};
  const { data } = await readMaskFile(project.paths.inside(revision.path));
  const counts: Record<string, number> = {};
  for (const value of data) {
    const name =
      value === 0 ? null : (getLabelSet(project.read).labels.find((label) => label.value === value)?.name ?? `unnamed ${String(value)}`);
    if (name !== null) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
const [row] = size;
const slab = (n: number): number => row * (n + 2);

describe('a label is its name', () => {
  it('whatever number a dataset.json gives it', async () => {
    await image(1, 'a', 'imagesTr', 'x.nii.gz');
    await mask([1, 2, 7], 'a', 'labelsTr', 'x.nii.gz');
    writeFileSync(
      at('a', 'dataset.json'),
      JSON.stringify({ labels: { background: 0, spleen: 1, Liver: 2, Pancreas: 7 }, channel_names: { 0: 'CT' } }),
    );
    const { added, masks, skipped } = await bring([at('a')]);
    expect([masks, skipped]).toEqual([1, []]);
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Spleen: slab(0), Liver: slab(1), Pancreas: slab(2) });
    expect(getLabelSet(project.read).labels.map(({ value, name }) => [value, name])).toEqual([
      [1, 'Liver'],
      [2, 'Spleen'],
      [7, 'Pancreas'],
    ]);
    // What the source called it, and its numbers, are kept.
    expect(listLabelSources(project.read)).toEqual([
      { value: 1, sourceValue: 2, sourceName: 'Liver' },
      { value: 2, sourceValue: 1, sourceName: 'spleen' },
      { value: 7, sourceValue: 7, sourceName: 'Pancreas' },
    ]);
  });

  it('in a .seg.nrrd, where a taken number goes to a free one', async () => {
    await image(1, 'a', 'x.nrrd');
    await exportSegNrrd(at('a', 'x.seg.nrrd'), slabs([1, 2]), {
      labels: [
        { value: 1, name: 'Lesion', color: '#123456', locked: false },
        { value: 2, name: 'liver', color: '#654321', locked: false },
      ],
    });
    const { added } = await bring([at('a')]);
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Lesion: slab(0), Liver: slab(1) });
    expect(getLabelSet(project.read).labels.find(({ name }) => name === 'Lesion')).toMatchObject({ value: 3, color: '#123456' });
  });

  it('in DICOM SEG, whose numbers are only an order; two of one series are one mask', async () => {
    const volume = rampVolume(size);
    mkdirSync(at('dicom'));
    const { source } = await readImage(await exportDicomSeries(at('dicom', 'ct'), volume, { modality: 'CT', name: 'case' }));
    const label = (value: number, name: string) => ({ labels: [{ value, name, color: '#808080', locked: false }] });
    await exportDicomSeg(at('dicom', 'one.dcm'), slabs([0, 9]), label(9, 'Spleen'), source);
    await exportDicomSeg(at('dicom', 'two.dcm'), slabs([0, 0, 5]), label(5, 'Kidney'), source);
    const { added, masks, skipped } = await bring([at('dicom')]);
    expect([added.length, masks, skipped]).toEqual([1, 1, []]);
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Spleen: slab(1), Kidney: slab(2) });
  });

  it.each(['labels.csv', 'labels.txt'])('in a list beside the masks (%s)', async (name) => {
    await image(1, 'a', 'images', 'x.nii.gz');
    await mask([1, 2], 'a', 'labels', 'x.nii.gz');
    writeFileSync(at('a', 'labels', name), name.endsWith('csv') ? 'value,name\n1,Spleen\n2,"Liver"\n' : '# names\n1 Spleen\n2 Liver\n');
    const { added } = await bring([at('a')]);
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Spleen: slab(0), Liver: slab(1) });
  });

  it('and without a name it is asked for, before anything is done', async () => {
    await image(1, 'a', 'x.nii.gz');
    await mask([1], 'a', 'x_seg.nii.gz');
    await expect(bring([at('a')])).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Say what it is in the plan of the import') as string,
    });
    expect(listCases(project.read, {}).total).toBe(0);
    expect((await plan(at('a'))).question).toContain('Nothing but the number');
    const { added } = await bring([at('a')], { choices: new Map([['1', 'Brain lesion']]) });
    expect(await voxelsByName(added[0] ?? '')).toEqual({ 'Brain lesion': slab(0) });
    // Said once, it is not asked again for what it made; and a value can be left out.
    await image(2, 'b', 'x.nii.gz');
    await mask([1, 2], 'b', 'x_seg.nii.gz');
    const { added: further } = await bring([at('b')], {
      choices: new Map([
        ['1', 'Brain lesion'],
        ['2', null],
      ]),
    });
    expect(await voxelsByName(further[0] ?? '')).toEqual({ 'Brain lesion': slab(0) });
    await expect(bring([at('b')], { choices: new Map([['9', 'Liver']]) })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('with values up to 65,535, and more than 255 labels only where a person chose', async () => {
    const empty = createProject(at('empty'), { name: 'Brain', labelSet: { labels: [] }, author: 'reader' });
    project.close();
    project = empty;
    await image(1, 'a', 'x.nii.gz');
    await mask([17, 1001, 4095, 65535], 'a', 'x_seg.nii.gz');
    const { added } = await bring([at('a')]);
    expect(await voxelsByName(added[0] ?? '')).toEqual({
      'Label 17': slab(0),
      'Label 1001': slab(1),
      'Label 4095': slab(2),
      'Label 65535': slab(3),
    });
    const many = new Uint16Array(voxelCount(rampVolume(size).grid)).map((_, n) => (n < 300 ? n + 300 : 0));
    await image(2, 'b', 'y.nii.gz');
    await writeVolume(at('b', 'y_seg.nii.gz'), { grid: rampVolume(size).grid, data: many });
    await expect(bring([at('b')])).rejects.toMatchObject({ code: 'conflict' });
    expect(listCases(project.read, {}).total).toBe(1);
  });

  it('also where every structure has a file, and what overlaps is said', async () => {
    await image(1, 'a', 's1', 'ct.nii.gz');
    await mask([1], 'a', 's1', 'segmentations', 'liver.nii.gz');
    await mask([0, 1], 'a', 's1', 'segmentations', 'left_kidney.nii.gz');
    await mask([1, 1], 'a', 's1', 'segmentations', 'spleen.nii.gz');
    const { added, warnings } = await bring([at('a')]);
    expect(added).toHaveLength(1);
    expect(await voxelsByName(added[0] ?? '')).toEqual({ left_kidney: slab(1), Liver: slab(0) });
    expect(warnings.map(({ message }) => message)).toEqual([
      `“spleen” loses ${String(slab(0))} voxels to “liver”, where both lie.`,
      `“spleen” loses ${String(slab(1))} voxels to “left_kidney”, where both lie.`,
    ]);
  });
});

describe('what lies where', () => {
  const shifted = (grid: Grid, axis: number, mm: number): Grid => ({
    ...grid,
    affine: grid.affine.map((x, n) => (n === 4 * axis + 3 ? x + mm : x)) as unknown as Affine,
  });
  const write = async (labels: Volume): Promise<void> => {
    await image(1, 'a', 'x.nii.gz');
    await writeVolume(at('a', 'x_seg.nii.gz'), labels);
    writeFileSync(at('a', 'labels.csv'), '1,Liver\n2,Spleen\n');
  };
  const { grid } = rampVolume(size); // 1 × 1 × 2 mm

  it.each([
    ['0.001 mm off', 0, 0.001, null],
    ['a tenth of a voxel off', 2, 0.19, null],
    ['a third of a voxel off', 2, 0.6, /0\.600 mm \(0\.30 voxels\) off along the image’s third axis/],
  ])('%s is taken, and from a tenth on said', async (_, axis, mm, said) => {
    await write({ ...slabs([1, 2]), grid: shifted(grid, axis, mm) });
    const { added, warnings } = await bring([at('a')]);
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Liver: slab(0), Spleen: slab(1) });
    if (said === null) expect(warnings).toEqual([]);
    else expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(said)]);
  });

  it('1e-4 in spacing is the same place', async () => {
    await write({ ...slabs([1, 2]), grid: { size, affine: grid.affine.map((x, n) => (n === 0 ? x * 1.0001 : x)) as unknown as Affine } });
    expect((await bring([at('a')])).masks).toBe(1);
  });

  it('half a voxel off and more is refused, with its size and axis', async () => {
    await write({ ...slabs([1, 2]), grid: shifted(grid, 2, 3) });
    const { masks, skipped } = await bring([at('a')]);
    expect([masks, skipped]).toEqual([
      0,
      [
        expect.objectContaining({
          code: 'invalid-file',
          message: expect.stringMatching(/3\.00 mm \(1\.5 voxels\) .*third axis/) as string,
        }),
      ],
    ]);
  });

  it.each(['RAS', 'SPL', 'ILA', 'PSR'])('other axis orders and directions are reordered (%s)', async (code) => {
    await write(reorientVolume(slabs([1, 2]) as Volume<Uint8Array>, code));
    const { added } = await bring([at('a')]);
    const revision = latestMaskRevision(project.read, added[0] ?? '');
    expect([...(await readMaskFile(project.paths.inside(revision?.path ?? ''))).data]).toEqual([...slabs([1, 2]).data]);
  });

  it('a segment file of a part of the image is filled up with background; a mask of another size is refused', async () => {
    const part: Grid = { size: [8, 7, 3], affine: shifted(grid, 2, 2).affine };
    const cut = { grid: part, data: Uint8Array.from(slabs([1, 2]).data.slice(56, 4 * 56)) };
    await write(cut);
    expect((await bring([at('a')])).skipped).toMatchObject([
      { message: expect.stringContaining('It has 8×7×3 voxels, the image 8×7×6') as string },
    ]);
    await exportSegNrrd(at('a', 'x.seg.nrrd'), cut, { labels: testLabels });
    rmSync(at('a', 'x_seg.nii.gz'));
    await bring([at('a')]);
    expect(await voxelsByName(listCases(project.read, {}).cases[0]?.id ?? '')).toEqual({ Liver: slab(0), Spleen: slab(1) });
  });
});

describe('what is found is what it is', () => {
  beforeEach(() => {
    mkdirSync(at('a'), { recursive: true });
    writeFileSync(at('a', 'labels.csv'), '1,Liver\n2,Spleen\n');
  });

  it('AMOS: numbers in names are no channels', async () => {
    for (const name of ['amos_0001', 'amos_0004']) {
      await image(Number(name.slice(-1)), 'a', 'imagesTr', `${name}.nii.gz`);
      await mask([1], 'a', 'labelsTr', `${name}.nii.gz`);
    }
    expect(await bring([at('a')])).toMatchObject({ masks: 2, skipped: [] });
  });

  it('dataset.json with one file name in two folders: two cases', async () => {
    const training = [];
    for (const [n, name] of ['sub-01', 'sub-02'].entries()) {
      await image(n, 'a', name, 'anat', 'T1w.nii.gz');
      await mask([1 + n], 'a', 'masks', name, 'T1w.nii.gz');
      training.push({ image: `${name}/anat/T1w.nii.gz`, label: `masks/${name}/T1w.nii.gz` });
    }
    writeFileSync(at('a', 'dataset.json'), JSON.stringify({ labels: { 1: 'Liver', 2: 'Spleen' }, training }));
    const { added, masks } = await bring([at('a')]);
    expect([added.length, masks]).toEqual([2, 2]);
    expect(listCases(project.read, {}).cases.map(({ name }) => name)).toEqual(['sub-01_anat_T1w', 'sub-02_anat_T1w']);
    expect(await Promise.all(added.map(voxelsByName))).toEqual([{ Liver: slab(0) }, { Spleen: slab(0) }]);
  });

  it('a mask without its image is no case', async () => {
    await image(1, 'a', 'x.nii.gz');
    await mask([1], 'a', 'y_seg.nii.gz');
    await mask([1], 'a', 'labels', 'z.nii.gz');
    const { added, skipped } = await bring([at('a')]);
    expect([added.length, skipped.map(({ path }) => path).sort()]).toEqual([1, [at('a', 'labels', 'z.nii.gz'), at('a', 'y_seg.nii.gz')]]);
  });

  it('a NIfTI mask of a DICOM series, whatever it is called', async () => {
    for (const patient of ['p1', 'p2'])
      await exportDicomSeries(at('a', patient, 'ct'), rampVolume(size, patient.length), { modality: 'CT', name: patient });
    await mask([1], 'a', 'p1', 'mask.nii.gz');
    await mask([2], 'a', 'p2', 'contours.nii.gz');
    const { added, masks, skipped } = await bring([at('a')]);
    expect([added.length, masks, skipped]).toEqual([2, 2, []]);
  });

  it('links are followed inside the folder, and named where they lead out of it', async () => {
    const outside = await image(1, 'elsewhere', 'x.nii.gz');
    await image(2, 'a', 'raw', 'y.nii.gz');
    symlinkSync(outside, at('a', 'x.nii.gz'));
    symlinkSync(at('elsewhere'), at('a', 'folder'));
    symlinkSync(at('nowhere'), at('a', 'broken.nii.gz'));
    mkdirSync(at('a', 'imagesTr'));
    symlinkSync(at('a', 'raw', 'y.nii.gz'), at('a', 'imagesTr', 'y.nii.gz'));
    const { added, duplicates, skipped } = await bring([at('a')]);
    expect([added.length, duplicates]).toEqual([1, 1]);
    expect(skipped.map(({ path }) => path).sort()).toEqual([at('a', 'broken.nii.gz'), at('a', 'folder'), at('a', 'x.nii.gz')]);
  });

  it('the same image again with a corrected mask: its next revision', async () => {
    await image(1, 'a', 'x.nii.gz');
    await mask([1], 'a', 'x_seg.nii.gz');
    const { added } = await bring([at('a')]);
    expect(await bring([at('a')])).toMatchObject({ added: [], masks: 0, duplicates: 2 });
    await mask([1, 2], 'a', 'x_seg.nii.gz');
    expect(await bring([at('a')])).toMatchObject({ added: [], masks: 1, duplicates: 1 });
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Liver: slab(0), Spleen: slab(1) });
    expect(listMaskRevisions(project.read, added[0] ?? '')).toHaveLength(2);
  });

  it('masks to be corrected are no truth yet', async () => {
    await image(1, 'a', 'x.nii.gz');
    await mask([1], 'a', 'x_seg.nii.gz');
    await bring([at('a')], { masksAre: 'toCorrect' });
    expect(listCases(project.read, {}).cases.map(({ status }) => status)).toEqual(['inCorrection']);
  });

  it('a plan is carried out on the files that it saw, or says that they have changed', async () => {
    const path = await image(1, 'a', 'x.nii.gz');
    const planned = await plan(at('a'));
    const before = readFileSync(path);
    await image(2, 'a', 'x.nii.gz');
    const options = { mode: 'copy', cancellation: neverCancelled, report: ignoreProgress } as const;
    expect(await carryOut(project, planned, options)).toMatchObject({ added: [], skipped: [{ code: 'conflict' }] });
    writeFileSync(path, before);
    expect((await carryOut(project, planned, options)).added).toHaveLength(1);
  });
});

describe('masks that no image is called like', () => {
  it('go to the image that is called after them and has their voxels', async () => {
    const other: Triple = [9, 7, 6];
    await image(1, 'a', 'example_ct_sm.nii.gz');
    await writeVolume(at('a', 'example_mr_sm.nii.gz'), rampVolume(other, 2));
    await mask([3], 'a', 'example_seg.nii.gz');
    await writeVolume(at('a', 'example_seg_mr.nii.gz'), slabs([4], rampVolume(other).grid));
    const planned = await plan(at('a'));
    expect(planned.skipped).toEqual([]);
    expect(planned.cases.map(({ images, mask: found }) => [images[0]?.paths[0], found?.parts.map(({ paths }) => paths[0])])).toEqual([
      [at('a', 'example_ct_sm.nii.gz'), [at('a', 'example_seg.nii.gz')]],
      [at('a', 'example_mr_sm.nii.gz'), [at('a', 'example_seg_mr.nii.gz')]],
    ]);
  });

  it('are refused where two images could be meant, or none is called after them', async () => {
    for (const [n, name] of ['p_ct.nii.gz', 'p_mr.nii.gz', 'q.nii.gz'].entries()) await image(n, 'a', name);
    await mask([3], 'a', 'p_seg.nii.gz');
    await mask([3], 'a', 'r_seg.nii.gz');
    await mask([3], 'a', 'training_label_7.nii.gz');
    const planned = await plan(at('a'));
    expect(planned.cases.map(({ name, mask: found }) => [name, found])).toEqual([
      ['p_ct', null],
      ['p_mr', null],
      ['q', null],
    ]);
    expect(planned.skipped.map(({ path }) => path).sort()).toEqual(
      ['p_seg.nii.gz', 'r_seg.nii.gz', 'training_label_7.nii.gz'].map((name) => at('a', name)),
    );
  });
});

it('what lies among images, or is listed as one, is an image whatever its name and its values say', async () => {
  await mask([3], 'a', 'images', 'brain_seg_1.nii.gz');
  await mask([4], 'b', 'brain_seg_2.nii.gz');
  writeFileSync(at('b', 'dataset.json'), JSON.stringify({ labels: {}, training: [{ image: 'brain_seg_2.nii.gz' }] }));
  const planned = await plan(at('a'), at('b'));
  expect([planned.cases.length, planned.skipped]).toEqual([2, []]);
});

it('a label that is named and not there: why the mask is not taken is said', async () => {
  await image(1, 'a', 'x.nii.gz');
  const far = rampVolume(size).grid.affine.map((x, n) => (n === 3 ? x + 600 : x)) as unknown as Affine;
  await writeVolume(inFolder(at('a', 'x_seg.nii.gz')), slabs([1], { size, affine: far }));
  const refused = await bring([at('a')], { choices: new Map([['1', 'Liver']]) }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'invalid-argument' });
  expect((refused as Error).message).toMatch(/hold no label “1”.*x_seg.nii.gz is not taken: ./);
});
