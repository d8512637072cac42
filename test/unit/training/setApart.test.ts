import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { CaseReader, encodeCase, IGNORED_CLASS } from '#main/training/patches/caseFile.ts';
import { markedShareOf, setApart } from '#main/training/preparation/setApart.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'set-apart-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const size: Triple = [4, 3, 12];

/** Every voxel has its slice as intensity; the slices from `first` to `last` hold the label. */
function caseFile(name: string, first: number, last: number): { name: string; file: string } {
  mkdirSync(join(root, name), { recursive: true });
  const file = join(root, name, 'whole.case');
  const slice = (at: number): number => Math.floor(at / 12);
  const voxels = { length: 144 };
  const image = Float32Array.from(voxels, (_, at) => slice(at));
  const classes = Uint8Array.from(voxels, (_, at) => (slice(at) >= first && slice(at) <= last ? 1 : 0));
  writeFileSync(file, encodeCase(name, size, [1, 1, 3], image, classes));
  return { name, file };
}

/** First and last slice of a part that is marked, and how many of its slices hold the label; its images are those of the whole case. */
function partOf(file: string): { readonly from: number; readonly to: number; readonly labelled: number } {
  const reader = new CaseReader(file);
  const { size: own, scale, offset } = reader.header;
  const whole = { low: [0, 0, 0], size: own } as const;
  const image = [...reader.image(whole)].map((stored) => Math.round(stored * scale + offset));
  const classes = [...reader.classes(whole)];
  reader.close();
  expect([own, image[0], image.at(-1)]).toEqual([size, 0, 11]);
  const marked = image.filter((_, at) => classes[at] !== IGNORED_CLASS);
  const labelled = classes.filter((value) => value === 1).length / 12;
  return { from: marked[0] ?? -1, to: marked.at(-1) ?? -1, labelled };
}

describe('what chooses between weights', () => {
  it('of five cases and more is a fifth of them, which then does not train', async () => {
    const rows = Array.from({ length: 10 }, (_, index) => ({ file: `${index}.case` }));
    const turns = await setApart(rows, 1);
    const [{ training, apart } = { training: [], apart: [] }] = turns;
    expect([turns.length, training.length, apart.length]).toEqual([1, 8, 2]);
    expect(training.some((row) => apart.includes(row))).toBe(false);
    expect(await setApart(rows, 1)).toEqual(turns);
  });

  it('of few is a third of the labelled slices of each, at one end and in a second turn at the other, and no slice is marked in both', async () => {
    const rows = [caseFile('a', 2, 10), caseFile('b', 0, 5)];
    const turns = await setApart(rows, 1);
    expect(turns.map(({ training }) => training.map(({ file }) => partOf(file)))).toEqual([
      [
        { from: 0, to: 7, labelled: 6 },
        { from: 2, to: 11, labelled: 4 },
      ],
      [
        { from: 5, to: 11, labelled: 6 },
        { from: 0, to: 3, labelled: 4 },
      ],
    ]);
    expect(turns.map(({ apart }) => apart.map(({ file }) => partOf(file)))).toEqual([
      [
        { from: 8, to: 11, labelled: 3 },
        { from: 0, to: 1, labelled: 2 },
      ],
      [
        { from: 0, to: 4, labelled: 3 },
        { from: 4, to: 11, labelled: 2 },
      ],
    ]);
    expect(readdirSync(join(root, 'a'))).toHaveLength(5);
    expect(await setApart(rows, 1)).toEqual(turns);
  });

  it('counts what is marked of what trains', async () => {
    const [turn] = await setApart([caseFile('c', 2, 10)], 1);
    expect(markedShareOf(turn?.training ?? [])).toBeCloseTo(8 / 12);
  });

  it('is nothing of a case with too few labelled slices to lose any, which trains in every turn', async () => {
    const rows = [caseFile('thin', 3, 6)];
    expect(await setApart(rows, 1)).toEqual([{ training: rows, apart: [] }]);
    const both = [caseFile('whole', 2, 10), ...rows];
    const turns = await setApart(both, 1);
    expect(turns.map(({ training, apart }) => [training.length, apart.length, training[1]])).toEqual([
      [2, 1, rows[0]],
      [2, 1, rows[0]],
    ]);
  });
});
