import { expect } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { Affine, Grid, LabelVolume, LpsPoint, Triple, Volume } from '#shared/geometry/grid.ts';
import { applyDelta, freePolicy, revertDelta, type Delta, type EditTarget } from '#shared/segmentation/index.ts';

export const gridOf = (size: Triple, affine: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]): Grid => ({ size, affine });

/** Blobs of labels 1..labels on background: what masks look like, rather than noise. */
export function blobs(size: Triple, seed: number, labels = 3, affine?: Affine): LabelVolume {
  const random = new Random(seed);
  const data = new Uint8Array(size[0] * size[1] * size[2]);
  for (let n = 0; n < 4 * labels; n++) {
    const centre = size.map((extent) => random.integer(extent)) as unknown as Triple;
    const radius = random.uniform(0.5, 3.5);
    const label = n % (labels + 1);
    forEach(size, (i, j, k, at) => {
      if (Math.hypot(i - centre[0], j - centre[1], k - centre[2]) <= radius) data[at] = label;
    });
  }
  return { grid: gridOf(size, affine), data };
}

export function noise(size: Triple, seed: number): Volume {
  const random = new Random(seed);
  return { grid: gridOf(size), data: Int16Array.from({ length: size[0] * size[1] * size[2] }, () => random.integer(100)) };
}

export function forEach(size: Triple, visit: (i: number, j: number, k: number, at: number) => void): void {
  let at = 0;
  for (let k = 0; k < size[2]; k++) for (let j = 0; j < size[1]; j++) for (let i = 0; i < size[0]; i++) visit(i, j, k, at++);
}

export const copyOf = (volume: LabelVolume): LabelVolume => ({ grid: volume.grid, data: volume.data.slice() as Uint8Array });

export const world = ({ affine: a }: Grid, [i, j, k]: Triple): LpsPoint => [
  a[0] * i + a[1] * j + a[2] * k + a[3],
  a[4] * i + a[5] * j + a[6] * k + a[7],
  a[8] * i + a[9] * j + a[10] * k + a[11],
];

/** A rotated, anisotropic, shifted grid. */
export function obliqueGrid(size: Triple, seed: number): Grid {
  const random = new Random(seed);
  const [a, b, c] = [random.uniform(0, 6), random.uniform(0, 6), random.uniform(0, 6)];
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)];
  const rotation = [
    ca * cb,
    ca * sb * sc - sa * cc,
    ca * sb * cc + sa * sc,
    sa * cb,
    sa * sb * sc + ca * cc,
    sa * sb * cc - ca * sc,
    -sb,
    cb * sc,
    cb * cc,
  ];
  const step = [random.uniform(0.5, 2), random.uniform(0.5, 2), random.uniform(0.5, 4)];
  const at = (n: number): number => (rotation[n] as number) * (step[n % 3] as number);
  return {
    size,
    affine: [
      at(0),
      at(1),
      at(2),
      random.uniform(-50, 50),
      at(3),
      at(4),
      at(5),
      random.uniform(-50, 50),
      at(6),
      at(7),
      at(8),
      random.uniform(-50, 50),
    ],
  };
}

/** Face-connected components by a plain breadth-first search: 0 for non-members, else 1.. in order of first voxel. */
export function naiveComponents(
  size: Triple,
  member: (at: number) => boolean,
  axes: readonly number[] = [0, 1, 2],
): { labels: Int32Array; sizes: number[] } {
  const labels = new Int32Array(size[0] * size[1] * size[2]);
  const strides = [1, size[0], size[0] * size[1]];
  const sizes: number[] = [];
  forEach(size, (_i, _j, _k, start) => {
    if (labels[start] !== 0 || !member(start)) return;
    const id = sizes.push(0);
    const queue = [start];
    labels[start] = id;
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      sizes[id - 1]!++;
      for (const axis of axes) {
        const stride = strides[axis] as number;
        const place = Math.floor(at / stride) % (size[axis] as number);
        for (const next of [place > 0 ? at - stride : -1, place + 1 < (size[axis] as number) ? at + stride : -1]) {
          if (next >= 0 && labels[next] === 0 && member(next)) {
            labels[next] = id;
            queue.push(next);
          }
        }
      }
    }
  });
  return { labels, sizes };
}

/** What an operation works on, with nothing locked. */
export const target = (volume: LabelVolume, more: Partial<EditTarget> = {}): EditTarget => ({ volume, policy: freePolicy, ...more });

/** Runs the edit on a copy and hands back what it made, having checked that its delta reverts and repeats it. */
export function edited(before: LabelVolume, run: (volume: LabelVolume) => Delta): number[] {
  const volume = copyOf(before);
  const delta = run(volume);
  const result = [...volume.data];
  revertDelta(volume, delta);
  expect(Buffer.compare(Buffer.from(volume.data), Buffer.from(before.data))).toBe(0);
  applyDelta(volume, delta);
  expect([...volume.data]).toEqual(result);
  return result;
}
