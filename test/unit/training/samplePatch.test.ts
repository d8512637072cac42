import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { recipes } from '#shared/domain/trainConfig.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { augmentIntensities } from '#main/training/patches/intensityAugment.ts';
import { samplePatch, type SourceBox } from '#main/training/patches/samplePatch.ts';
import { drawTransform, neededRegion, type SpatialTransform } from '#main/training/patches/spatial.ts';

const caseSize: Triple = [12, 10, 8];
const stored = (i: number, j: number, k: number): number => 3 * i - 5 * j + 11 * k;

/** A case whose intensity is linear in place, so that trilinear sampling is exact; class 1 where i ≥ 6. */
function sourceOf(transform: SpatialTransform, size: Triple): SourceBox {
  const region = neededRegion(transform, size, caseSize);
  const length = region.size[0] * region.size[1] * region.size[2];
  const place = (at: number): Triple => [
    (at % region.size[0]) + region.low[0],
    (Math.floor(at / region.size[0]) % region.size[1]) + region.low[1],
    Math.floor(at / (region.size[0] * region.size[1])) + region.low[2],
  ];
  return {
    region,
    caseSize,
    images: [{ scale: 0.5, offset: 2, background: -77, stored: Int16Array.from({ length }, (_, at) => stored(...place(at))) }],
    classes: Uint8Array.from({ length }, (_, at) => (place(at)[0] >= 6 ? 1 : 0)),
  };
}

const identity = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);

describe('samplePatch', () => {
  it('copies voxels under the identity', () => {
    const transform = { matrix: identity, centre: [5.5, 4.5, 3.5] as Triple, displacement: undefined };
    const image = new Float32Array(12 * 10 * 8);
    const classes = new Int32Array(image.length);
    samplePatch(sourceOf(transform, caseSize), transform, caseSize, image, classes);
    for (let k = 0, at = 0; k < 8; k++)
      for (let j = 0; j < 10; j++)
        for (let i = 0; i < 12; i++, at++) {
          expect(image[at]).toBeCloseTo(stored(i, j, k) * 0.5 + 2, 5);
          expect(classes[at]).toBe(i >= 6 ? 1 : 0);
        }
  });

  it('fills what lies outside with background and class 0', () => {
    const transform = { matrix: identity, centre: [5.5, 4.5, 3.5] as Triple, displacement: undefined };
    const size: Triple = [16, 16, 16];
    const image = new Float32Array(16 ** 3);
    const classes = new Int32Array(16 ** 3).fill(9);
    samplePatch(sourceOf(transform, size), transform, size, image, classes);
    expect(image.filter((value) => value !== -77)).toHaveLength(12 * 10 * 8);
    expect(classes.filter((value) => value === 1)).toHaveLength(6 * 10 * 8);
  });

  it('mirrors, zooms and rotates about the centre: image and classes alike', () => {
    const random = new Random(5);
    const augmentation = { ...recipes.standard.augmentation, rotation: 30, scale: 1.3, elastic: 0, spatialShare: 1 };
    for (let n = 0; n < 20; n++) {
      const transform = drawTransform(random, augmentation, [1, 1.5, 2], [5.5, 4.5, 3.5], [0, 1, 2]);
      const size: Triple = [5, 4, 3];
      const image = new Float32Array(60);
      const classes = new Int32Array(60);
      samplePatch(sourceOf(transform, size), transform, size, image, classes);
      for (let k = 0, at = 0; k < 3; k++)
        for (let j = 0; j < 4; j++)
          for (let i = 0; i < 5; i++, at++) {
            const p = [i - 2, j - 1.5, k - 1];
            const q = [0, 1, 2].map((row) =>
              [0, 1, 2].reduce((sum, column) => sum + transform.matrix[row * 3 + column]! * p[column]!, transform.centre[row]!),
            ) as unknown as Triple;
            if (!q.every((value, axis) => value >= 0 && value <= caseSize[axis]! - 1)) continue;
            expect(image[at]).toBeCloseTo(stored(...q) * 0.5 + 2, 3);
            if (Math.abs(q[0] - 5.5) > 1e-6) expect(classes[at]).toBe(q[0] > 5.5 ? 1 : 0);
          }
    }
  });

  it('rotates in millimetres: lengths along anisotropic axes are kept', () => {
    const augmentation = { ...recipes.standard.augmentation, rotation: 45, scale: 1, spatialShare: 1, elastic: 0, mirror: false };
    const spacing: Triple = [1, 2, 5];
    const { matrix } = drawTransform(new Random(3), augmentation, spacing, [0, 0, 0], []);
    for (let column = 0; column < 3; column++) {
      const millimetres = Math.hypot(...[0, 1, 2].map((row) => matrix[row * 3 + column]! * spacing[row]!));
      expect(millimetres).toBeCloseTo(spacing[column]!, 9);
    }
  });

  it('stays within the slices where they are thick: their axis is only ever mirrored', () => {
    const random = new Random(4);
    const augmentation = { ...recipes.standard.augmentation, rotation: 30, scale: 1.4, elastic: 2, spatialShare: 1 };
    const angles = new Set<number>();
    for (let n = 0; n < 20; n++) {
      const { matrix: m, displacement } = drawTransform(random, augmentation, [1.5, 1.5, 10], [0, 0, 0], [0, 2], 2);
      expect([2, 5, 6, 7, 8].map((at) => Math.abs(m[at]!))).toEqual([0, 0, 0, 0, 1]);
      expect(displacement?.every((value, at) => at % 3 !== 2 || value === 0)).toBe(true);
      expect(displacement?.some((value) => value !== 0)).toBe(true);
      angles.add(m[1]!);
    }
    expect(angles.size).toBe(20);
  });

  it('needs a region that holds every sample, elastic ones too', () => {
    const random = new Random(11);
    const augmentation = { ...recipes.standard.augmentation, elastic: 3, spatialShare: 1 };
    for (let n = 0; n < 50; n++) {
      const transform = drawTransform(random, augmentation, [1, 1, 1], [6, 5, 4], [0]);
      const image = new Float32Array(512);
      samplePatch(sourceOf(transform, [8, 8, 8]), transform, [8, 8, 8], image, new Int32Array(512));
      expect(image.every((value) => Number.isFinite(value))).toBe(true);
      // Linear intensities stay within what the case holds (or are background).
      expect(
        image.every((value) => value === -77 || (value >= stored(0, 9, 0) * 0.5 + 2 - 1e-3 && value <= stored(11, 0, 7) * 0.5 + 2 + 1e-3)),
      ).toBe(true);
    }
  });
});

describe('augmentIntensities', () => {
  it('stays finite, changes something, and repeats with the same seed', () => {
    const base = Float32Array.from({ length: 1000 }, (_, at) => Math.cos(at));
    const once = base.slice();
    const again = base.slice();
    augmentIntensities(new Random(1), recipes.standard.augmentation, once, 0, 1);
    augmentIntensities(new Random(1), recipes.standard.augmentation, again, 0, 1);
    expect(once).toEqual(again);
    expect(once).not.toEqual(base);
    expect(once.every((value) => Number.isFinite(value) && Math.abs(value) < 4)).toBe(true);
  });
});
