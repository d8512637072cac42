import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { normaliseIntensities } from '#main/inference/intensity.ts';
import { normaliseLocally } from '#main/inference/localContrast.ts';
import { prepareImage } from '#main/inference/prepareVolume.ts';

const size: Triple = [40, 36, 8];
const spacing: Triple = [3, 3, 10];

/** Stripes with noise, of which one end lies near a coil that makes it `times` as bright. */
function scan(times: number): Float32Array {
  const random = new Random(7);
  return Float32Array.from({ length: size[0] * size[1] * size[2] }, (_, at) => {
    const [i, j] = [at % size[0], Math.floor(at / size[0]) % size[1]];
    return (100 + (Math.floor(j / 3) % 2) * 80 + 4 * random.normal()) * times ** (i / (size[0] - 1));
  });
}

function normalised(data: Float32Array, millimetres?: number): Float32Array {
  normaliseIntensities(data, { kind: 'zscore', lowPercentile: 0, highPercentile: 100 });
  if (millimetres !== undefined) normaliseLocally(data, size, spacing, millimetres);
  return data;
}

const farApart = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, at) => sum + (value - (b[at] ?? 0)) ** 2, 0) / a.length);

describe('local contrast', () => {
  it('takes the shading of a coil away, which a z-score of the volume leaves', () => {
    expect(farApart(normalised(scan(1)), normalised(scan(6)))).toBeGreaterThan(0.7);
    expect(farApart(normalised(scan(1), 15), normalised(scan(6), 15))).toBeLessThan(0.4);
  });

  it('is each voxel less the mean of three running means, over their deviation, at the ends over what is inside', () => {
    const data = normalised(scan(2));
    const found = data.slice();
    normaliseLocally(found, size, spacing, 9);
    // 9 mm are 3 voxels of 3 mm: running means of 2 · round((√(4·9 + 1) − 1) / 2) + 1 = 7; 0.9 voxels of 10 mm: of 3.
    const radius: Triple = [3, 3, 1];
    const weights = radius.map((r) => {
      const n = 2 * r + 1;
      return [0, 1].reduce<number[]>(
        (line) =>
          Array.from(
            { length: line.length + n - 1 },
            (_, at) => Array.from({ length: n }, (_each, k) => line[at - k] ?? 0).reduce((a, b) => a + b) / n,
          ),
        Array<number>(n).fill(1 / n),
      );
    });
    // A voxel from whose surroundings nothing lies outside.
    const centre: Triple = [20, 18, 4];
    let [mean, square] = [0, 0];
    for (const [dk, wk] of weights[2]!.entries())
      for (const [dj, wj] of weights[1]!.entries())
        for (const [di, wi] of weights[0]!.entries()) {
          const [i, j, k] = [centre[0] + di - 9, centre[1] + dj - 9, centre[2] + dk - 3];
          const value = data[i + size[0] * (j + size[1] * k)]!;
          mean += wi * wj * wk * value;
          square += wi * wj * wk * value * value;
        }
    const at = centre[0] + size[0] * (centre[1] + size[1] * centre[2]);
    expect(found[at]).toBeCloseTo((data[at]! - mean) / (Math.sqrt(square - mean * mean) + 0.1), 4);
    expect(found.every((value) => Number.isFinite(value))).toBe(true);
  });

  it('knows nothing of other slices where the axis across them is given', () => {
    const [one, other] = [normalised(scan(2)), normalised(scan(2))];
    const slice = size[0] * size[1];
    for (let at = 3 * slice; at < 4 * slice; at++) other[at] = 5 * (other[at] ?? 0) + 3;
    for (const data of [one, other]) normaliseLocally(data, size, spacing, 25, 2);
    expect(one.some((value, at) => value !== other[at] && Math.floor(at / slice) !== 3)).toBe(false);
    // Within that slice neither its brightness nor its contrast counts, but for what is taken as noise.
    expect(farApart(one.subarray(3 * slice, 4 * slice), other.subarray(3 * slice, 4 * slice))).toBeLessThan(0.15);
    // Along another axis: lines of that axis are what is kept apart.
    const turned = normalised(scan(2));
    normaliseLocally(turned, size, spacing, 25, 0);
    expect(farApart(one, turned)).toBeGreaterThan(0.1);
  });

  it('makes a constant volume zero', () => {
    expect(normalised(new Float32Array(size[0] * size[1] * size[2]).fill(5), 25).every((value) => value === 0)).toBe(true);
  });

  it('is part of how an image is prepared where a model’s card says so', () => {
    const grid = { size, affine: [-3, 0, 0, 0, 0, -3, 0, 0, 0, 0, 10, 0] } as const;
    const rule = { kind: 'local', lowPercentile: 0, highPercentile: 100, millimetres: 15 } as const;
    const prepared = prepareImage({ grid, data: scan(6) }, spacing, rule);
    expect(farApart(prepared.data, normalised(scan(6), 15))).toBeLessThan(1e-5);
    const within = normalised(scan(6));
    normaliseLocally(within, size, spacing, 15, 2);
    expect(farApart(prepareImage({ grid, data: scan(6) }, spacing, { ...rule, sliceAxis: 2 }).data, within)).toBeLessThan(1e-5);
    expect(farApart(within, prepared.data)).toBeGreaterThan(0.002);
  });
});
