import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { chosenChannels, lackingText, type CaseFiles } from '#shared/domain/trainingCase.ts';
import type { Affine, Grid, Triple } from '#shared/geometry/grid.ts';
import { readCaseImages } from '#main/imageio/readCaseImages.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';

const folder = mkdtempSync(join(tmpdir(), 'case-images-'));
afterAll(() => rmSync(folder, { recursive: true }));

const gridOf = (size: Triple, spacing: number, shift: Triple = [0, 0, 0]): Grid => ({
  size,
  affine: [spacing, 0, 0, shift[0], 0, spacing, 0, shift[1], 0, 0, spacing, shift[2]] as Affine,
});
/** 10·x in world millimetres, so that trilinear sampling is exact. */
const write = async (name: string, grid: Grid): Promise<string> => {
  const path = join(folder, `${name}.nii`);
  const data = Float32Array.from(
    { length: grid.size[0] * grid.size[1] * grid.size[2] },
    (_, at) => 10 * (grid.affine[0] * (at % grid.size[0]) + grid.affine[3]),
  );
  await writeVolume(path, { grid, data });
  return path;
};
const leading = gridOf([6, 5, 4], 2);
let files: CaseFiles;
let paths: Record<'t1' | 'flair' | 'pet', string>;

beforeAll(async () => {
  paths = {
    t1: await write('t1', leading),
    flair: await write('flair', leading),
    pet: await write('pet', gridOf([14, 12, 10], 1, [-1, -1, -1])),
  };
  files = {
    image: paths.t1,
    channels: [
      { name: 'T1', image: paths.t1 },
      { name: 'FLAIR', image: paths.flair },
      { name: 'PET', image: paths.pet },
    ],
  };
});

describe('the images of a case', () => {
  it('come by name, on the grid of the leading one, and say what was resampled', async () => {
    const { grid, images, notes } = await readCaseImages(files, ['pet', 'Flair', 'DWI'], neverCancelled);
    expect(grid.size).toEqual(leading.size);
    expect(images.map((image) => image?.volume.grid.size)).toEqual([leading.size, leading.size, undefined]);
    const [pet, flair] = images.map((image) => [...(image?.volume.data ?? [])]) as [number[], number[], undefined];
    pet.forEach((value, at) => expect(value).toBeCloseTo(flair[at] as number, 3));
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/pet.nii lies on voxels of its own/);
  });

  it('are the leading one where nothing else is asked for, with its own hash', async () => {
    const { images, contentHash } = await readCaseImages(files, undefined, neverCancelled);
    expect(images).toHaveLength(1);
    expect(contentHash).toBe((await readImage(paths.t1)).contentHash);
    expect((await readCaseImages({ image: paths.t1 }, ['whatever'], neverCancelled)).contentHash).toBe(contentHash);
  });

  it('have another hash in another place', async () => {
    const placed = (x: number): CaseFiles => ({
      ...files,
      channels: [
        { name: 'T1', image: paths.t1 },
        { name: 'PET', image: paths.pet, placement: { by: 'hand', toLeading: [1, 0, 0, x, 0, 1, 0, 0, 0, 0, 1, 0] } },
      ],
    });
    const here = await readCaseImages(placed(0), ['T1', 'PET'], neverCancelled);
    const there = await readCaseImages(placed(2), ['T1', 'PET'], neverCancelled);
    expect(there.contentHash).not.toBe(here.contentHash);
    // Moved by 2 mm along x: what was at x − 2 is now here.
    const middle = 2 + 6 * (2 + 5 * 2);
    expect(Number(there.images[1]?.volume.data[middle])).toBeCloseTo(Number(here.images[1]?.volume.data[middle]) - 20, 3);
  });

  it('are the volumes of one file, too', async () => {
    const { images } = await readCaseImages(
      {
        image: paths.t1,
        channels: [
          { name: 'a', image: paths.t1, volume: 1 },
          { name: 'b', image: paths.flair },
        ],
      },
      ['b', 'a'],
      neverCancelled,
    );
    expect(images.every((image) => image !== null)).toBe(true);
  });

  it('are chosen by name; one channel takes the only image, and what is lacking is named', () => {
    const images = [{ name: 'T1' }, { name: 'FLAIR' }];
    expect(chosenChannels(images, ['flair', 'T2', 't1'])).toEqual([1, null, 0]);
    expect(chosenChannels([{ name: 'AX T1' }], ['T1'])).toEqual([0]);
    expect(chosenChannels([{ name: '' }], ['T1', 'FLAIR'])).toEqual([null, null]);
    expect(lackingText(images, ['T2'])).toBe('the case has no image “T2”; it has “T1”, “FLAIR”');
    expect(lackingText([{ name: '' }], ['T2'])).toBe('the case has no image “T2”; it has 1 image without a name');
  });
});
