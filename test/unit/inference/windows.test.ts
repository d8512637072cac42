import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gaussianWeights, mirror, mirrorings, readWindow, windowStarts } from '#main/inference/windows.ts';

describe('windowStarts', () => {
  it.each([
    [48, 48, 0.5, [0]],
    [40, 48, 0.5, [-4]],
    [49, 48, 0.5, [0, 1]],
    [96, 48, 0.5, [0, 24, 48]],
    [100, 48, 0, [0, 26, 52]],
  ])('size %i, window %i, overlap %f', (size, patch, overlap, expected) => {
    expect(windowStarts(size, patch, overlap)).toEqual(expected);
  });

  it('covers every voxel with at least the asked overlap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 8, max: 128 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (size, patch, overlap) => {
          const starts = windowStarts(size, patch, overlap);
          if (size <= patch) {
            expect(starts).toHaveLength(1);
            expect(starts[0]).toBeLessThanOrEqual(0);
            expect((starts[0] as number) + patch).toBeGreaterThanOrEqual(size);
            return;
          }
          expect(starts[0]).toBe(0);
          expect((starts.at(-1) as number) + patch).toBe(size);
          for (let n = 1; n < starts.length; n++)
            expect((starts[n] as number) - (starts[n - 1] as number)).toBeLessThanOrEqual(patch * (1 - overlap) + 1);
        },
      ),
      { seed: 1 },
    );
  });
});

describe('gaussianWeights', () => {
  it('is symmetric, positive and highest in the middle', () => {
    const weights = [...gaussianWeights(9)];
    expect(weights).toEqual([...weights].reverse());
    expect(Math.min(...weights)).toBeGreaterThan(0);
    expect(weights[4]).toBe(1);
  });
});

describe('readWindow', () => {
  it('pads outside the volume and says whether anything varies', () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8); // 2×2×2
    const out = new Float32Array(64);
    expect(readWindow(data, [2, 2, 2], [-1, -1, -1], [4, 4, 4], 0, out)).toBe(true);
    expect(out[(1 * 4 + 1) * 4 + 1]).toBe(1);
    expect(out[(2 * 4 + 2) * 4 + 2]).toBe(8);
    expect(out.filter((value) => value !== 0)).toHaveLength(8);
    expect(readWindow(data.fill(0), [2, 2, 2], [-1, -1, -1], [4, 4, 4], 0, out)).toBe(false);
  });
});

describe('mirror', () => {
  it('is its own inverse along every combination of axes', () => {
    const data = Float32Array.from({ length: 2 * 3 * 4 * 5 }, (_, index) => index);
    for (const axes of mirrorings([0, 1, 2])) {
      const once = new Float32Array(data.length);
      const twice = new Float32Array(data.length);
      mirror(data, 2, [3, 4, 5], axes, once);
      mirror(once, 2, [3, 4, 5], axes, twice);
      expect(twice).toEqual(data);
      if (axes.length > 0) expect(once).not.toEqual(data);
    }
    expect(mirrorings([0, 2])).toEqual([[], [0], [2], [0, 2]]);
  });
});
