import { applyAffine, determinant } from '#shared/geometry/affine.ts';
import type { Grid } from '#shared/geometry/grid.ts';

/** A closed triangle mesh in LPS millimetres. */
export interface Surface {
  /** x, y, z per point. */
  readonly points: Float32Array;
  /** Unit, outward, per point. */
  readonly normals: Float32Array;
  /** vtk's cell layout: 3, a, b, c per triangle. */
  readonly triangles: Uint32Array;
}

/**
 * The surface of one label: naive surface nets (Gibson 1998) on the dual grid, one point per cell that the surface cuts, then smoothing
 * that keeps each point inside its cell, so that thin parts survive. Voxels beyond the border count as background.
 */
export function surfaceOf(mask: Uint8Array, grid: Grid, label: number, smoothing = 4): Surface {
  const [ni, nj, nk] = grid.size;
  const box = boundsOf(mask, grid, label);
  if (box === null) return { points: new Float32Array(0), normals: new Float32Array(0), triangles: new Uint32Array(0) };
  const [i0, i1, j0, j1, k0, k1] = box;
  // Cell (ci, cj, ck) has the voxels (i0 - 1 + ci …+1) at its corners.
  const [ci, cj, ck] = [i1 - i0 + 2, j1 - j0 + 2, k1 - k0 + 2];
  const inside = (i: number, j: number, k: number): boolean =>
    i >= 0 && j >= 0 && k >= 0 && i < ni && j < nj && k < nk && mask[i + ni * (j + nj * k)] === label;
  const pointOf = new Int32Array(ci * cj * ck).fill(-1);
  const positions: number[] = [];
  const cells: number[] = [];
  for (let c = 0; c < ck; c++) {
    for (let b = 0; b < cj; b++) {
      for (let a = 0; a < ci; a++) {
        const [i, j, k] = [i0 - 1 + a, j0 - 1 + b, k0 - 1 + c];
        const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => inside(i + (n & 1), j + ((n >> 1) & 1), k + (n >> 2)));
        const filled = corners.filter(Boolean).length;
        if (filled === 0 || filled === 8) continue;
        let [x, y, z, crossings] = [0, 0, 0, 0];
        for (const [from, to] of cellEdges) {
          if (corners[from] === corners[to]) continue;
          x += ((from & 1) + (to & 1)) / 2;
          y += (((from >> 1) & 1) + ((to >> 1) & 1)) / 2;
          z += ((from >> 2) + (to >> 2)) / 2;
          crossings++;
        }
        const cell = a + ci * (b + cj * c);
        pointOf[cell] = cells.length;
        cells.push(cell);
        positions.push(i + x / crossings, j + y / crossings, k + z / crossings);
      }
    }
  }
  const triangles: number[] = [];
  const neighbours: number[][] = cells.map(() => []);
  const strides = [1, ci, ci * cj] as const;
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index] as number;
    const at = [cell % ci, Math.floor(cell / ci) % cj, Math.floor(cell / (ci * cj))] as const;
    const [i, j, k] = [i0 - 1 + at[0], j0 - 1 + at[1], k0 - 1 + at[2]];
    for (const axis of [0, 1, 2] as const) {
      const next = pointOf[cell + strides[axis]];
      const limit = [ci, cj, ck][axis] as number;
      if (at[axis] + 1 < limit && next !== undefined && next >= 0) {
        neighbours[index]?.push(next);
        neighbours[next]?.push(index);
      }
      const [u, v] = [(axis + 1) % 3, (axis + 2) % 3] as [0 | 1 | 2, 0 | 1 | 2];
      if (at[u] === 0 || at[v] === 0) continue;
      const here = inside(i, j, k);
      const there = inside(i + (axis === 0 ? 1 : 0), j + (axis === 1 ? 1 : 0), k + (axis === 2 ? 1 : 0));
      if (here === there) continue;
      const [p, q, r] = [pointOf[cell - strides[u]], pointOf[cell - strides[u] - strides[v]], pointOf[cell - strides[v]]] as [number, number, number];
      if (here) triangles.push(3, index, p, q, 3, index, q, r);
      else triangles.push(3, index, q, p, 3, index, r, q);
    }
  }
  smooth(positions, neighbours, smoothing);
  const points = new Float32Array(positions.length);
  for (let n = 0; n < positions.length; n += 3) {
    points.set(applyAffine(grid.affine, [positions[n] as number, positions[n + 1] as number, positions[n + 2] as number]), n);
  }
  const cellsOut = Uint32Array.from(triangles);
  const normals = normalsOf(points, cellsOut);
  if (isMirrored(grid)) for (let n = 0; n < normals.length; n++) normals[n] = -(normals[n] as number);
  return { points, normals, triangles: cellsOut };
}

/** Whether going from index to world turns a right hand into a left one. */
function isMirrored(grid: Grid): boolean {
  return determinant(grid.affine) < 0;
}

/** Area-weighted mean of the normals of the triangles around each point. */
function normalsOf(points: Float32Array, triangles: Uint32Array): Float32Array {
  const normals = new Float32Array(points.length);
  const at = (n: number): number => points[n] as number;
  for (let t = 0; t < triangles.length; t += 4) {
    const [a, b, c] = [3 * (triangles[t + 1] as number), 3 * (triangles[t + 2] as number), 3 * (triangles[t + 3] as number)];
    const [ux, uy, uz] = [at(b) - at(a), at(b + 1) - at(a + 1), at(b + 2) - at(a + 2)];
    const [vx, vy, vz] = [at(c) - at(a), at(c + 1) - at(a + 1), at(c + 2) - at(a + 2)];
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c]) for (let axis = 0; axis < 3; axis++) normals[corner + axis] = (normals[corner + axis] as number) + (normal[axis] as number);
  }
  for (let n = 0; n < normals.length; n += 3) {
    const size = Math.hypot(normals[n] as number, normals[n + 1] as number, normals[n + 2] as number) || 1;
    for (let axis = 0; axis < 3; axis++) normals[n + axis] = (normals[n + axis] as number) / size;
  }
  return normals;
}

/** Pairs of cell corners (bit 0 = i, 1 = j, 2 = k) that an edge joins. */
const cellEdges: readonly (readonly [number, number])[] = [
  [0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7],
];

/** Laplacian steps in index space, each point held within half a voxel of where it began. */
function smooth(positions: number[], neighbours: readonly (readonly number[])[], steps: number): void {
  const start = Float32Array.from(positions);
  for (let step = 0; step < steps; step++) {
    const before = Float32Array.from(positions);
    neighbours.forEach((around, index) => {
      if (around.length === 0) return;
      for (let axis = 0; axis < 3; axis++) {
        let sum = 0;
        for (const other of around) sum += before[3 * other + axis] as number;
        const wanted = 0.4 * (before[3 * index + axis] as number) + (0.6 * sum) / around.length;
        const origin = start[3 * index + axis] as number;
        positions[3 * index + axis] = Math.min(origin + 0.5, Math.max(origin - 0.5, wanted));
      }
    });
  }
}

/** [i0, i1, j0, j1, k0, k1] of a label, ends included; null where it is absent. */
function boundsOf(mask: Uint8Array, grid: Grid, label: number): readonly [number, number, number, number, number, number] | null {
  const [ni, nj, nk] = grid.size;
  let [i0, i1, j0, j1, k0, k1] = [ni, -1, nj, -1, nk, -1];
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      const row = ni * (j + nj * k);
      const first = mask.subarray(row, row + ni).indexOf(label);
      if (first < 0) continue;
      i0 = Math.min(i0, first);
      i1 = Math.max(i1, mask.subarray(row, row + ni).lastIndexOf(label));
      [j0, j1] = [Math.min(j0, j), Math.max(j1, j)];
      [k0, k1] = [Math.min(k0, k), Math.max(k1, k)];
    }
  }
  return i1 < 0 ? null : [i0, i1, j0, j1, k0, k1];
}

/** The mask on every `step`-th voxel along each axis: for surfaces of volumes that are too large to mesh in full. */
export function thinned(mask: Uint8Array, grid: Grid, step: readonly [number, number, number]): { readonly mask: Uint8Array; readonly grid: Grid } {
  if (step.every((n) => n === 1)) return { mask, grid };
  const size = grid.size.map((n, axis) => Math.ceil(n / step[axis as 0])) as [number, number, number];
  const out = new Uint8Array(size[0] * size[1] * size[2]);
  let at = 0;
  for (let k = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      const row = grid.size[0] * (j * step[1] + grid.size[1] * k * step[2]);
      for (let i = 0; i < size[0]; i++) out[at++] = mask[row + i * step[0]] as number;
    }
  }
  const m = grid.affine;
  const affine = m.map((value, index) => (index % 4 === 3 ? value : value * step[(index % 4) as 0])) as unknown as Grid['affine'];
  return { mask: out, grid: { size, affine } };
}
