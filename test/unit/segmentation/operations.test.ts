import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { squaredDistanceTransform } from '#shared/domain/distanceTransform.ts';
import type { IjkPoint, LabelVolume, LpsPoint, Triple, Volume } from '#shared/geometry/grid.ts';
import {
  applyDelta,
  combine,
  copyPrediction,
  doneHere,
  fillHoles,
  floodFill,
  freePolicy,
  grow,
  growFromSeeds,
  interpolateSlices,
  keepLargest,
  labelBox,
  labelCounts,
  paint,
  regionGrow,
  removeSmall,
  revertDelta,
  runOperation,
  smooth,
  type EditTarget,
  type Operation,
} from '#shared/segmentation/index.ts';
import { blobs, copyOf, forEach, gridOf, naiveComponents, noise } from './support.ts';

const size: Triple = [14, 12, 10];
const millimetres = [0.8, 0, 0, 0, 0, 1.1, 0, 0, 0, 0, 2.3, 0] as const;
const seeds = Array.from({ length: 25 }, (_, n) => n + 1);
const target = (volume: LabelVolume, more: Partial<EditTarget> = {}): EditTarget => ({ volume, policy: freePolicy, ...more });

/** Runs the edit on a copy and hands back what it made, having checked that its delta reverts and repeats it. */
function edited(before: LabelVolume, run: (volume: LabelVolume) => ReturnType<typeof paint>): number[] {
  const volume = copyOf(before);
  const delta = run(volume);
  const result = [...volume.data];
  revertDelta(volume, delta);
  expect(Buffer.compare(Buffer.from(volume.data), Buffer.from(before.data))).toBe(0);
  applyDelta(volume, delta);
  expect([...volume.data]).toEqual(result);
  return result;
}

describe('islands', () => {
  it('keeps the largest part', () => {
    for (const seed of seeds) {
      const before = blobs(size, seed);
      const { labels, sizes } = naiveComponents(size, (at) => before.data[at] === 1);
      const largest = sizes.indexOf(Math.max(...sizes)) + 1;
      const expected = [...before.data].map((label, at) => (label === 1 && labels[at] !== largest ? 0 : label));
      expect(edited(before, (volume) => keepLargest(target(volume), 1))).toEqual(expected);
    }
  });

  it('removes parts below a volume in millilitres', () => {
    for (const seed of seeds) {
      const before = blobs(size, seed, 3, millimetres);
      const voxel = (0.8 * 1.1 * 2.3) / 1000;
      const { labels, sizes } = naiveComponents(size, (at) => before.data[at] === 2);
      const expected = [...before.data].map((label, at) => (label === 2 && (sizes[labels[at]! - 1] as number) * voxel < 0.05 ? 0 : label));
      expect(edited(before, (volume) => removeSmall(target(volume), 2, 0.05))).toEqual(expected);
    }
  });

  it.each([undefined, 0, 1, 2] as const)('fills background that the label encloses (axis %s)', (axis) => {
    for (const seed of seeds) {
      const before = blobs(size, seed);
      // Holes, some with another label inside.
      const random = new Random(seed);
      for (let n = 0; n < 60; n++) {
        const at = random.integer(before.data.length);
        if (before.data[at] === 1) before.data[at] = random.integer(2) * 3;
      }
      const box = labelBox(before, 1);
      const axes = [0, 1, 2].filter((n) => n !== axis);
      const { labels, sizes } = naiveComponents(size, (at) => before.data[at] !== 1, axes);
      const open = sizes.map(() => false);
      forEach(size, (i, j, k, at) => {
        const atFace = [i, j, k].some((n, a) => axes.includes(a) && (n === 0 || n === (size[a] as number) - 1));
        if (atFace && labels[at] !== 0) open[(labels[at] as number) - 1] = true;
      });
      expect(box).not.toBeNull();
      const expected = [...before.data].map((label, at) => (label === 0 && !open[(labels[at] as number) - 1] ? 1 : label));
      expect(edited(before, (volume) => fillHoles(target(volume), 1, axis))).toEqual(expected);
    }
  });
});

describe('flooding', () => {
  it.each([undefined, 0, 1, 2] as const)('relabels the connected region of the seed (plane %s)', (plane) => {
    for (const seed of seeds) {
      const before = blobs(size, seed);
      const random = new Random(seed);
      const start = size.map((n) => random.integer(n)) as unknown as IjkPoint & Triple;
      const at = start[0] + size[0] * (start[1] + size[1] * start[2]);
      const axes = [0, 1, 2].filter((n) => n !== plane);
      const { labels } = naiveComponents(size, (n) => before.data[n] === before.data[at], axes);
      const expected = [...before.data].map((label, n) => (labels[n] === labels[at] ? 7 : label));
      expect(edited(before, (volume) => floodFill(target(volume), start, 7, plane))).toEqual(expected);
    }
  });

  it('grows over intensities in a range', () => {
    for (const seed of seeds) {
      const image = noise(size, seed);
      const before = blobs(size, seed);
      const random = new Random(seed);
      const start = size.map((n) => random.integer(n)) as unknown as IjkPoint & Triple;
      const at = start[0] + size[0] * (start[1] + size[1] * start[2]);
      const inside = (n: number): boolean => image.data[n]! >= 20 && image.data[n]! <= 80;
      const { labels } = naiveComponents(size, inside);
      const expected = [...before.data].map((label, n) => (inside(at) && labels[n] === labels[at] ? 9 : label));
      expect(edited(before, (volume) => regionGrow(target(volume, { image }), start, 9, 20, 80))).toEqual(expected);
    }
  });

  it('refuses a seed outside and a missing image', () => {
    expect(() => floodFill(target(blobs(size, 1)), [14, 0, 0], 1)).toThrow(/inside the image/);
    expect(() => regionGrow(target(blobs(size, 1)), [1, 0, 0], 1, 0, 1)).toThrow(/needs the image/);
  });
});

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

describe('combining', () => {
  const operand = blobs(size, 99);
  it.each([
    ['add', (a: number, b: number) => (b === 1 || b === 3 ? 2 : a)],
    ['subtract', (a: number, b: number) => (a === 2 && (b === 1 || b === 3) ? 0 : a)],
    ['intersect', (a: number, b: number) => (a === 2 && b !== 1 && b !== 3 ? 0 : a)],
    ['invert', (a: number) => (a === 2 ? 0 : a === 0 ? 2 : a)],
    ['clear', (a: number) => (a === 2 ? 0 : a)],
  ] as const)('%s', (operator, truth) => {
    for (const seed of seeds) {
      const before = blobs(size, seed);
      const expected = [...before.data].map((a, at) => truth(a, operand.data[at] as number));
      expect(edited(before, (volume) => combine(target(volume), 2, operator, { volume: operand, labels: [1, 3] }))).toEqual(expected);
    }
  });

  it('takes labels of the mask itself', () => {
    const before = blobs(size, 4);
    const operation: Operation = { kind: 'boolean', label: 2, operator: 'add', operand: { layer: 'mask', labels: [1] } };
    expect(edited(before, (volume) => runOperation(target(volume), operation))).toEqual(
      [...before.data].map((label) => (label === 1 ? 2 : label)),
    );
  });
});

describe('accepting the prediction', () => {
  const prediction = blobs(size, 77);
  it('wholly, by label, by region', () => {
    const before = blobs(size, 3);
    expect(edited(before, (volume) => copyPrediction(target(volume), prediction, { replace: true }))).toEqual([...prediction.data]);
    expect(edited(before, (volume) => copyPrediction(target(volume), prediction))).toEqual(
      [...before.data].map((label, at) => prediction.data[at] || label),
    );
    expect(edited(before, (volume) => copyPrediction(target(volume), prediction, { labels: [2], replace: true }))).toEqual(
      [...before.data].map((label, at) => (prediction.data[at] === 2 ? 2 : label === 2 ? 0 : label)),
    );
    const box = { lower: [3, 3, 3], upper: [9, 9, 8] } as const;
    const expected: number[] = [];
    forEach(size, (i, j, k, at) => {
      const inBox = [i, j, k].every((n, axis) => n >= (box.lower[axis] as number) && n < (box.upper[axis] as number));
      expected[at] = inBox ? (prediction.data[at] as number) : (before.data[at] as number);
    });
    expect(edited(before, (volume) => copyPrediction(target(volume), prediction, { shape: { kind: 'box', box }, replace: true }))).toEqual(
      expected,
    );
  });

  it('needs one', () => {
    expect(() => runOperation(target(blobs(size, 1)), { kind: 'copyPrediction' })).toThrow(/no prediction yet/);
  });
});

describe('every operation', () => {
  const prediction = blobs(size, 55);
  const image = noise(size, 5);
  const operations: readonly Operation[] = [
    { kind: 'paint', shape: { kind: 'everything' }, label: 1 },
    { kind: 'paint', shape: { kind: 'ball', centre: [6, 6, 5], radius: 5 }, label: 0 },
    { kind: 'paint', shape: { kind: 'everything' }, label: 0, only: 2 },
    { kind: 'floodFill', seed: [6, 6, 5], label: 1 },
    { kind: 'regionGrow', seed: [6, 6, 5], label: 1, low: 0, high: 90 },
    { kind: 'growFromSeeds', labels: [1, 3], margin: 20 },
    { kind: 'interpolate', label: 1, axis: 2 },
    { kind: 'keepLargest', label: 3 },
    { kind: 'removeSmall', label: 3, minimumMillilitres: 1 },
    { kind: 'fillHoles', label: 1 },
    { kind: 'smooth', label: 1, method: 'gaussian', radius: 1 },
    { kind: 'smooth', label: 2, method: 'median', radius: 1 },
    { kind: 'grow', label: 1, distance: 3 },
    { kind: 'grow', label: 2, distance: -1 },
    { kind: 'boolean', label: 1, operator: 'add', operand: { layer: 'prediction', labels: [1, 2, 3] } },
    { kind: 'boolean', label: 2, operator: 'clear' },
    { kind: 'copyPrediction', replace: true },
  ];
  const name = (operation: Operation): string => JSON.stringify(operation);

  it.each(operations.map((operation) => [name(operation), operation] as const))(
    'leaves locked labels as they are: %s',
    (_name, operation) => {
      for (const seed of seeds) {
        const before = blobs(size, seed);
        const after = edited(before, (volume) =>
          runOperation({ volume, image, policy: { overwrite: 'all', locked: [2] } }, operation, { prediction }),
        );
        before.data.forEach((label, at) => {
          if (label === 2 && after[at] !== 2) throw new Error(`changed at ${at}`);
        });
      }
    },
  );

  it.each(operations.map((operation) => [name(operation), operation] as const))(
    'replaces only what the policy and the threshold allow: %s',
    (_name, operation) => {
      const before = blobs(size, 8);
      const after = edited(before, (volume) =>
        runOperation({ volume, image, threshold: { low: 30, high: 70 }, policy: { overwrite: 'background', locked: [] } }, operation, {
          prediction,
        }),
      );
      before.data.forEach((label, at) => {
        const value = image.data[at] as number;
        if (after[at] !== label && (label !== 0 || value < 30 || value > 70)) throw new Error(`changed at ${at}`);
      });
    },
  );

  it.each(operations.map((operation) => [name(operation), operation] as const))(
    'can be cancelled at any moment and then leaves the mask as it was: %s',
    (_name, operation) => {
      const before = blobs(size, 8);
      let looks = 0;
      const count = copyOf(before);
      runOperation(
        {
          volume: count,
          image,
          policy: freePolicy,
          cancellation: {
            get aborted() {
              looks++;
              return false;
            },
          },
        },
        operation,
        { prediction },
      );
      for (let limit = 1; limit <= looks; limit++) {
        const volume = copyOf(before);
        let seen = 0;
        expect(() =>
          runOperation(
            {
              volume,
              image,
              policy: freePolicy,
              cancellation: {
                get aborted() {
                  return ++seen >= limit;
                },
              },
            },
            operation,
            { prediction },
          ),
        ).toThrow(/Cancelled/);
        expect(volume).toEqual(before);
      }
    },
  );

  it('refuses labels that the mask cannot hold', () => {
    for (const label of [-1, 256, 1.5])
      expect(() => runOperation(target(blobs(size, 1)), { kind: 'paint', shape: { kind: 'everything' }, label })).toThrow(
        /between 0 and 255/,
      );
  });
});

describe('slices that are done', () => {
  const ignore = 9;
  const sliceOf = (at: number, axis: 0 | 1 | 2): number =>
    [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))][axis] ?? 0;

  it('leaves what is marked, and makes the background of all others ignored', () => {
    for (const axis of [0, 1, 2] as const) {
      const before = blobs(size, 3 + axis);
      const done = (at: number): boolean => sliceOf(at, axis) >= 3 && sliceOf(at, axis) <= 5;
      const options = { ignore, axis, slices: [3, 5] as const, labelsToo: false };
      expect(edited(before, (volume) => doneHere(target(volume), options))).toEqual(
        [...before.data].map((value, at) => (done(at) || value !== 0 ? value : ignore)),
      );
      expect(edited(before, (volume) => doneHere(target(volume), { ...options, labelsToo: true }))).toEqual(
        [...before.data].map((value, at) => (done(at) ? value : ignore)),
      );
    }
  });

  it('adds further slices to those that are done, whatever may be painted over, and takes all back', () => {
    const before = blobs(size, 8);
    const narrow = target(before, {
      policy: { overwrite: 'background', locked: [] },
      image: noise(size, 1),
      threshold: { low: 0, high: 1 },
    });
    doneHere(narrow, { ignore, axis: 2, slices: [2, 2], labelsToo: false });
    doneHere(narrow, { ignore, axis: 2, slices: [6, 7], labelsToo: false });
    const original = blobs(size, 8);
    expect([...before.data]).toEqual(
      [...original.data].map((value, at) => ([2, 6, 7].includes(sliceOf(at, 2)) || value !== 0 ? value : ignore)),
    );
    doneHere(narrow, { ignore, axis: 2, slices: [0, size[2] - 1], labelsToo: false });
    expect([...before.data]).toEqual([...original.data]);
  });

  it('takes the slices from the first to the last that holds a label; without any, none', () => {
    const before = blobs(size, 1);
    before.data.fill(0);
    before.data[4 + size[0] * (5 + size[1] * 3)] = 1;
    before.data[4 + size[0] * (6 + size[1] * 7)] = 2;
    const options = { ignore, axis: 2, slices: 'labelled', labelsToo: false } as const;
    const expected = [...before.data].map((value, at) => (sliceOf(at, 2) >= 3 && sliceOf(at, 2) <= 7 ? value : ignore));
    const after = edited(before, (volume) => doneHere(target(volume), options));
    expect(after).toEqual(expected);
    expect(edited({ ...before, data: Uint8Array.from(after) }, (volume) => doneHere(target(volume), options))).toEqual(expected);
    before.data.fill(0);
    expect(new Set(edited(before, (volume) => doneHere(target(volume), options)))).toEqual(new Set([ignore]));
  });

  it('respects a locked label', () => {
    const before = blobs(size, 4);
    const locked = target(copyOf(before), { policy: { overwrite: 'all', locked: [1] } });
    doneHere(locked, { ignore, axis: 2, slices: [0, 0], labelsToo: true });
    expect([...locked.volume.data].filter((value) => value === 1).length).toBe([...before.data].filter((value) => value === 1).length);
  });
});
