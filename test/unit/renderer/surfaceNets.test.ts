import { describe, expect, it } from 'vitest';
import type { Grid } from '#shared/geometry/grid.ts';
import { surfaceOf, thinned, type Surface } from '#renderer/vtk/surfaceNets.ts';

const grid: Grid = { size: [40, 36, 20], affine: [1, 0, 0, -20, 0, 1, 0, 5, 0, 0, 2, 100] };
const mirrored: Grid = { size: grid.size, affine: [-1, 0, 0, 20, 0, 1, 0, 5, 0, 0, 2, 100] };

/** A ball of `radius` mm about the middle of the grid. */
function ball(of: Grid, radius: number): Uint8Array {
  const [ni, nj, nk] = of.size;
  const mask = new Uint8Array(ni * nj * nk);
  for (let k = 0, at = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++, at++) if (Math.hypot(i - ni / 2, j - nj / 2, 2 * (k - nk / 2)) < radius) mask[at] = 3;
    }
  }
  return mask;
}

/** Volume by the divergence theorem: positive when all triangles face outwards. */
function enclosed({ points, triangles }: Surface): number {
  const at = (n: number): readonly [number, number, number] => [points[3 * n] as number, points[3 * n + 1] as number, points[3 * n + 2] as number];
  let sum = 0;
  for (let t = 0; t < triangles.length; t += 4) {
    const [a, b, c] = [at(triangles[t + 1] as number), at(triangles[t + 2] as number), at(triangles[t + 3] as number)];
    sum += a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
  }
  return sum / 6;
}

describe('the surface of a label', () => {
  it('encloses the volume of its voxels', () => {
    const mask = ball(grid, 12);
    const voxels = mask.filter((value) => value === 3).length * 2;
    expect(Math.abs(Math.abs(enclosed(surfaceOf(mask, grid, 3))) - voxels) / voxels).toBeLessThan(0.08);
  });

  it('is closed: every edge belongs to two triangles that run along it in opposite directions', () => {
    const { triangles } = surfaceOf(ball(grid, 9), grid, 3);
    const edges = new Map<string, number>();
    for (let t = 0; t < triangles.length; t += 4) {
      const corners = [triangles[t + 1], triangles[t + 2], triangles[t + 3]] as number[];
      corners.forEach((corner, n) => {
        const next = corners[(n + 1) % 3] as number;
        const key = corner < next ? `${corner}-${next}` : `${next}-${corner}`;
        edges.set(key, (edges.get(key) ?? 0) + (corner < next ? 1 : -1));
      });
    }
    expect([...edges.values()].filter((balance) => balance !== 0)).toEqual([]);
  });

  it('has normals that point outwards, also in a mirrored grid', () => {
    for (const each of [grid, mirrored]) {
      const { points, normals } = surfaceOf(ball(each, 12), each, 3);
      const middle = [0, 23, 120];
      let outwards = 0;
      for (let n = 0; n < points.length; n += 3) {
        const along = [0, 1, 2].reduce((sum, axis) => sum + (normals[n + axis] as number) * ((points[n + axis] as number) - (middle[axis] as number)), 0);
        if (along > 0) outwards++;
      }
      expect(outwards / (points.length / 3)).toBeGreaterThan(0.99);
    }
  });

  it('is empty for an absent label, and closes at the border of the volume', () => {
    expect(surfaceOf(ball(grid, 9), grid, 7).points).toHaveLength(0);
    const full = new Uint8Array(4 * 4 * 4).fill(1);
    const small: Grid = { size: [4, 4, 4], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };
    expect(Math.abs(enclosed(surfaceOf(full, small, 1, 0)))).toBeGreaterThan(50);
  });

  it('keeps its place when the mask is thinned', () => {
    const thin = thinned(ball(grid, 12), grid, [2, 2, 2]);
    expect(thin.grid.size).toEqual([20, 18, 10]);
    const { points } = surfaceOf(thin.mask, thin.grid, 3);
    let sum = 0;
    for (let n = 0; n < points.length; n += 3) sum += points[n] as number;
    expect(Math.abs(sum / (points.length / 3))).toBeLessThan(1);
  });
});
