import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { lossSentences } from '#shared/domain/overlap.ts';
import { voxelCount, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { exportCases } from '#main/exchange/exportCases.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { getCase, getLabelSet } from '#main/library/index.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { quietly } from '#test/support/exchange.ts';
import { importing, projectWithoutLabels } from '#test/support/importing.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';
import { boxIn, writeStructureSet } from '#test/support/structureSets.ts';
import { rampVolume } from '#test/support/studio.ts';

const here = importing();
const { at, bring, plan, maskOf, voxelsByName } = here;
const size: Triple = [12, 10, 5];
const volume = rampVolume(size);
const { grid } = volume;

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
    expect(await Promise.all(added.map(async (id) => (getCase(here.project.read, id).hasMask ? voxelsByName(id) : null)))).toContainEqual(
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
    const { files, failures } = await exportCases(
      { project: here.project, documents: { frozen: () => Promise.resolve(null) } },
      request,
      quietly,
    );
    expect([failures, files.map(({ verified, differingVoxels }) => [verified, differingVoxels])]).toEqual([[], [[true, 0]]]);
    const target = projectWithoutLabels(at('target'));
    here.project.close();
    here.project = target;
    cpSync(at('study', 'ct'), at('out', 'ct'), { recursive: true });
    const back = await bring(at('out'));
    expect([back.masks, back.skipped, back.warnings]).toEqual([1, [], []]);
    expect([...(await maskOf(back.added[0] ?? ''))]).toEqual([...before]);
    expect(getLabelSet(here.project.read).labels.map(({ name }) => name)).toEqual(['Liver', 'Cyst']);
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
    here.project.close();
    here.project = projectWithoutLabels(at('again'));
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
      const valueOf = new Map(getLabelSet(here.project.read).labels.map(({ name, value }) => [name, value]));
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
