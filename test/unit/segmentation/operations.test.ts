import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { IjkPoint, Triple } from '#shared/geometry/grid.ts';
import {
  combine,
  copyPrediction,
  doneHere,
  fillHoles,
  floodFill,
  freePolicy,
  keepLargest,
  labelBox,
  regionGrow,
  removeSmall,
  runOperation,
  type Operation,
} from '#shared/segmentation/index.ts';
import { blobs, copyOf, edited, forEach, naiveComponents, noise, target } from './support.ts';

const size: Triple = [14, 12, 10];
const millimetres = [0.8, 0, 0, 0, 0, 1.1, 0, 0, 0, 0, 2.3, 0] as const;
const seeds = Array.from({ length: 25 }, (_, n) => n + 1);

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
