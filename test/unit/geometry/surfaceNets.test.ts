import { describe, expect, it } from 'vitest';
import type { Grid } from '#shared/geometry/grid.ts';
import { enclosedMillilitres, surfaceNets, surfaceOf, thinned } from '#shared/geometry/surfaceNets.ts';

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

describe('the surface of a label', () => {
  it('encloses the volume of its voxels, and of a small ball not much less', () => {
    for (const [radius, least] of [
      [12, 0.97],
      [5, 0.9],
    ] as const) {
      const mask = ball(grid, radius);
      const millilitres = (mask.filter((value) => value === 3).length * 2) / 1000;
      const share = enclosedMillilitres(surfaceNets({ grid, data: mask }, 3)) / millilitres;
      expect(share).toBeGreaterThan(least);
      expect(share).toBeLessThan(1.02);
    }
  });

  it('is on the screen what is exported', () => {
    const mask = ball(mirrored, 9);
    const { points, triangles } = surfaceOf(mask, mirrored, 3);
    const mesh = surfaceNets({ grid: mirrored, data: mask }, 3);
    expect(points).toEqual(Float32Array.from(mesh.vertices));
    expect(triangles.filter((_, n) => n % 4 > 0)).toEqual(mesh.triangles);
  });

  it('has triangles that face outwards, also in a mirrored grid: lights see the outside', () => {
    expect([grid, mirrored].map((each) => Math.sign(enclosedMillilitres(surfaceNets({ grid: each, data: ball(each, 12) }, 3))))).toEqual([
      1, 1,
    ]);
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
        const along = [0, 1, 2].reduce(
          (sum, axis) => sum + (normals[n + axis] as number) * ((points[n + axis] as number) - (middle[axis] as number)),
          0,
        );
        if (along > 0) outwards++;
      }
      expect(outwards / (points.length / 3)).toBeGreaterThan(0.99);
    }
  });

  it('is empty for an absent label, and closes at the border of the volume', () => {
    expect(surfaceOf(ball(grid, 9), grid, 7).points).toHaveLength(0);
    const full = new Uint8Array(4 * 4 * 4).fill(1);
    const small: Grid = { size: [4, 4, 4], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };
    expect(1000 * enclosedMillilitres(surfaceNets({ grid: small, data: full }, 1))).toBeGreaterThan(50);
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
