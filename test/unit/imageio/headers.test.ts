import { describe, expect, it } from 'vitest';
import { parseNrrdHeader } from '#main/imageio/nrrd/header.ts';
import { cieLabFromHex, hexFromCieLab } from '#main/imageio/dicom/cielab.ts';
import { encodePng } from '#main/imageio/png.ts';
import { thumbnail } from '#main/imageio/thumbnail.ts';
import { toLabels } from '#main/imageio/toLabels.ts';
import { oriented, randomVolume, unevenGrid } from '../../support/volumes.ts';

const nrrd = (changes: Record<string, string | null> = {}): string => {
  const fields = {
    type: 'short',
    dimension: '3',
    space: 'left-posterior-superior',
    sizes: '2 3 4',
    'space directions': '(1,0,0) (0,2,0) (0,0,3)',
    'space origin': '(7,8,9)',
    encoding: 'raw',
    endian: 'little',
    ...changes,
  };
  return `NRRD0004\n# a comment\n${Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\n\n`;
};

describe('NRRD headers', () => {
  it('give the same place for RAS, LAS and LPS', () => {
    const lps = parseNrrdHeader('x', nrrd()).grid;
    expect(lps).toEqual({ size: [2, 3, 4], affine: [1, 0, 0, 7, 0, 2, 0, 8, 0, 0, 3, 9] });
    expect(
      parseNrrdHeader(
        'x',
        nrrd({ space: 'right-anterior-superior', 'space directions': '(-1,0,0) (0,-2,0) (0,0,3)', 'space origin': '(-7,-8,9)' }),
      ).grid,
    ).toEqual(lps);
    expect(
      parseNrrdHeader('x', nrrd({ space: 'LAS', 'space directions': '(1,0,0) (0,-2,0) (0,0,3)', 'space origin': '(7,-8,9)' })).grid,
    ).toEqual(lps);
  });

  it('drop an empty fourth axis; a full one is volumes, first or last, but for colours', () => {
    const four = { dimension: '4', sizes: '1 2 3 4', 'space directions': 'none (1,0,0) (0,2,0) (0,0,3)' };
    expect(parseNrrdHeader('x', nrrd(four)).grid.size).toEqual([2, 3, 4]);
    const full = { ...four, sizes: '5 2 3 4' };
    expect(parseNrrdHeader('x', nrrd(four)).volumes).toBeNull();
    expect(parseNrrdHeader('x', nrrd(full))).toMatchObject({ volumes: { count: 5, together: true }, grid: { size: [2, 3, 4] } });
    expect(parseNrrdHeader('x', nrrd({ ...full, sizes: '2 3 4 6', 'space directions': '(1,0,0) (0,2,0) (0,0,3) none' })).volumes).toEqual({
      count: 6,
      together: false,
    });
    // Nothing says which: the last.
    const bare = { ...full, space: null, 'space directions': null, 'space origin': null };
    expect(parseNrrdHeader('x', nrrd(bare))).toMatchObject({ volumes: { count: 4, together: false }, grid: { size: [5, 2, 3] } });
    expect(parseNrrdHeader('x', nrrd({ ...bare, kinds: 'list domain domain domain' })).volumes).toEqual({ count: 5, together: true });
    const timed = { space: 'RAST', 'space directions': '(1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,2)', 'space origin': '(7,8,9,0)' };
    expect(parseNrrdHeader('x', nrrd({ ...full, sizes: '2 3 4 6', ...timed }))).toMatchObject({
      volumes: { count: 6, together: false },
      grid: { size: [2, 3, 4], affine: [-1, 0, 0, -7, 0, -2, 0, -8, 0, 0, 3, 9] },
    });
    for (const kind of ['RGB-color', 'vector', '3D-symmetric-matrix'])
      expect(() => parseNrrdHeader('x', nrrd({ ...full, kinds: `${kind} domain domain domain` })), kind).toThrow('several values a voxel');
    expect(() => parseNrrdHeader('x', nrrd({ ...full, sizes: '2 5 3 4', 'space directions': '(1,0,0) none (0,2,0) (0,0,3)' }))).toThrow(
      'in more ways than one',
    );
  });

  it('warn where the place is unknown', () => {
    expect(parseNrrdHeader('x', nrrd({ space: null, 'space directions': null, spacings: '1 2 3' })).warnings).toHaveLength(1);
    expect(parseNrrdHeader('x', nrrd({ space: 'scanner-xyz' })).warnings).toHaveLength(1);
  });

  it('refuse what cannot be', () => {
    const cases: [RegExp, Record<string, string | null>][] = [
      [/no 'sizes'/, { sizes: null }],
      [/contradicts itself about its size/, { sizes: '2 3' }],
      [/contradicts itself about its size/, { sizes: '2 3 -4' }],
      [/type that is not read/, { type: 'block' }],
      [/encoded as bzip2/, { encoding: 'bzip2' }],
      [/several data files/, { 'data file': 'LIST' }],
      [/several data files/, { 'data file': 'x%03d.raw 1 9 1' }],
      [/three-dimensional/, { 'space directions': '(1,0) (0,1) (1,1)' }],
      [/where its voxels lie/, { 'space directions': '(1,0,0) (1,0,0) (0,0,1)' }],
      [/where its voxels begin/, { 'byte skip': '-5' }],
      [/lines of text/, { 'line skip': '3' }],
    ];
    for (const [sentence, changes] of cases) expect(() => parseNrrdHeader('x', nrrd(changes)), JSON.stringify(changes)).toThrow(sentence);
  });
});

describe('recommended colours', () => {
  it('return from CIELab to within a step', () => {
    for (const color of ['#000000', '#ffffff', '#dd8265', '#00ff40', '#123456', '#ff0000', '#0000ff']) {
      const back = hexFromCieLab(cieLabFromHex(color));
      [1, 3, 5].forEach((at) => {
        expect(Math.abs(parseInt(back.slice(at, at + 2), 16) - parseInt(color.slice(at, at + 2), 16))).toBeLessThanOrEqual(1);
      });
    }
    expect(cieLabFromHex('#ffffff')[0]).toBe(65535);
  });
});

describe('thumbnails', () => {
  it('show the same picture whatever the orientation in memory', () => {
    const volume = randomVolume({ ...unevenGrid, size: [5, 4, 3] }, 4);
    const first = thumbnail(volume, { size: 20 });
    for (const code of ['RAS', 'ASR', 'PIL']) expect(thumbnail(oriented(volume, code), { size: 20 })).toEqual(first);
    expect([first.width, first.height]).toEqual([13, 20]);
  });

  it('are PNG files', () => {
    const png = encodePng(2, 1, new Uint8ClampedArray([0, 0, 0, 255, 255, 0, 0, 255]));
    expect(Buffer.from(png.subarray(1, 4)).toString()).toBe('PNG');
    expect(png.length).toBeGreaterThan(60);
  });
});

describe('an image as labels', () => {
  const decoded = (data: Float32Array) =>
    ({
      volume: { grid: { ...unevenGrid, size: [data.length, 1, 1] as const }, data },
      modality: 'unknown',
      format: 'nrrd',
      contentHash: '',
      warnings: [],
      source: null,
    }) as const;

  it('takes whole numbers, in the smallest type', () => {
    expect(toLabels('x', decoded(Float32Array.of(0, 3, 1, 3)))).toMatchObject({
      labels: [{ value: 1 }, { value: 3 }],
      volume: { data: Uint8Array.of(0, 3, 1, 3) },
    });
    expect(toLabels('x', decoded(Float32Array.of(0, 300))).volume.data).toEqual(Uint16Array.of(0, 300));
  });

  it('refuses a picture', () => {
    for (const bad of [0.5, -1, 70000, NaN]) expect(() => toLabels('x', decoded(Float32Array.of(0, bad)))).toThrow('not a segmentation');
  });
});
