import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { affineFrom, applyAffine, invertAffine } from '#shared/geometry/affine.ts';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import { voxelCount, type Grid, type LabelVolume, type Triple } from '#shared/geometry/grid.ts';
import { exportRtStruct } from '#main/export/exportRtStruct.ts';
import { parsedWhole } from '#main/imageio/dicom/describe.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { mutateFile } from '#test/support/mutants.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';
import { boxIn, writeStructureSet } from '#test/support/structureSets.ts';
import { gridOf, rampVolume } from '#test/support/studio.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';

let root: string;
const at = (name: string): string => join(root, name);
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-contours-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const grid = gridOf([12, 10, 5]);
/** Slice k of a mask, a character a voxel. */
function slice({ grid: { size }, data }: LabelVolume, k: number): string[] {
  const [ni, nj] = size;
  return Array.from({ length: nj }, (_, j) =>
    [...data.slice(ni * (j + nj * k), ni * (j + 1 + nj * k))].map((value) => (value === 0 ? '.' : String(value))).join(''),
  );
}
const counts = ({ data }: LabelVolume): number[] => {
  const found: number[] = [];
  for (const value of data) if (value !== 0) found[value] = (found[value] ?? 0) + 1;
  return found;
};

describe('contours drawn here', () => {
  it('holes by nesting and by keyhole, an island in the hole, names and colours', async () => {
    writeStructureSet(at('holes.dcm'), grid, [
      {
        name: 'Nested',
        color: [18, 52, 255],
        contours: [boxIn(1, -0.5, -0.5, 6.5, 6.5), boxIn(1, 0.5, 0.5, 5.5, 5.5), boxIn(1, 2.5, 2.5, 3.5, 3.5)],
      },
      {
        name: 'Keyhole',
        contours: [
          {
            points: [
              [6.5, -0.5, 3],
              [11.5, -0.5, 3],
              [11.5, 4.5, 3],
              [6.5, 4.5, 3],
              [6.5, 1.5, 3],
              [8.5, 1.5, 3],
              [8.5, 2.5, 3],
              [9.5, 2.5, 3],
              [9.5, 1.5, 3],
              [6.5, 1.5, 3],
            ],
          },
        ],
      },
    ]);
    const { labels, volume, warnings } = await readLabels(at('holes.dcm'), { grid });
    expect(labels).toEqual([
      { value: 1, name: 'Nested', color: '#1234ff' },
      { value: 2, name: 'Keyhole' },
    ]);
    expect(warnings).toEqual([]);
    expect(slice(volume, 1).slice(0, 7)).toEqual([
      '1111111.....',
      '1.....1.....',
      '1.....1.....',
      '1..1..1.....',
      '1.....1.....',
      '1.....1.....',
      '1111111.....',
    ]);
    expect(slice(volume, 3).slice(0, 5)).toEqual(['.......22222', '.......22222', '.......22.22', '.......22222', '.......22222']);
  });

  it('on uneven slices: each is placed by its own points, gaps stay empty and are said', async () => {
    writeStructureSet(at('uneven.dcm'), grid, [
      { name: 'Gaps', contours: [boxIn(0, 0.5, 0.5, 2.5, 2.5), boxIn(1.04, 0.5, 0.5, 2.5, 2.5), boxIn(4, 0.5, 0.5, 2.5, 2.5)] },
      { name: 'Off', contours: [boxIn(2.3, 5.5, 0.5, 7.5, 2.5), boxIn(2.6, 5.5, 0.5, 8.5, 2.5), boxIn(2.95, 5.5, 0.5, 7.5, 2.5)] },
      { name: 'Beyond', contours: [boxIn(-3, 0.5, 5.5, 2.5, 7.5), boxIn(0, 0.5, 5.5, 2.5, 7.5)] },
    ]);
    const { volume, warnings } = await readLabels(at('uneven.dcm'), { grid });
    expect([0, 1, 2, 3, 4].map((k) => slice(volume, k).join('').replace(/[^1]/g, '').length)).toEqual([4, 4, 0, 0, 4]);
    expect([2, 3].map((k) => slice(volume, k).join('').replace(/[^2]/g, '').length)).toEqual([4, 4]);
    expect(warnings).toEqual([
      '“Gaps” is not drawn on 2 slices between its first and its last, which stay empty.',
      'Contours of “Off” lie up to 0.30 slices beside the slices that they are taken for.',
      '1 contour of “Off” lie between slices, where others lie nearer to them, and are left out.',
      '1 contour of “Beyond” lie outside the images and are left out.',
    ]);
  });

  it('what encloses nothing is said, and no label; overlapping structures are kept apart where asked', async () => {
    writeStructureSet(at('odd.dcm'), grid, [
      { name: 'Empty', contours: [] },
      { name: 'Isocentre', contours: [{ kind: 'POINT', points: [[3, 3, 3]] }] },
      { name: 'Large', contours: [boxIn(2, -0.5, -0.5, 5.5, 5.5)] },
      { name: 'Small', contours: [boxIn(2, 0.5, 0.5, 2.5, 2.5), { kind: 'OPEN_PLANAR', points: boxIn(2, 0, 0, 1, 1).points }] },
    ]);
    const kept = await readLabels(at('odd.dcm'), { grid, overlaps: true });
    expect(kept.labels.map(({ name }) => name)).toEqual(['Large', 'Small']);
    expect(kept.combinations.map(({ values }) => values)).toEqual([[3, 4]]);
    const plain = await readLabels(at('odd.dcm'), { grid });
    expect(counts(plain.volume)).toEqual([, , , 32, 4]); // eslint-disable-line no-sparse-arrays
    expect(plain.warnings).toEqual([
      '“Small” also holds 1 point or open line, which enclose nothing.',
      'Without closed contours, and left out: “Empty”, “Isocentre”.',
      '“Large” loses 4 voxels to “Small”, where both lie.',
    ]);
  });

  it('in the planes of the voxels’ other axes, and on an oblique grid', async () => {
    const oblique: Grid = {
      size: [9, 8, 7],
      affine: affineFrom({
        origin: [12, -3, 40],
        axes: [
          [0.8, 0.6, 0],
          [-0.48, 0.64, 0.6],
          [0.36, -0.48, 0.8],
        ],
        spacing: [0.7, 0.9, 2.5],
      }),
    };
    writeStructureSet(at('sagittal.dcm'), oblique, [
      {
        name: 'Sagittal',
        contours: [
          {
            points: [
              [4, 0.5, 0.5],
              [4, 5.5, 0.5],
              [4, 5.5, 3.5],
              [4, 0.5, 3.5],
            ],
          },
        ],
      },
      { name: 'Plain', contours: [boxIn(6, 0.5, 0.5, 2.5, 3.5)] },
      {
        name: 'Tilted',
        contours: [
          {
            points: [
              [1, 1, 1],
              [5, 1, 3],
              [5, 6, 5],
            ],
          },
        ],
      },
    ]);
    const { volume, warnings } = await readLabels(at('sagittal.dcm'), { grid: oblique });
    expect(counts(volume)).toEqual([, 15, 6]); // eslint-disable-line no-sparse-arrays
    expect(warnings).toEqual(['1 contour of “Tilted” lie in no plane of the images’ voxels and are left out.']);
  });

  it('where none lies on the images, or no images are known, the file is refused', async () => {
    writeStructureSet(at('far.dcm'), grid, [{ name: 'Far', contours: [boxIn(40, 0.5, 0.5, 2.5, 2.5)] }]);
    await expect(readLabels(at('far.dcm'), { grid })).rejects.toMatchObject({ code: 'invalid-file' });
    await expect(readLabels(at('far.dcm'))).rejects.toMatchObject({ code: 'unsupported' });
    await expect(readImage(at('far.dcm'))).rejects.toMatchObject({ code: 'unsupported' });
  });
});

it('100 mutants of a structure set are read or refused with a sentence', { timeout: 240_000 }, async () => {
  writeStructureSet(at('whole.dcm'), grid, [
    { name: 'Liver', color: [1, 2, 3], contours: [boxIn(1, 0, 0, 5, 5), boxIn(2, 0, 0, 5, 5)] },
    { name: 'Cyst', contours: [boxIn(1, 2, 2, 7, 7)] },
  ]);
  const bytes = readFileSync(at('whole.dcm'));
  const random = new Random(2026);
  for (let n = 0; n < 100; n++) {
    writeFileSync(at('mutant.dcm'), mutateFile(bytes, random));
    const result: unknown = await readLabels(at('mutant.dcm'), { grid, overlaps: true }).catch((error: unknown) => error);
    if (!(result instanceof Error)) continue;
    expect(result).toBeInstanceOf(StudioError);
    expect(['invalid-file', 'unsupported']).toContain((result as StudioError).code);
  }
});

/** A mask of many regions with holes, islands and voxels that share only corners. */
function speckled(on: Grid): LabelVolume {
  const random = new Random(3);
  return { grid: on, data: Uint8Array.from({ length: voxelCount(on) }, () => (random.next() < 0.35 ? 0 : 1 + random.integer(3))) };
}
const labelSet = {
  labels: ['Liver', 'Left kidney', 'Tumour'].map((name, n) => ({ value: n + 1, name, color: `#1${String(n)}2030`, locked: false })),
};
const python = process.env['LOGONET_TEST_PYTHON'] ?? 'python3';
const hasPydicom = spawnSync(python, ['-c', 'import numpy, pydicom'], { cwd: tmpdir() }).status === 0;

describe('contours written from a mask', () => {
  const size: Triple = [40, 31, 6];
  const planted = { ...rampVolume(size), grid: { ...gridOf(size, [0.7, 0.9, 3.3]) } };
  let mask: LabelVolume;
  beforeAll(async () => {
    const { source, volume } = await readImage(writeDicomSlices(at('series'), planted));
    mask = speckled(volume.grid);
    await exportRtStruct(at('written.dcm'), mask, labelSet, source);
  });

  it('read back, they enclose the mask: 0 voxels differ', async () => {
    const { volume, labels, source } = await readLabels(at('written.dcm'), { grid: mask.grid });
    expect(labels).toEqual(labelSet.labels.map(({ value, name, color }) => ({ value, name, color })));
    expect([...volume.data]).toEqual([...mask.data]);
    expect(source).toMatchObject({ studyInstanceUid: '2.25.1', seriesInstanceUid: '2.25.2', frameOfReferenceUid: '2.25.3' });
    const { file } = await parsedWhole(at('written.dcm'));
    expect(file.dataset.string('PatientName')).toMatch(/^case_/);
  });

  it.skipIf(!hasPydicom)('pydicom and a fill of the test’s own find the mask in them, too', () => {
    writeFileSync(at('grid.json'), JSON.stringify(mask.grid));
    const script = join(import.meta.dirname, '../../support/maskOfContours.py');
    const found = JSON.parse(
      execFileSync(python, [script, at('written.dcm'), at('grid.json')], { cwd: root, maxBuffer: 1 << 26 }).toString(),
    ) as Record<string, number[]>;
    for (const { value, name } of labelSet.labels) expect(found[name]).toEqual([...mask.data.keys()].filter((n) => mask.data[n] === value));
  });

  it('an empty mask names what was looked for; without a DICOM series there is none', async () => {
    const { source } = await readImage(readdirSync(at('series')).map((name) => join(at('series'), name)));
    await exportRtStruct(at('empty.dcm'), { ...mask, data: new Uint8Array(mask.data.length) }, labelSet, source);
    const { labels, warnings } = await readLabels(at('empty.dcm'), { grid: mask.grid });
    expect([labels, warnings]).toEqual([[], ['Without closed contours, and left out: “Liver”, “Left kidney”, “Tumour”.']]);
    await expect(exportRtStruct(at('none.dcm'), mask, labelSet, null)).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

/** How many of 16 points of each voxel of a slice the contours go around an odd number of times: crossings counted point by point, nothing of the product's. */
function pointsInside(contours: readonly Float64Array[], { size, affine }: Grid): Uint8Array {
  const toVoxels = invertAffine(affine);
  const inside = new Uint8Array(size[0] * size[1] * size[2]);
  for (const points of contours) {
    const corners = Array.from({ length: points.length / 3 }, (_, n) =>
      applyAffine(toVoxels, [points[3 * n] ?? 0, points[3 * n + 1] ?? 0, points[3 * n + 2] ?? 0]),
    );
    const k = Math.round(corners[0]?.[2] ?? 0);
    for (let j = 0; j < size[1]; j++)
      for (let line = 0; line < 4; line++) {
        const v = j - 0.375 + 0.25 * line;
        const crossings = corners.flatMap(([x1, y1], n) => {
          const [x0 = 0, y0 = 0] = corners[n === 0 ? corners.length - 1 : n - 1] ?? [];
          return y0 > v !== y1 > v ? [x0 + ((v - y0) * (x1 - x0)) / (y1 - y0)] : [];
        });
        for (let i = 0; i < size[0]; i++)
          for (let column = 0; column < 4; column++) {
            const u = i - 0.375 + 0.25 * column;
            const n = i + size[0] * (j + size[1] * k);
            if (crossings.filter((x) => u < x).length % 2 === 1) inside[n] = (inside[n] ?? 0) + 1;
          }
      }
  }
  return inside;
}

describe.skipIf(!hasSharedData('formats', 'ibsi-rtstruct'))('real structure sets against points in polygons, 16 a voxel', () => {
  it.each([
    ['pat_1', 26],
    ['pat_2', 7],
  ])('%s', { timeout: 240_000 }, async (patient, contourCount) => {
    const folder = join(sharedData, 'formats', 'ibsi-rtstruct', patient);
    const files = readdirSync(folder).map((name) => join(folder, name));
    const { volume: image } = await readImage(files.filter((path) => path.includes('_IMG_')));
    const path = files.find((each) => each.includes('_RS_')) ?? '';
    const { volume, labels } = await readLabels(path, { grid: image.grid });
    expect(labels).toEqual([{ value: 1, name: 'GTV-1', color: '#00e600' }]);
    const { file } = await parsedWhole(path);
    const contours = file.dataset
      .items('ROIContourSequence')
      .flatMap((item) => item.items('ContourSequence').map((contour) => Float64Array.from(contour.strings('ContourData'), Number)));
    expect(contours).toHaveLength(contourCount);
    const points = pointsInside(contours, image.grid);
    let [wrong, both, ours, theirs] = [0, 0, 0, 0];
    points.forEach((count, n) => {
      const taken = volume.data[n] === 1;
      // One half of the points may be more or less than one half of the area; two points more or less may not.
      if (taken ? count < 6 : count > 10) wrong++;
      ours += taken ? 1 : 0;
      theirs += count >= 8 ? 1 : 0;
      both += taken && count >= 8 ? 1 : 0;
    });
    expect(wrong).toBe(0);
    expect((2 * both) / (ours + theirs)).toBeGreaterThan(0.99);
    expect(ours).toBe({ pat_1: 125276, pat_2: 2256 }[patient]);
  });
});
