import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { measureLabels } from '#main/export/labelVolumes.ts';
import { exportMesh } from '#main/export/mesh/exportMesh.ts';
import { enclosedMillilitres, surfaceNets, type Mesh } from '#shared/geometry/surfaceNets.ts';
import { determinant } from '#shared/geometry/affine.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { allOrientationCodes } from '#shared/geometry/orientation.ts';
import { obliqueGrid, oriented, randomLabels, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-mesh-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const labelSet = {
  labels: [
    { value: 1, name: 'Ball', color: '#ff0000', locked: false },
    { value: 2, name: 'a/b', color: '#00ff00', locked: false },
  ],
};

function ball(grid: Grid, radius: number): Volume<Uint8Array> {
  const [ni, nj, nk] = grid.size;
  return {
    grid,
    data: Uint8Array.from({ length: ni * nj * nk }, (_, n) =>
      Math.hypot((n % ni) - ni / 2, (Math.floor(n / ni) % nj) - nj / 2, Math.floor(n / (ni * nj)) - nk / 2) < radius ? 1 : 0,
    ),
  };
}

/** Every edge of a closed surface is run along once in each direction. */
function isClosed({ triangles }: Mesh): boolean {
  const edges = new Map<string, number>();
  for (let n = 0; n < triangles.length; n += 3) {
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const) {
      const [from, to] = [triangles[n + a]!, triangles[n + b]!];
      edges.set(`${from}-${to}`, (edges.get(`${from}-${to}`) ?? 0) + 1);
    }
  }
  return [...edges].every(([edge, count]) => edges.get(edge.split('-').reverse().join('-')) === count);
}

describe('surface nets', () => {
  const grid: Grid = { size: [24, 22, 20], affine: obliqueGrid(unevenGrid, [20, 30, -10]).affine };

  it('close a ball and enclose its volume, facing outwards, in every orientation', () => {
    const labels = ball(grid, 8);
    const voxelMillilitres = (labels.data.reduce((sum, value) => sum + value, 0) * Math.abs(determinant(grid.affine))) / 1000;
    for (const code of allOrientationCodes.filter((_, n) => n % 5 === 0)) {
      const mesh = surfaceNets(oriented(labels, code), 1);
      expect(isClosed(mesh)).toBe(true);
      const volume = enclosedMillilitres(mesh);
      expect(volume / voxelMillilitres).toBeGreaterThan(0.93);
      expect(volume / voxelMillilitres).toBeLessThan(1.01);
    }
  });

  it('close at the border of the volume, and around a mask of noise', () => {
    expect(isClosed(surfaceNets({ grid, data: new Uint8Array(24 * 22 * 20).fill(1) }, 1))).toBe(true);
    const noise = randomLabels(grid, 3);
    for (const label of [1, 2, 5]) expect(isClosed(surfaceNets(noise, label))).toBe(true);
  });

  it('are empty for a label that does not occur', () => {
    expect(surfaceNets(ball(grid, 3), 7).triangles).toHaveLength(0);
  });

  it('are written as OBJ with an object a label, and as one STL a label', async () => {
    const labels = { grid, data: ball(grid, 8).data.map((value, n) => (value === 1 && n % 24 > 12 ? 2 : value)) };
    expect(await exportMesh(join(folder, 'm.obj'), labels, labelSet)).toEqual([join(folder, 'm.obj')]);
    expect(readFileSync(join(folder, 'm.obj'), 'utf8').match(/^o .*$/gm)).toEqual(['o Ball', 'o a/b']);
    const paths = await exportMesh(join(folder, 'm.stl'), labels, labelSet);
    expect(paths).toEqual([join(folder, 'm-1-Ball.stl'), join(folder, 'm-2-a_b.stl')]);
    expect(readFileSync(paths[0]!).subarray(0, 26).toString()).toBe('LoGoNet Studio; SPACE=LPS\0');
    await expect(exportMesh(join(folder, 'm.ply'), labels, labelSet)).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(exportMesh(join(folder, 'm.obj'), { grid, data: new Uint8Array(labels.data.length) }, labelSet)).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });
});

describe('volumes', () => {
  it('are voxels times the voxel size, for named and unnamed labels', () => {
    const labels = { grid: unevenGrid, data: Uint8Array.from({ length: 60 }, (_, n) => (n < 10 ? 1 : n < 13 ? 9 : 0)) };
    const millilitres = (0.75 * 1.5 * 2.25) / 1000;
    expect(measureLabels(labels, labelSet).map((row) => [row.value, row.name, row.voxels, row.millilitres])).toEqual([
      [1, 'Ball', 10, expect.closeTo(10 * millilitres, 9)],
      [2, 'a/b', 0, 0],
      [9, 'Label 9', 3, expect.closeTo(3 * millilitres, 9)],
    ]);
  });
});
