import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  affineFrom,
  affineParts,
  applyAffine,
  composeAffine,
  determinant,
  flipRasLps,
  identityAffine,
  ijkToLps,
  invertAffine,
  isUsableAffine,
  lpsToIjk,
} from '#shared/geometry/affine.ts';
import type { Affine, IjkPoint, Triple } from '#shared/geometry/grid.ts';
import { obliqueGrid, unevenGrid } from '../../support/volumes.ts';

const entry = fc.double({ min: -10, max: 10, noNaN: true });
const affine = fc
  .tuple(...(Array.from({ length: 12 }, () => entry) as unknown as [typeof entry]))
  .map((xs) => xs as unknown as Affine)
  .filter((a) => isUsableAffine(a) && Math.abs(determinant(a)) > 0.1);
const point = fc.tuple(entry, entry, entry) as fc.Arbitrary<Triple>;

function expectClose(a: readonly number[], b: readonly number[], digits = 5): void {
  expect(a).toHaveLength(b.length);
  a.forEach((x, n) => {
    expect(x).toBeCloseTo(b[n]!, digits);
  });
}

describe('affines', () => {
  it('composing is applying one after the other', () => {
    fc.assert(
      fc.property(affine, affine, point, (outer, inner, p) => {
        expectClose(applyAffine(composeAffine(outer, inner), p), applyAffine(outer, applyAffine(inner, p)));
      }),
      { seed: 1 },
    );
  });

  it('an inverse undoes', () => {
    fc.assert(
      fc.property(affine, point, (a, p) => {
        expectClose(applyAffine(invertAffine(a), applyAffine(a, p)), p);
      }),
      { seed: 2 },
    );
  });

  it('a singular or non-finite affine has no inverse', () => {
    for (const bad of [
      [1, 2, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0],
      [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
      [NaN, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    ] as unknown as Affine[]) {
      expect(isUsableAffine(bad)).toBe(false);
      expect(() => invertAffine(bad)).toThrow('degenerate');
    }
  });

  it('RAS and LPS differ in the first two rows, and there and back is nothing', () => {
    expect(flipRasLps(identityAffine)).toEqual([-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0]);
    fc.assert(
      fc.property(affine, (a) => {
        expect(flipRasLps(flipRasLps(a)).map((x) => x + 0)).toEqual(a.map((x) => x + 0));
      }),
      { seed: 3 },
    );
  });

  it('parts make the affine again', () => {
    fc.assert(
      fc.property(affine, (a) => {
        expectClose(affineFrom(affineParts(a)), a);
      }),
      { seed: 4 },
    );
  });

  it('voxel indices and world points correspond', () => {
    const grid = obliqueGrid(unevenGrid, [10, 20, 30]);
    const index = [1.5, 2, -3] as unknown as IjkPoint;
    expectClose(lpsToIjk(grid, ijkToLps(grid, index)), index);
    expectClose(ijkToLps(grid, [0, 0, 0] as unknown as IjkPoint), [grid.affine[3], grid.affine[7], grid.affine[11]]);
  });
});
