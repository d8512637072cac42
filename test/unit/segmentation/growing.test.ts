import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { squaredDistanceTransform } from '#shared/domain/distanceTransform.ts';
import type { LabelVolume, LpsPoint, Triple, Volume } from '#shared/geometry/grid.ts';
import { grow, growFromSeeds, interpolateSlices, labelBox, labelCounts, paint, smooth } from '#shared/segmentation/index.ts';
import { blobs, copyOf, edited, forEach, gridOf, noise, target } from './support.ts';

const size: Triple = [14, 12, 10];
const millimetres = [0.8, 0, 0, 0, 0, 1.1, 0, 0, 0, 0, 2.3, 0] as const;
const seeds = Array.from({ length: 25 }, (_, n) => n + 1);

describe('growing and smoothing', () => {
  it.each([1.2, 2.5, -0.9, -1.2, -2.4])('moves the outline by %f mm exactly', (distance) => {
    for (const seed of seeds.slice(0, 6)) {
      const before = blobs(size, seed, 2, millimetres);
      const seedsOf = (is: boolean): Triple[] => {
        const found: Triple[] = [];
        forEach(size, (i, j, k, at) => {
          if ((before.data[at] === 1) === is) found.push([i * 0.8, j * 1.1, k * 2.3]);
        });
        return found;
      };
      const features = seedsOf(distance > 0);
      const expected: number[] = [];
      forEach(size, (i, j, k, at) => {
        const near = features.some(([x, y, z]) => Math.hypot(x - i * 0.8, y - j * 1.1, z - k * 2.3) <= Math.abs(distance) + 1e-9);
        const label = before.data[at] as number;
        expected[at] = distance > 0 ? (near ? 1 : label) : label === 1 && near ? 0 : label;
      });
      expect(edited(before, (volume) => grow(target(volume), 1, distance))).toEqual(expected);
    }
  });

  it('are the same whatever the tiles that they work in', () => {
    const wide: Triple = [130, 60, 55];
    const before: LabelVolume = { grid: gridOf(wide, millimetres), data: new Uint8Array(130 * 60 * 55) };
    const random = new Random(3);
    for (let n = 0; n < 40; n++) {
      const centre: LpsPoint = [random.uniform(0, 104), random.uniform(0, 66), random.uniform(0, 126)];
      paint(target(before), { kind: 'ball', centre, radius: random.uniform(1, 14) }, 1);
    }
    const outside = squaredDistanceTransform(before.data, wide, [0.8, 1.1, 2.3]);
    const inside = squaredDistanceTransform(
      before.data.map((label) => 1 - label),
      wide,
      [0.8, 1.1, 2.3],
    );
    const after = (run: (volume: LabelVolume) => unknown): Uint8Array => {
      const volume = copyOf(before);
      run(volume);
      return volume.data as Uint8Array;
    };
    const grown = after((volume) => grow(target(volume), 1, 4.1));
    expect(grown.reduce((sum, label, at) => sum + (label === (outside[at]! <= 16.81 ? 1 : 0) ? 0 : 1), 0)).toBe(0);
    const shrunk = after((volume) => grow(target(volume), 1, -3.05));
    expect(shrunk.reduce((sum, label, at) => sum + (label === (inside[at]! > 9.3025 ? 1 : 0) ? 0 : 1), 0)).toBe(0);
    const smoothed = after((volume) => smooth(target(volume), 1, 'gaussian', 2));
    // A shifted copy falls into other tiles.
    const shifted: LabelVolume = { grid: gridOf([140, 60, 55], millimetres), data: new Uint8Array(140 * 60 * 55) };
    forEach(wide, (i, j, k, at) => {
      shifted.data[i + 5 + 140 * (j + 60 * k)] = before.data[at] as number;
    });
    smooth(target(shifted), 1, 'gaussian', 2);
    let wrong = 0;
    forEach(wide, (i, j, k, at) => {
      if (i > 10 && i < 120 && smoothed[at] !== shifted.data[i + 5 + 140 * (j + 60 * k)]) wrong++;
    });
    expect(wrong).toBe(0);
  });

  it('the median follows the majority of the box', () => {
    for (const seed of seeds.slice(0, 8)) {
      const before = blobs(size, seed, 1);
      const expected: number[] = [];
      forEach(size, (i, j, k, at) => {
        let sum = 0;
        for (let dk = -1; dk <= 1; dk++)
          for (let dj = -1; dj <= 1; dj++)
            for (let di = -1; di <= 1; di++) {
              const [x, y, z] = [i + di, j + dj, k + dk].map((n, axis) => Math.min((size[axis] as number) - 1, Math.max(0, n))) as [
                number,
                number,
                number,
              ];
              sum += before.data[x + size[0] * (y + size[1] * z)] as number;
            }
        expected[at] = sum > 13 ? 1 : 0;
      });
      expect(edited(before, (volume) => smooth(target(volume), 1, 'median', 1))).toEqual(expected);
    }
  });

  it('the gaussian takes spikes off and draws a ball in by σ²/R, as theory has it', () => {
    const volume: LabelVolume = { grid: gridOf([40, 40, 40]), data: new Uint8Array(64000) };
    paint(target(volume), { kind: 'ball', centre: [20, 20, 20], radius: 10 }, 1);
    const before = labelCounts(volume)[1] as number;
    paint(target(volume), { kind: 'box', box: { lower: [20, 20, 5], upper: [21, 21, 10] } }, 1);
    smooth(target(volume), 1, 'gaussian', 1.5);
    expect(labelBox(volume, 1)?.lower[2]).toBeGreaterThanOrEqual(10);
    expect((labelCounts(volume)[1] as number) / before - 1).toBeCloseTo((-3 * 1.5 ** 2) / 10 ** 2, 1.5);
  });
});

describe('slice interpolation', () => {
  it.each([0, 1, 2] as const)('fills a cone between discs across axis %i', (axis) => {
    const volume: LabelVolume = { grid: gridOf([30, 30, 30]), data: new Uint8Array(27000) };
    const normal: [number, number, number] = [0, 0, 0];
    normal[axis] = 1;
    const at = (slice: number, drift: number): Triple => [0, 1, 2].map((n) => (n === axis ? slice : 14 + drift)) as unknown as Triple;
    paint(target(volume), { kind: 'disc', centre: at(4, -4), normal, radius: 8.01 }, 2);
    paint(target(volume), { kind: 'disc', centre: at(24, 4), normal, radius: 4.01 }, 2);
    interpolateSlices(target(volume), 2, axis);
    const areas = new Array<number>(30).fill(0);
    const centres = new Array<number>(30).fill(0);
    const other = axis === 0 ? 1 : 0;
    forEach([30, 30, 30], (i, j, k, n) => {
      const place = [i, j, k];
      if (volume.data[n] !== 2) return;
      areas[place[axis]!]!++;
      centres[place[axis]!]! += place[other]!;
    });
    for (let slice = 5; slice < 24; slice++) {
      const t = (slice - 4) / 20;
      const radius = 8 - 4 * t;
      expect(Math.abs(areas[slice]! / (Math.PI * radius * radius) - 1)).toBeLessThan(0.12);
      expect(Math.abs(centres[slice]! / areas[slice]! - (14 - 4 + 8 * t))).toBeLessThan(0.6);
    }
    expect(areas.filter((area) => area > 0)).toHaveLength(21);
  });

  it('goes straight on from one of two pieces where the other one ends', () => {
    const volume: LabelVolume = { grid: gridOf([40, 20, 12]), data: new Uint8Array(9600) };
    const disc = (x: number, slice: number): void => {
      paint(target(volume), { kind: 'disc', centre: [x, 10, slice], normal: [0, 0, 1], radius: 4.01 }, 1);
    };
    disc(8, 2);
    disc(30, 2);
    disc(8, 8);
    interpolateSlices(target(volume), 1, 2);
    for (let slice = 3; slice < 8; slice++) {
      let [area, sum] = [0, 0];
      for (let n = 0; n < 800; n++) {
        if (volume.data[n + 800 * slice] !== 1) continue;
        area++;
        sum += n % 40;
      }
      expect(area).toBeGreaterThan(40);
      expect(Math.abs(sum / area - 8)).toBeLessThan(0.5);
    }
  });
});

describe('growing from seeds', () => {
  it('meets at the edge of the intensities and turns the background seed into background', () => {
    const volume: LabelVolume = { grid: gridOf([40, 30, 20]), data: new Uint8Array(24000) };
    const random = new Random(5);
    const inside = (i: number, j: number, k: number): boolean => Math.hypot(i - 20, j - 15, k - 10) < 7;
    const image: Volume = { grid: volume.grid, data: new Float32Array(24000) };
    forEach([40, 30, 20], (i, j, k, at) => {
      image.data[at] = (inside(i, j, k) ? 100 : 0) + random.normal() * 5;
    });
    paint(target(volume), { kind: 'ball', centre: [20, 15, 10], radius: 2 }, 1);
    paint(target(volume), { kind: 'box', box: { lower: [2, 2, 1], upper: [38, 3, 19] } }, 2);
    growFromSeeds(target(volume, { image }), { labels: [1, 2], background: 2, margin: 40 });
    let wrong = 0;
    forEach([40, 30, 20], (i, j, k, at) => {
      if ((volume.data[at] === 1) !== inside(i, j, k)) wrong++;
    });
    expect(wrong).toBe(0);
    expect(labelCounts(volume)[2]).toBeUndefined();
  });

  it('splits evenly where the image says nothing', () => {
    const volume: LabelVolume = { grid: gridOf([21, 1, 1]), data: new Uint8Array(21) };
    volume.data[2] = 1;
    volume.data[17] = 2;
    growFromSeeds(target(volume, { image: { grid: volume.grid, data: new Float32Array(21) } }), { labels: [1, 2], margin: 100 });
    expect([...volume.data]).toEqual([...new Array<number>(10).fill(1), ...new Array<number>(11).fill(2)]);
  });

  it('takes the labels that are painted; those without voxels take no part', () => {
    const volume: LabelVolume = { grid: gridOf([21, 1, 1]), data: new Uint8Array(21) };
    volume.data[2] = 1;
    volume.data[17] = 4;
    growFromSeeds(target(volume, { image: { grid: volume.grid, data: new Float32Array(21) } }), { labels: [1, 2, 3, 4], margin: 100 });
    expect([...volume.data]).toEqual([...new Array<number>(10).fill(1), ...new Array<number>(11).fill(4)]);
  });

  it('asks for two seeds', () => {
    const volume = blobs(size, 1);
    expect(() => growFromSeeds(target(volume, { image: noise(size, 1) }), { labels: [1, 9, 10], margin: 1 })).toThrow(/at least two/);
    expect(() => growFromSeeds(target(volume, { image: noise(size, 1) }), { labels: [1], margin: 1 })).toThrow(/at least two/);
  });
});
