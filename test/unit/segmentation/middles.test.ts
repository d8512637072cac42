import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { identityAffine } from '#shared/geometry/affine.ts';
import { labelMiddles } from '#shared/segmentation/index.ts';

const size: Triple = [5, 4, 3];
const grid = { size, affine: identityAffine };

it('the middle slice of a label holds it, with as much of it on either side as can be', () => {
  fc.assert(
    fc.property(fc.uint8Array({ min: 0, max: 3, minLength: 60, maxLength: 60 }), (data) => {
      const middles = labelMiddles({ grid, data });
      expect([...middles.keys()]).toEqual([...new Set(data)].filter((value) => value > 0).sort());
      for (const [label, voxels] of middles) {
        for (const axis of [0, 1, 2] as const) {
          const [i, j, k] = voxels[axis];
          expect(data[i + size[0] * (j + size[1] * k)]).toBe(label);
          const slices = [...data].flatMap((value, at) =>
            value === label ? [[at % 5, Math.floor(at / 5) % 4, Math.floor(at / 20)][axis] ?? 0] : [],
          );
          const before = slices.filter((slice) => slice < voxels[axis][axis]).length;
          const behind = slices.filter((slice) => slice > voxels[axis][axis]).length;
          expect(Math.max(before, behind)).toBeLessThanOrEqual(slices.length / 2);
        }
      }
    }),
  );
});
