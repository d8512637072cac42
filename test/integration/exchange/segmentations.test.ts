import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { lossSentences } from '#shared/domain/overlap.ts';
import { voxelCount, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { readMaskFile } from '#main/document/index.ts';
import { exportCases } from '#main/exchange/exportCases.ts';
import { importCases, importTarget, type ImportOptions } from '#main/exchange/importCases.ts';
import { planImport, type PlanOptions } from '#main/exchange/plan/planImport.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom } from '#main/imageio/dicom/encode.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import {
  createProject,
  getCase,
  getLabelSet,
  imagePaths,
  latestMaskRevision,
  listCases,
  listImages,
  type Project,
} from '#main/library/index.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';
import { writeSeveral } from '#test/support/severalVolumes.ts';
import { boxIn, writeStructureSet } from '#test/support/structureSets.ts';
import { rampVolume } from '#test/support/studio.ts';

let root: string;
let project: Project;
const size: Triple = [12, 10, 5];
const volume = rampVolume(size);
const { grid } = volume;
const options = { cancellation: neverCancelled, report: ignoreProgress };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-segments-'));
  project = createProject(join(root, 'project'), { name: 'Abdomen', labelSet: { labels: [] }, author: 'reader' });
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

const at = (...parts: string[]): string => join(root, ...parts);
const bring = (source: string, given: Partial<ImportOptions> = {}) =>
  importCases(project, [source], { mode: 'copy', ...options, ...given });
const plan = (source: string, given: Partial<PlanOptions> = {}) =>
  planImport([source], importTarget(project, neverCancelled), { ...options, ...given });

async function maskOf(caseId: string): Promise<Uint8Array | Uint16Array> {
  return (await readMaskFile(project.paths.inside(latestMaskRevision(project.read, caseId)?.path ?? ''))).data;
}
async function voxelsByName(caseId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of await maskOf(caseId)) {
    const name = getLabelSet(project.read).labels.find((label) => label.value === value)?.name;
    if (value !== 0) counts[name ?? 'unnamed'] = (counts[name ?? 'unnamed'] ?? 0) + 1;
  }
  return counts;
}

describe('structure sets', () => {
  const drawn = [
    { name: 'Liver', color: [10, 20, 30] as const, contours: [boxIn(1, -0.5, -0.5, 5.5, 5.5)] },
    { name: 'Cyst', contours: [boxIn(1, 0.5, 0.5, 2.5, 2.5)] },
  ];
  const counts = { Liver: 32, Cyst: 4 };

  it('beside their series, which they name: labels by name and colour, through the plan', async () => {
    writeDicomSlices(at('study', 'ct'), volume);
    writeStructureSet(at('study', 'structures'), grid, drawn);
    const planned = await plan(at('study'));
    expect(planned.cases.map(({ mask }) => mask?.parts.map(({ paths }) => paths))).toEqual([[[at('study', 'structures')]]]);
    expect(planned.labels.map(({ name, color, doubt }) => [name, color, doubt])).toEqual([
      ['Liver', '#0a141e', null],
      ['Cyst', null, null],
    ]);
    const { added, masks, skipped, warnings } = await bring(at('study'));
    expect([masks, skipped]).toEqual([1, []]);
    expect(warnings.map(({ message }) => message)).toEqual(['“Liver” loses 4 voxels to “Cyst”, where both lie.']);
    expect(await voxelsByName(added[0] ?? '')).toEqual(counts);
  });

  it.each([
    ['by the frame of reference', { series: '2.25.999' }],
    ['by the frame of reference alone', { series: null }],
    ['by where they lie, where they name nothing', { series: null, frame: null }],
  ])('are found %s', async (_, named) => {
    writeDicomSlices(at('study', 'ct'), volume);
    writeDicomSlices(at('study', 'other'), { ...volume, grid: { ...grid, affine: [...grid.affine.slice(0, 11), 900] as never } }, () => ({
      SeriesInstanceUID: '2.25.22',
      FrameOfReferenceUID: '2.25.33',
    }));
    writeStructureSet(at('study', 'rs.dcm'), grid, drawn, named);
    const { added, masks, skipped } = await bring(at('study'));
    expect([added.length, masks, skipped]).toEqual([2, 1, []]);
    expect(await Promise.all(added.map(async (id) => (getCase(project.read, id).hasMask ? voxelsByName(id) : null)))).toContainEqual(
      counts,
    );
  });

  it('of a series that is in the project already; of one that is nowhere they are refused', async () => {
    writeDicomSlices(at('ct'), volume);
    mkdirSync(at('rs'));
    writeStructureSet(at('rs', 'rs.dcm'), grid, drawn);
    expect(await bring(at('rs'))).toMatchObject({ masks: 0, skipped: [{ code: 'not-found', path: at('rs', 'rs.dcm') }] });
    const { added } = await bring(at('ct'));
    expect(await bring(at('rs'))).toMatchObject({ added: [], masks: 1, skipped: [] });
    expect(await voxelsByName(added[0] ?? '')).toEqual(counts);
  });

  it('that name a frame of reference which two series on the same voxels share are asked about', async () => {
    writeDicomSlices(at('study', 'ct'), volume);
    writeDicomSlices(at('study', 'late'), rampVolume(size, 5), () => ({ SeriesInstanceUID: '2.25.22' }));
    writeStructureSet(at('study', 'rs.dcm'), grid, drawn, { series: null });
    expect(await bring(at('study'))).toMatchObject({ masks: 0, skipped: [{ code: 'conflict', path: at('study', 'rs.dcm') }] });
  });

  it('go out with the mask, and come back as it was', async () => {
    writeDicomSlices(at('study', 'ct'), volume);
    writeStructureSet(at('study', 'rs.dcm'), grid, drawn);
    const { added } = await bring(at('study'));
    const before = await maskOf(added[0] ?? '');
    const request = {
      format: 'rtstruct',
      destination: at('out'),
      caseIds: added,
      source: 'mask',
      values: 'project',
      deidentify: true,
      overwrite: false,
    } as const;
    const { files, failures } = await exportCases({ project, documents: { frozen: () => Promise.resolve(null) } }, request, options);
    expect([failures, files.map(({ verified, differingVoxels }) => [verified, differingVoxels])]).toEqual([[], [[true, 0]]]);
    const target = createProject(at('target'), { name: 'target', labelSet: { labels: [] }, author: 'reader' });
    project.close();
    project = target;
    cpSync(at('study', 'ct'), at('out', 'ct'), { recursive: true });
    const back = await bring(at('out'));
    expect([back.masks, back.skipped, back.warnings]).toEqual([1, [], []]);
    expect([...(await maskOf(back.added[0] ?? ''))]).toEqual([...before]);
    expect(getLabelSet(project.read).labels.map(({ name }) => name)).toEqual(['Liver', 'Cyst']);
  });
});

/** Segments of 3D Slicer in layers: value 1 of layer 0 and of layer 1 are two segments. */
function writeLayers(
  path: string,
  layers: readonly Uint8Array[],
  names: readonly (readonly [string, number, number])[],
  together = true,
): void {
  const a = grid.affine;
  const count = voxelCount(grid);
  const vector = (n: number): string => `(${String(a[n])},${String(a[n + 4])},${String(a[n + 8])})`;
  const space = [vector(0), vector(1), vector(2)];
  const data = together
    ? Uint8Array.from({ length: count * layers.length }, (_, n) => layers[n % layers.length]?.[Math.floor(n / layers.length)] ?? 0)
    : Uint8Array.from(layers.flatMap((layer) => [...layer]));
  const lines = [
    'NRRD0005',
    'type: unsigned char',
    'dimension: 4',
    'space: left-posterior-superior',
    `sizes: ${(together ? [layers.length, ...size] : [...size, layers.length]).join(' ')}`,
    `space directions: ${(together ? ['none', ...space] : [...space, 'none']).join(' ')}`,
    `kinds: ${together ? 'list domain domain domain' : 'domain domain domain list'}`,
    'endian: little',
    'encoding: gzip',
    `space origin: ${vector(3)}`,
    ...names.flatMap(([name, layer, value], n) => [
      `Segment${n}_Name:=${name}`,
      `Segment${n}_Layer:=${layer}`,
      `Segment${n}_LabelValue:=${value}`,
    ]),
  ];
  writeFileSync(path, Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`), gzipSync(data)]));
}

describe('labels that overlap', () => {
  const inside = (n: number, [i0, i1]: readonly [number, number]): number => (n % 12 >= i0 && n % 12 < i1 ? 1 : 0);
  const layerOf = (range: readonly [number, number]): Uint8Array =>
    Uint8Array.from({ length: voxelCount(grid) }, (_, n) => inside(n, range));
  // Body 0–10, organ 2–8, lesion 5–9, by columns of 50 voxels.
  const segments = [
    ['Body', 0, 1],
    ['Organ', 1, 1],
    ['Lesion', 2, 1],
  ] as const;
  const layers = [layerOf([0, 10]), layerOf([2, 8]), layerOf([5, 9])];
  const smallest = { Body: 150, Organ: 150, Lesion: 200 };

  beforeEach(async () => {
    mkdirSync(at('a'));
    await writeVolume(at('a', 'x.nrrd'), volume);
  });

  it.each([true, false])('in the layers of a .seg.nrrd (side by side: %s), the plan says who loses what', async (together) => {
    writeLayers(at('a', 'x.seg.nrrd'), layers, segments, together);
    const planned = await plan(at('a'));
    expect(planned.overlapOrder).toEqual(['name:lesion', 'name:organ', 'name:body']);
    const overlaps = planned.cases[0]?.mask?.overlaps ?? [];
    expect(lossSentences(overlaps, planned.overlapOrder, planned.labels).toSorted()).toEqual([
      '“Body” loses 150 voxels to “Organ”, where both lie.',
      '“Body” loses 200 voxels to “Lesion”, where both lie.',
      '“Organ” loses 150 voxels to “Lesion”, where both lie.',
    ]);
    const { added, warnings } = await bring(at('a'));
    expect(warnings).toHaveLength(3);
    expect(await voxelsByName(added[0] ?? '')).toEqual(smallest);
  });

  it.each([
    [['Body', 'Organ', 'Lesion'], { Body: 500 }],
    [['organ'], { Body: 150, Organ: 300, Lesion: 50 }],
    [['Organ,Body'], { Organ: 300, Body: 200 }],
  ])('the person’s order decides (%j)', async (overlapOrder, expected) => {
    writeLayers(at('a', 'x.seg.nrrd'), layers, segments);
    const { added } = await bring(at('a'), { overlapOrder });
    expect(await voxelsByName(added[0] ?? '')).toEqual(expected);
  });

  it('labels that are left out take nothing; a name that is none is refused', async () => {
    writeLayers(at('a', 'x.seg.nrrd'), layers, segments);
    await expect(bring(at('a'), { overlapOrder: ['Spleen'] })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(bring(at('a'), { only: ['Spleen'] })).rejects.toMatchObject({ code: 'invalid-argument' });
    const { added, warnings } = await bring(at('a'), { only: ['Body', 'Organ'] });
    expect(await voxelsByName(added[0] ?? '')).toEqual({ Body: 200, Organ: 300 });
    expect(warnings.map(({ message }) => message)).toEqual(['“Body” loses 300 voxels to “Organ”, where both lie.']);
  });

  it('in several files of one image, by the same order', async () => {
    mkdirSync(at('s', 'segmentations'), { recursive: true });
    await writeVolume(at('s', 'ct.nii.gz'), volume);
    for (const [n, [name]] of segments.entries())
      await writeVolume(at('s', 'segmentations', `${name}.nii.gz`), { grid, data: layers[n] ?? new Uint8Array() } as Volume);
    const { added } = await bring(at('s'));
    expect(await voxelsByName(added[0] ?? '')).toEqual(smallest);
    project.close();
    project = createProject(at('again'), { name: 'again', labelSet: { labels: [] }, author: 'reader' });
    const again = await bring(at('s'), { overlapOrder: ['Body', 'Organ', 'Lesion'] });
    expect(await voxelsByName(again.added[0] ?? '')).toEqual({ Body: 500 });
  });
});

const dcmqi = join(sharedData, 'formats', 'dcmqi-overlaps');
describe.skipIf(!hasSharedData('formats', 'dcmqi-overlaps'))('a real SEG of five segments that overlap, voxel by voxel', () => {
  /** The truth of the test's own: frames of bits, by number of their segment and slice. */
  function segmentsOf(): Map<string, Uint8Array> {
    const bytes = readFileSync(join(dcmqi, 'partial_overlaps.dcm'));
    // Read by pydicom: the segment of each frame, and its slice from below.
    const frames = [
      ['GREEN', 1],
      ['ORANGE', 1],
      ['PURPLE', 0],
      ['PURPLE', 1],
      ['PURPLE', 2],
      ['LIGHT_BLUE', 0],
      ['DARK_BLUE', 0],
    ] as const;
    const length = 512 * 512;
    const pixels = bytes.subarray(bytes.length - (7 * length) / 8); // The last element.
    const found = new Map<string, Uint8Array>();
    frames.forEach(([name, k], index) => {
      const mask = found.get(name) ?? new Uint8Array(3 * length);
      for (let n = 0; n < length; n++) {
        const bit = index * length + n;
        if ((((pixels[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1) mask[k * length + n] = 1;
      }
      found.set(name, mask);
    });
    return found;
  }

  const orders = [[], ['PURPLE', 'ORANGE', 'GREEN', 'LIGHT_BLUE', 'DARK_BLUE'], ['ORANGE,GREEN']];
  it.each(orders.map((order) => [order.join(' ') || 'the fewest voxels in front', order] as const))(
    '%s',
    { timeout: 240_000 },
    async (_, overlapOrder) => {
      mkdirSync(at('study'));
      for (const name of ['01.dcm', '02.dcm', '03.dcm', 'partial_overlaps.dcm']) cpSync(join(dcmqi, name), at('study', name));
      const planned = await plan(at('study'), { overlapOrder });
      const { added, masks, skipped } = await bring(at('study'), { overlapOrder });
      expect([added.length, masks, skipped]).toEqual([1, 1, []]);
      const truth = segmentsOf();
      const order = planned.overlapOrder.map((key) => planned.labels.find((label) => label.key === key)?.name ?? '');
      const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
      const valueOf = new Map(getLabelSet(project.read).labels.map(({ name, value }) => [name, value]));
      const names = [...truth.keys()].sort((a, b) => rank(a) - rank(b));
      const data = await maskOf(added[0] ?? '');
      let differing = 0;
      for (let n = 0; n < data.length; n++) {
        const name = names.find((each) => truth.get(each)?.[n] === 1);
        if (data[n] !== (name === undefined ? 0 : valueOf.get(name))) differing++;
      }
      expect(differing).toBe(0);
      // What the plan says is lost is what the mask lacks.
      const kept = await voxelsByName(added[0] ?? '');
      const lost = Object.fromEntries(
        names.map((name) => [name, (truth.get(name)?.reduce((sum, x) => sum + x, 0) ?? 0) - (kept[name] ?? 0)]),
      );
      const said: Record<string, number> = {};
      for (const sentence of lossSentences(planned.cases[0]?.mask?.overlaps ?? [], planned.overlapOrder, planned.labels)) {
        const [, name = '', count = ''] = /^“(.*)” loses ([\d,]+) /.exec(sentence) ?? [];
        said[name] = (said[name] ?? 0) + Number(count.replaceAll(',', ''));
      }
      for (const [name, count] of Object.entries(lost)) expect([name, said[name] ?? 0]).toEqual([name, count]);
    },
  );
});

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
    expect(imagePaths(project.paths, listImages(project.read)[0] as never)).toHaveLength(5);
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
    const [record] = listImages(project.read);
    const kept = (await readImage(imagePaths(project.paths, record as never))).volume;
    expect([...kept.data]).toEqual([...(volumes[1]?.data ?? [])]);
    expect(kept.grid.size).toEqual(grid.size);
    kept.grid.affine.forEach((x, n) => {
      expect(x).toBeCloseTo(grid.affine[n] as number, 5);
    });
    expect(record).toMatchObject({ storage: 'copy' });
    const each = await bring(at('a'), { volume: 'each' });
    expect([each.added.length, each.duplicates]).toEqual([2, 1]);
    const cases = listCases(project.read, {}).cases;
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
    const record = listImages(project.read)[0];
    // The third was acquired first.
    expect([...(await readImage(imagePaths(project.paths, record as never))).volume.data]).toEqual([...(volumes[2]?.data ?? [])]);
    expect(record).toMatchObject({ format: 'dicom' });
    const each = await bring(at('a'), { volume: 'each' });
    expect(each.added).toHaveLength(2);
    expect(new Set(listCases(project.read, {}).cases.map(({ patientKey }) => patientKey)).size).toBe(1);
  });
});

it('one slice in many copies is no volume', async () => {
  writeDicomSlices(at('once'), volume, (k) => (k === 2 ? {} : null));
  for (const n of [1, 2, 3]) cpSync(at('once', '2.dcm'), at('once', `copy${n}.dcm`));
  const { cases, skipped } = await plan(at('once'));
  expect([cases, skipped.length]).toEqual([[], 4]);
  expect(skipped[0]?.message).toContain('only 1 slice');
});
