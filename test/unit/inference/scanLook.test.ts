import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Affine, Triple, Volume } from '#shared/geometry/grid.ts';
import { learnedScans, lookAt, unlike } from '#main/inference/scanLook.ts';

const rule = { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 } as const;
const ct = { kind: 'window', low: -200, high: 300 } as const;

/** Noise about two levels, `bright` of it the upper one. */
function scan(seed: number, bright: number, size: Triple = [20, 24, 18], spacing: Triple = [1, 1, 2], air = 0): Volume {
  const random = new Random(seed);
  const affine: Affine = [-spacing[0], 0, 0, 0, 0, -spacing[1], 0, 0, 0, 0, spacing[2], 0];
  const data = Float32Array.from(
    { length: size[0] * size[1] * size[2] },
    () => air + (random.next() < bright ? 900 : 100) + 20 * random.normal(),
  );
  return { grid: { size, affine }, data };
}
const look = (...given: Parameters<typeof scan>) => lookAt(scan(...given), 'unknown');

describe('what sets a scan apart from those that a model learned from', () => {
  const learned = learnedScans([look(1, 0.3), look(2, 0.35), look(3, 0.33, [22, 22, 20])], rule);

  it('is nothing where it is one like them, whatever its units', () => {
    expect(unlike(look(4, 0.32), rule, learned)).toEqual([]);
    const { grid, data } = scan(5, 0.31);
    expect(unlike(lookAt({ grid, data: data.map((value) => 7 + 0.01 * value) }, 'unknown'), rule, learned)).toEqual([]);
    // Seen from the side: the same axes, stored in another order.
    const turned: Volume = { grid: { size: [18, 20, 24], affine: [0, -1, 0, 0, 0, 0, -1, 0, 2, 0, 0, 0] }, data };
    expect(unlike(lookAt(turned, 'unknown'), rule, learned)).toEqual([]);
  });

  it('is said of voxels, of how much of the body is seen, of intensities and of CT', () => {
    expect(unlike(look(4, 0.32, [20, 24, 8], [1, 1, 5]), rule, learned)).toEqual([
      'its voxels are 1.0×1.0×5.0 mm, and the model learned from 1.0×1.0×2.0 mm',
    ]);
    expect(unlike(look(4, 0.32, [60, 24, 18]), rule, learned)).toEqual([
      'it is 60×24×36 mm large, and the model learned from 20×22×36 to 22×24×40 mm',
    ]);
    expect(unlike(look(4, 0.8), rule, learned)).toEqual([
      'its intensities are spread otherwise than in any scan that the model learned from',
    ]);
    expect(unlike(look(4, 0.32, [20, 24, 18], [1, 1, 2], -1000), rule, learned)).toEqual([
      'it looks like CT, and the model learned from other images',
    ]);
    const ofCt = learnedScans([look(1, 0.3, [20, 24, 18], [1, 1, 2], -1000)], ct);
    expect(unlike(look(4, 0.3), ct, ofCt)).toEqual(['it is no CT, and the model learned from CT alone']);
  });

  it('is less once the model has learned from more', () => {
    const more = learnedScans([look(6, 0.8, [60, 24, 18])], rule, learned);
    expect(unlike(look(4, 0.8), rule, more)).toEqual([]);
    expect(unlike(look(4, 0.32, [60, 24, 18]), rule, more)).toEqual([]);
    expect(unlike(look(4, 0.32, [20, 24, 8], [1, 1, 5]), rule, more)).toHaveLength(1);
  });
});
