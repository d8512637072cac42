import { Random } from '#shared/base/random.ts';
import type { Affine, Grid, LpsPoint, Triple, Volume } from '#shared/geometry/grid.ts';
import { applyAffine } from '#shared/geometry/affine.ts';

export interface Ball {
  readonly centre: LpsPoint;
  readonly radii: Triple;
  readonly value: number;
}

export const gridOf = (size: Triple, spacing: Triple): Grid => ({
  size,
  affine: [spacing[0], 0, 0, 0, 0, spacing[1], 0, 0, 0, 0, spacing[2], 0] as Affine,
});

const isIn = ({ centre, radii }: Ball, point: LpsPoint): boolean =>
  centre.reduce((sum, c, axis) => sum + (((point[axis] as number) - c) / (radii[axis] as number)) ** 2, 0) <= 1;

/** Ellipsoids (centre and radii in mm) in noise of deviation 12 about 100; later ones lie over earlier ones. */
export function phantom(
  grid: Grid,
  balls: readonly Ball[],
  seed = 1,
): { readonly image: Volume<Int16Array>; truth(ball: Ball): Uint8Array } {
  const random = new Random(seed);
  const [ni, nj, nk] = grid.size;
  const places = Array.from({ length: ni * nj * nk }, (_, at) =>
    applyAffine(grid.affine, [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))]),
  );
  const data = Int16Array.from(places, (point) => {
    const over = balls.findLast((ball) => isIn(ball, point));
    return Math.round((over?.value ?? 100) + random.normal() * 12);
  });
  return { image: { grid, data }, truth: (ball) => Uint8Array.from(places, (point) => (isIn(ball, point) ? 1 : 0)) };
}

export function dice(a: Uint8Array, b: Uint8Array): number {
  let [both, sum] = [0, 0];
  a.forEach((value, at) => {
    both += value & (b[at] as number);
    sum += value + (b[at] as number);
  });
  return (2 * both) / sum;
}
