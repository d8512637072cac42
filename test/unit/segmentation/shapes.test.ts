import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Grid, LpsPoint, Triple } from '#shared/geometry/grid.ts';
import { dabsAlong, freePolicy, paint, type ShapeDescription } from '#shared/segmentation/index.ts';
import { forEach, gridOf, obliqueGrid, world } from './support.ts';

const size: Triple = [19, 17, 13];
const minus = (a: Triple, b: Triple): Triple => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const middle = (grid: Grid, random: Random): LpsPoint => world(grid, size.map((n) => random.uniform(0, n - 1)) as unknown as Triple);

function painted(grid: Grid, shape: ShapeDescription): Set<number> {
  const volume = { grid, data: new Uint8Array(size[0] * size[1] * size[2]) };
  const delta = paint({ volume, policy: freePolicy }, shape, 1);
  const found = new Set<number>();
  volume.data.forEach((label, at) => {
    if (label === 1) found.add(at);
  });
  expect(delta.changed).toBe(found.size);
  return found;
}

describe('a ball', () => {
  it('is every voxel within the radius in millimetres, on any grid', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new Random(seed);
      const grid = obliqueGrid(size, seed);
      const centre = middle(grid, random);
      const radius = random.uniform(0.3, 8);
      const found = painted(grid, { kind: 'ball', centre, radius });
      const wrong: Triple[] = [];
      forEach(size, (i, j, k, at) => {
        const distance = Math.hypot(...minus(world(grid, [i, j, k]), centre));
        if (Math.abs(distance - radius) > 1e-4 && found.has(at) !== distance < radius) wrong.push([i, j, k]);
      });
      expect(wrong).toEqual([]);
    }
  });

  it('refuses a radius of nothing', () => {
    expect(() => painted(gridOf(size), { kind: 'ball', centre: [1, 1, 1], radius: 0 })).toThrow(/more than 0 mm/);
    expect(() => painted(gridOf(size), { kind: 'ball', centre: [1, 1, 1], radius: Number.NaN })).toThrow(/more than 0 mm/);
  });
});

describe('a disc', () => {
  it.each([
    [0, [1, 0, 0]],
    [1, [0, 1, 0]],
    [2, [0, 0, 1]],
  ] as const)('takes exactly one layer across axis %i, also when its plane lies between two', (axis, normal) => {
    const grid = gridOf(size, [0.7, 0, 0, 3, 0, 0.7, 0, -4, 0, 0, 2.5, 9]);
    for (const offset of [0, 0.2, 0.5, 0.9]) {
      const point: [number, number, number] = [9, 8, 6];
      point[axis] += offset;
      const found = painted(grid, { kind: 'disc', centre: world(grid, point), normal: [...normal], radius: 4 });
      const layers = new Set(
        [...found].map((at) => [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))][axis]),
      );
      expect(layers.size).toBe(1);
      expect(Math.abs((layers.values().next().value as number) - point[axis])).toBeLessThanOrEqual(0.5 + 1e-9);
      expect(found.size).toBeGreaterThan(5);
    }
  });

  it('takes every voxel that an oblique plane cuts inside the radius, and none outside', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = new Random(seed);
      const grid = obliqueGrid(size, seed);
      const { affine: a } = grid;
      const centre = middle(grid, random);
      const direction: Triple = [random.normal(), random.normal(), random.normal()];
      const normal = direction.map((n) => n / Math.hypot(...direction)) as unknown as Triple;
      const half =
        (Math.abs(dot([a[0], a[4], a[8]], normal)) +
          Math.abs(dot([a[1], a[5], a[9]], normal)) +
          Math.abs(dot([a[2], a[6], a[10]], normal))) /
        2;
      const found = painted(grid, { kind: 'disc', centre, normal: direction, radius: 6 });
      const wrong: Triple[] = [];
      forEach(size, (i, j, k, at) => {
        const from = minus(world(grid, [i, j, k]), centre);
        const height = Math.abs(dot(from, normal));
        const distance = Math.sqrt(Math.max(0, dot(from, from) - height * height));
        if (Math.abs(height - half) > 1e-3 && Math.abs(distance - 6) > 1e-3 && found.has(at) !== (height < half && distance < 6))
          wrong.push([i, j, k]);
      });
      expect(wrong).toEqual([]);
    }
  });
});

describe('a polygon', () => {
  const inside = (polygon: readonly (readonly [number, number])[], x: number, y: number): boolean => {
    let crossings = 0;
    polygon.forEach(([x0, y0], n) => {
      const [x1, y1] = polygon[(n + 1) % polygon.length] as readonly [number, number];
      if (y0 > y !== y1 > y && x < x0 + ((y - y0) * (x1 - x0)) / (y1 - y0)) crossings++;
    });
    return crossings % 2 === 1;
  };

  it.each([0, 1, 2] as const)('fills even-odd in the slice across axis %i', (axis) => {
    const [u, v] = [0, 1, 2].filter((n) => n !== axis) as [number, number];
    for (let seed = 1; seed <= 30; seed++) {
      const random = new Random(seed);
      const grid = obliqueGrid(size, seed);
      const corners = Array.from({ length: 3 + random.integer(6) }, (): readonly [number, number] => [
        random.uniform(-2, size[u]! + 1),
        random.uniform(-2, size[v]! + 1),
      ]);
      const slice = random.integer(size[axis]);
      const points = corners.map(([x, y]) => {
        const point = [slice, slice, slice];
        point[u] = x;
        point[v] = y;
        return world(grid, point as unknown as Triple);
      });
      const { affine: a } = grid;
      const normal: LpsPoint = [a[axis] as number, a[axis + 4] as number, a[axis + 8] as number];
      const found = painted(grid, { kind: 'polygon', points, normal });
      const wrong: Triple[] = [];
      forEach(size, (i, j, k, at) => {
        const place = [i, j, k];
        if (found.has(at) !== (place[axis] === slice && inside(corners, place[u]!, place[v]!))) wrong.push([i, j, k]);
      });
      expect(wrong).toEqual([]);
    }
  });

  it('has no holes on an oblique plane: neighbours across it are joined', () => {
    const grid = gridOf(size);
    const normal: LpsPoint = [1, 1, 1];
    const points: LpsPoint[] = [
      [18, 0, 6],
      [0, 18, 6],
      [0, 6, 18],
      [6, 0, 18],
    ];
    const found = painted(grid, { kind: 'polygon', points, normal });
    expect(found.size).toBeGreaterThan(40);
    const plane = 24;
    forEach(size, (i, j, k, at) => {
      if (found.has(at)) expect(Math.abs(i + j + k - plane)).toBeLessThanOrEqual(1.5);
    });
  });

  it('needs three points and a direction', () => {
    expect(() =>
      painted(gridOf(size), {
        kind: 'polygon',
        points: [
          [0, 0, 0],
          [1, 1, 1],
        ],
        normal: [0, 0, 1],
      }),
    ).toThrow(/three points/);
    expect(() =>
      painted(gridOf(size), {
        kind: 'polygon',
        points: [
          [0, 0, 0],
          [1, 1, 1],
          [2, 0, 0],
        ],
        normal: [0, 0, 0],
      }),
    ).toThrow(/no direction/);
  });
});

it('dabs of a fast stroke are no further apart than asked', () => {
  const dabs = dabsAlong([0, 0, 0], [10, 5, 2], 1.5);
  expect(dabs[0]).toEqual([0, 0, 0]);
  expect(dabs.at(-1)).toEqual([10, 5, 2]);
  for (let n = 1; n < dabs.length; n++) expect(Math.hypot(...minus(dabs[n]!, dabs[n - 1]!))).toBeLessThanOrEqual(1.5);
});
