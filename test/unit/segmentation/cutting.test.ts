import { describe, expect, it } from 'vitest';
import { freePolicy, hollow, scissors } from '#shared/segmentation/index.ts';
import type { Grid, LabelVolume } from '#shared/geometry/grid.ts';

const grid: Grid = { size: [20, 16, 12], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0] };
const cube = (label: number): LabelVolume => {
  const data = new Uint8Array(20 * 16 * 12);
  for (let k = 2; k < 10; k++) for (let j = 3; j < 13; j++) for (let i = 4; i < 16; i++) data[i + 20 * (j + 16 * k)] = label;
  return { grid, data };
};

describe('hollow', () => {
  it('keeps the voxels that lie no further from the outside than the wall, by brute force', () => {
    for (const thickness of [1, 2, 3.5]) {
      const volume = cube(2);
      const before = volume.data.slice();
      const delta = hollow({ volume, policy: freePolicy }, 2, thickness);
      let differing = 0;
      for (let k = 0; k < 12; k++)
        for (let j = 0; j < 16; j++)
          for (let i = 0; i < 20; i++) {
            const at = i + 20 * (j + 16 * k);
            let nearest = Infinity;
            if (before[at] === 2)
              for (let n = 0; n < before.length; n++)
                if (before[n] !== 2)
                  nearest = Math.min(nearest, Math.hypot((n % 20) - i, (Math.floor(n / 20) % 16) - j, 2 * (Math.floor(n / 320) - k)));
            const expected = before[at] === 2 && nearest <= thickness + 1e-9 ? 2 : 0;
            if (volume.data[at] !== expected) differing++;
          }
      expect(differing).toBe(0);
      expect(delta.changed).toBe(before.filter((value, n) => value !== volume.data[n]).length);
    }
  });

  it('empties a large label also where a whole tile is inside', () => {
    const size = 120;
    const volume: LabelVolume = {
      grid: { size: [size, size, size], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] },
      data: new Uint8Array(size ** 3),
    };
    for (let k = 2; k < size - 2; k++)
      for (let j = 2; j < size - 2; j++) volume.data.fill(1, 2 + size * (j + size * k), size - 2 + size * (j + size * k));
    hollow({ volume, policy: freePolicy }, 1, 2);
    const inner = size - 4 - 4;
    expect(volume.data.reduce((sum, value) => sum + value, 0)).toBe((size - 4) ** 3 - inner ** 3);
  });
});

describe('scissors', () => {
  /** Looks along k: x/20 and y/16 of the volume become −1..1. */
  const matrix = [2 / 20, 0, 0, -1 + 1 / 20, 0, 2 / 16, 0, -1 + 1 / 16, 0, 0, 1, 0, 0, 0, 0, 1];
  const left = [
    [-1, -1],
    [0, -1],
    [0, 1],
    [-1, 1],
  ] as const;

  it.each(['inside', 'outside'] as const)('cuts what is seen %s, through the whole depth, of the chosen labels alone', (erase) => {
    const volume = cube(2);
    volume.data[0] = 5;
    const delta = scissors({ volume, policy: freePolicy }, { labels: [2], matrix, outline: left, erase });
    expect(delta.changed).toBe(6 * 10 * 8);
    for (let i = 4; i < 16; i++) expect(volume.data[i + 20 * (5 + 16 * 5)]).toBe(i < 10 === (erase === 'inside') ? 0 : 2);
    expect(volume.data[0]).toBe(5);
  });

  it('leaves locked labels, and refuses what is no outline', () => {
    const volume = cube(2);
    expect(
      scissors({ volume, policy: { overwrite: 'all', locked: [2] } }, { labels: [2], matrix, outline: left, erase: 'inside' }).changed,
    ).toBe(0);
    expect(() => scissors({ volume, policy: freePolicy }, { labels: [2], matrix, outline: left.slice(0, 2), erase: 'inside' })).toThrow(
      /three points/,
    );
  });
});
