import { describe, expect, it } from 'vitest';
import { applyAffine } from '#shared/geometry/affine.ts';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { allOrientationCodes, orientationCode, reorientToCanonical, reorientVolume, sameGrid } from '#shared/geometry/orientation.ts';
import { obliqueGrid, randomVolume, unevenGrid } from '../../support/volumes.ts';

const volume = randomVolume(unevenGrid, 1);

/** Every voxel's value at its place in the world. */
function byPlace({ grid, data }: Volume): Map<string, number> {
  const [ni, nj] = grid.size;
  return new Map(
    Array.from(data, (value, n) => [
      applyAffine(grid.affine, [n % ni, Math.floor(n / ni) % nj, Math.floor(n / (ni * nj))] as Triple)
        .map((x) => x.toFixed(6))
        .join(),
      value,
    ]),
  );
}

describe('orientations', () => {
  it('are 48, each named by where the index increases to', () => {
    expect(new Set(allOrientationCodes).size).toBe(48);
    expect(orientationCode([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])).toBe('LPS');
    expect(orientationCode([-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0])).toBe('RAS');
    expect(orientationCode([0, 0, -2, 0, 3, 0, 0, 0, 0, -1, 0, 0])).toBe('PIR');
  });

  it('every one is reached, keeps each voxel at its place, and leads back to the very same volume', () => {
    const places = byPlace(volume);
    for (const code of allOrientationCodes) {
      const turned = reorientVolume(volume, code);
      expect(orientationCode(turned.grid.affine)).toBe(code);
      expect(byPlace(turned)).toEqual(places);
      const back = reorientVolume(turned, orientationCode(volume.grid.affine));
      expect(sameGrid(back.grid, volume.grid, 1e-9)).toBe(true);
      expect(back.data).toEqual(volume.data);
    }
  });

  it('an oblique volume takes its closest axes, one to one', () => {
    for (const angles of [
      [10, -20, 30],
      [44, 44, 44],
      [-40, 5, 45],
    ] as Triple[]) {
      const oblique = { grid: obliqueGrid(unevenGrid, angles), data: volume.data };
      const canonical = reorientToCanonical(oblique);
      expect(orientationCode(canonical.grid.affine)).toBe('RAS');
      expect(byPlace(canonical)).toEqual(byPlace(oblique));
    }
  });

  it('copies nothing where there is nothing to do', () => {
    const canonical = reorientToCanonical(volume);
    expect(reorientToCanonical(canonical)).toBe(canonical);
  });

  it('refuses codes that are none', () => {
    for (const code of ['RAX', 'RLS', 'RA', 'ras', '']) expect(() => reorientVolume(volume, code)).toThrow('no orientation');
  });
});
