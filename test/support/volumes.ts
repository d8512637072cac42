import { affineFrom, applyAffine, composeAffine } from '#shared/geometry/affine.ts';
import { voxelCount, type Affine, type Grid, type Triple, type Volume } from '#shared/geometry/grid.ts';
import { reorientVolume } from '#shared/geometry/orientation.ts';
import { Random } from '#shared/base/random.ts';

/** A small grid with unequal sizes and spacings, so that no permuted axis goes unnoticed. */
export const unevenGrid: Grid = { size: [5, 4, 3], affine: [-0.75, 0, 0, 12.25, 0, -1.5, 0, -3.5, 0, 0, 2.25, 40] };

export function randomVolume(grid: Grid, seed: number): Volume<Int16Array> {
  const random = new Random(seed);
  return { grid, data: Int16Array.from({ length: voxelCount(grid) }, () => random.integer(4000) - 1024) };
}

export function randomLabels(grid: Grid, seed: number, values: readonly number[] = [0, 0, 1, 2, 5]): Volume<Uint8Array> {
  const random = new Random(seed);
  return { grid, data: Uint8Array.from({ length: voxelCount(grid) }, () => values[random.integer(values.length)]!) };
}

/** The same grid turned by Euler angles in degrees around its centre. */
export function obliqueGrid({ size, affine }: Grid, [a, b, c]: Triple): Grid {
  const turn = (degrees: number, axis: 0 | 1 | 2): Affine => {
    const cos = Math.cos((degrees * Math.PI) / 180),
      sin = Math.sin((degrees * Math.PI) / 180);
    const x: Triple = axis === 0 ? [1, 0, 0] : axis === 1 ? [cos, 0, -sin] : [cos, sin, 0];
    const y: Triple = axis === 0 ? [0, cos, sin] : axis === 1 ? [0, 1, 0] : [-sin, cos, 0];
    const z: Triple = axis === 0 ? [0, -sin, cos] : axis === 1 ? [sin, 0, cos] : [0, 0, 1];
    return affineFrom({ origin: [0, 0, 0], axes: [x, y, z], spacing: [1, 1, 1] });
  };
  const turned = composeAffine(turn(a, 0), composeAffine(turn(b, 1), composeAffine(turn(c, 2), affine)));
  const middle = size.map((n) => (n - 1) / 2) as unknown as Triple;
  const [x, y, z] = applyAffine(affine, middle).map((mm, axis) => mm - applyAffine(turned, middle)[axis as 0 | 1 | 2]) as [
    number,
    number,
    number,
  ];
  return { size, affine: composeAffine([1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z], turned) };
}

export function oriented<V extends Volume>(volume: V, code: string): V {
  return reorientVolume(volume, code) as V;
}
