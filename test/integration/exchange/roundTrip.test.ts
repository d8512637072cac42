import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { readMaskFile } from '#main/document/index.ts';
import { exportCases } from '#main/exchange/exportCases.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { keepRevision } from '#main/exchange/keepRevision.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { createProject, getLabelSet, latestMaskRevision, listCases, type Project } from '#main/library/index.ts';
import { rampVolume } from '#test/support/studio.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';

const count = 117;
const names = Array.from({ length: count }, (_, n) => `Structure ${String(n + 1)}, ${n % 2 === 0 ? 'left' : 'right'} "a" & <b>`);
const grid = rampVolume([16, 15, 10]).grid;
const labelsOf = (order: readonly string[], first: number): Label[] =>
  order.map((name, n) => ({ value: first + n, name, color: `#${(0x101010 + n * 0x1357).toString(16)}`, locked: false }));

let root: string;
let source: Project;
let series: string;
const options = { cancellation: neverCancelled, report: ignoreProgress };

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-117-'));
  series = join(root, 'series');
  writeDicomSlices(series, rampVolume([16, 15, 10]));
  source = createProject(join(root, 'source'), { name: 'source', labelSet: { labels: labelsOf(names, 1) }, author: 'reader' });
  const { added } = await importCases(source, [series], { mode: 'copy', ...options });
  const data = Uint8Array.from({ length: voxelCount(grid) }, (_, n) => (n % 3 === 0 ? 0 : 1 + (n % count)));
  await keepRevision(source, added[0] ?? '', { grid, data }, 'reviewed');
});
afterAll(() => {
  source.close();
  rmSync(root, { recursive: true, force: true });
});

/** The label's name at every voxel of the project's only mask. */
async function namesOf(project: Project): Promise<(string | null)[]> {
  const [row] = listCases(project.read, {}).cases;
  const { data } = await readMaskFile(project.paths.inside(latestMaskRevision(project.read, row?.id ?? '')?.path ?? ''));
  const known = new Map(getLabelSet(project.read).labels.map(({ value, name }) => [value, name]));
  return Array.from(data, (value) => known.get(value) ?? null);
}

it.each(['nifti', 'nrrd', 'dicom-seg', 'rtstruct', 'dicom', 'nnunet'])(
  '117 labels through %s: no voxel and no name differs',
  { timeout: 120_000 },
  async (format) => {
    const [row] = listCases(source.read, {}).cases;
    const destination = join(root, format);
    const exported = { project: source, documents: { frozen: () => Promise.resolve(null) } };
    const request = {
      format,
      destination,
      caseIds: [row?.id ?? ''],
      source: 'mask',
      deidentify: true,
      overwrite: false,
      values: 'project',
    } as const;
    const { files, failures } = await exportCases(exported, request, options);
    expect([failures, files.every(({ verified }) => verified)]).toEqual([[], true]);
    // Into a project that has the same names in another order, and other numbers.
    const target = createProject(join(root, `${format}-target`), {
      name: 'target',
      labelSet: { labels: labelsOf(names.toReversed(), 101) },
      author: 'reader',
    });
    try {
      // A mask that names no series lies beside it.
      if (format !== 'nnunet' && format !== 'dicom') cpSync(series, join(destination, 'series'), { recursive: true });
      const { masks, skipped } = await importCases(target, [destination], { mode: 'copy', ...options });
      expect([masks, skipped]).toEqual([1, []]);
      expect(await namesOf(target)).toEqual(await namesOf(source));
      expect(getLabelSet(target.read).labels.map(({ name }) => name)).toEqual(names.toReversed());
    } finally {
      target.close();
    }
  },
);

/** Names that can be those of files. */
const plain = Array.from({ length: count }, (_, n) => `structure_${String(n + 1)}_${n % 2 === 0 ? 'left' : 'right'}`);
const csv = plain.map((name, n) => `${String(n + 1)},${name}\n`).join('');
const tsv = `index\tname\n${plain.map((name, n) => `${String(n + 1)}\t${name}\n`).join('')}`;
const described = JSON.stringify({ labels: { background: 0, ...Object.fromEntries(plain.map((name, n) => [name, n + 1])) } });

it.each([
  ['nnU-Net', 'imagesTr/a_0000.nii.gz', 'labelsTr/a.nii.gz', { 'dataset.json': described }],
  ['AMOS', 'imagesTr/amos_0004.nii.gz', 'labelsTr/amos_0004.nii.gz', { 'dataset.json': described }],
  ['BTCV', 'img/img0001.nii.gz', 'label/label0001.nii.gz', { 'label/labels.txt': csv }],
  ['BIDS', 'sub-1/anat/sub-1_T1w.nii.gz', 'derivatives/hand/sub-1/anat/sub-1_T1w_dseg.nii.gz', { 'derivatives/hand/dseg.tsv': tsv }],
  ['MONAI Label', 'a.nii.gz', 'labels/final/a.nii.gz', { 'labels.csv': csv }],
  ['BraTS', 'p/p_flair.nii.gz', 'p/p_seg.nii.gz', { 'labels.csv': csv }],
  ['beside each other', 'a.nrrd', 'a_label.nrrd', { 'labels.csv': csv }],
  ['DICOM', 'series', 'contour.nii.gz', { 'labels.csv': csv }],
  ['TotalSegmentator', 's1/ct.nii.gz', 's1/segmentations', {}],
] as const)('117 labels in the layout of %s: no voxel and no name differs', { timeout: 120_000 }, async (layout, image, mask, lists) => {
  const folder = join(root, `layout ${layout}`);
  const at = (path: string): string => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    return join(folder, path);
  };
  const volume = rampVolume([16, 15, 10]);
  const data = Uint8Array.from({ length: voxelCount(grid) }, (_, n) => (n % 3 === 0 ? 0 : 1 + (n % count)));
  if (image === 'series') cpSync(series, at(image), { recursive: true });
  else await writeVolume(at(image), volume);
  if (mask === 's1/segmentations')
    for (const [n, name] of plain.entries())
      await writeVolume(at(`${mask}/${name}.nii.gz`), { grid, data: data.map((value) => (value === n + 1 ? 1 : 0)) });
  else await writeVolume(at(mask), { grid, data });
  for (const [path, text] of Object.entries(lists)) writeFileSync(at(path), text);
  const target = createProject(join(root, `${layout} target`), {
    name: 'target',
    labelSet: { labels: labelsOf(plain.toReversed(), 101) },
    author: 'reader',
  });
  try {
    const { masks, skipped } = await importCases(target, [folder], { mode: 'copy', ...options });
    expect([masks, skipped]).toEqual([1, []]);
    expect(await namesOf(target)).toEqual(Array.from(data, (value) => plain[value - 1] ?? null));
    expect(getLabelSet(target.read).labels.map(({ name }) => name)).toEqual(plain.toReversed());
  } finally {
    target.close();
  }
});
