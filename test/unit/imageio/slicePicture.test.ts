import { describe, expect, it } from 'vitest';
import type { Affine, Triple } from '#shared/geometry/grid.ts';
import { axialAxis, slicePicture } from '#main/imageio/slicePicture.ts';
import { thumbnail } from '#main/imageio/thumbnail.ts';

const size: Triple = [11, 9, 7];
const data = Float32Array.from({ length: 11 * 9 * 7 }, (_, at) => (at * 37) % 251);
/** Image axes as rows of the world: permuted, turned round, of unequal spacing. */
const affines: readonly Affine[] = [
  [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0],
  [-1, 0, 0, 0, 0, -2, 0, 0, 0, 0, -3, 0],
  [0, 0, 2, 0, 1, 0, 0, 0, 0, -3, 0, 0],
  [0, 1.5, 0, 0, 0, 0, -1, 0, 2, 0, 0, 0],
];
const window = [0, 250] as const;

describe('a slice and its labels', () => {
  it('lies as the thumbnail of its image does, whatever the axes', () => {
    for (const affine of affines) {
      const grid = { size, affine };
      const slice = (size[axialAxis(grid)] - 1) / 2;
      for (const pixels of [128, 5]) {
        const mask = { grid, data: Uint8Array.from(data, (value) => (value > 125 ? 1 : 0)) };
        const { width, height, grey, labels } = slicePicture({ grid, data }, mask, { slice, size: pixels, window, keep: [] });
        expect({ width, height, grey }).toEqual(thumbnail({ grid, data }, { size: pixels, window }));
        labels.forEach((label, at) => expect(label === 1).toBe((grey[at] ?? 0) > 128));
      }
    }
  });

  it('keeps a single voxel of a label that is to be seen', () => {
    const grid = { size: [64, 64, 1] as Triple, affine: affines[0] as Affine };
    for (const at of [0, 63, 64 * 63 + 17, 64 * 30 + 31]) {
      const mask = { grid, data: new Uint8Array(64 * 64).fill(2) };
      mask.data[at] = 9;
      const image = { grid, data: new Float32Array(64 * 64) };
      expect(slicePicture(image, mask, { slice: 0, size: 10, window, keep: [9] }).labels.filter((label) => label === 9)).toHaveLength(1);
    }
  });
});
