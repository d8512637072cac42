import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { squaredDistanceTransform } from '#shared/domain/distanceTransform.ts';
import type { Triple } from '#shared/geometry/grid.ts';

function bruteForce(feature: Uint8Array, [ni, nj, nk]: Triple, [si, sj, sk]: Triple): number[] {
  const points: number[][] = [];
  const at = (index: number): number[] => [(index % ni) * si, (Math.floor(index / ni) % nj) * sj, Math.floor(index / (ni * nj)) * sk];
  feature.forEach((value, index) => {
    if (value !== 0) points.push(at(index));
  });
  return Array.from({ length: ni * nj * nk }, (_, index) => {
    const p = at(index);
    return Math.min(Infinity, ...points.map((q) => (p[0]! - q[0]!) ** 2 + (p[1]! - q[1]!) ** 2 + (p[2]! - q[2]!) ** 2));
  });
}

describe('squaredDistanceTransform', () => {
  it('equals the distance to every feature voxel, minimised (random masks, sizes and spacings)', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })),
        fc.tuple(
          fc.double({ min: 0.3, max: 5, noNaN: true }),
          fc.double({ min: 0.3, max: 5, noNaN: true }),
          fc.double({ min: 0.3, max: 5, noNaN: true }),
        ),
        fc.infiniteStream(fc.integer({ min: 0, max: 5 })),
        (size, spacing, stream) => {
          const mask = Uint8Array.from({ length: size[0] * size[1] * size[2] }, () => (stream.next().value === 0 ? 1 : 0));
          const expected = bruteForce(mask, size, spacing);
          const actual = squaredDistanceTransform(mask, size, spacing);
          expected.forEach((value, index) => {
            if (value === Infinity) expect(actual[index]).toBe(Infinity);
            else expect(actual[index]).toBeCloseTo(value, 6);
          });
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });
});
