import { applyAffine, determinant } from '#shared/geometry/affine.ts';
import type { LabelVolume, Triple } from '#shared/geometry/grid.ts';

export interface Mesh {
  /** x, y, z of each vertex: LPS millimetres. */
  readonly vertices: Float64Array;
  /** Three vertex indices a triangle; seen from outside they run counter-clockwise. */
  readonly triangles: Uint32Array;
}

/** Corners of a cell as (x, y, z) bits, and its twelve edges as pairs of corners. */
const edges: readonly (readonly [number, number])[] = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];

/**
 * The closed surface of one label by surface nets (Gibson 1998): a vertex in every cell of eight voxels that the border crosses, at the mean
 * of its crossed edges, and a quadrilateral for every pair of neighbouring voxels of which one is inside. Empty where the label does not occur.
 */
export function surfaceNets({ grid, data }: LabelVolume, label: number): Mesh {
  const [ni, nj, nk] = grid.size;
  const box = boundingBox(grid.size, data, label);
  if (!box) return { vertices: new Float64Array(0), triangles: new Uint32Array(0) };
  const inside = (i: number, j: number, k: number): boolean => i >= 0 && j >= 0 && k >= 0 && i < ni && j < nj && k < nk && data[i + ni * (j + nj * k)] === label;
  // Cells reach one voxel beyond the label on each side, so that surfaces close at the volume's border, too.
  const [lowI, lowJ, lowK] = box.low.map((n) => n - 1) as [number, number, number];
  const columns = box.high[0] - lowI + 1, rows = box.high[1] - lowJ + 1, layers = box.high[2] - lowK + 1;
  const vertices: number[] = [], triangles: number[] = [];
  const slab = columns * rows;
  // Vertex numbers of the cells of this layer and the one below.
  let below = new Int32Array(slab).fill(-1), here = new Int32Array(slab).fill(-1);
  const isMirrored = determinant(grid.affine) < 0;
  const quad = (a: number, b: number, c: number, d: number, flip: boolean): void => {
    if (flip === isMirrored) triangles.push(a, c, b, a, d, c);
    else triangles.push(a, b, c, a, c, d);
  };
  for (let z = 0; z < layers; z++) {
    here.fill(-1);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const i = x + lowI, j = y + lowJ, k = z + lowK;
        let mask = 0;
        for (let corner = 0; corner < 8; corner++) if (inside(i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2))) mask |= 1 << corner;
        if (mask === 0 || mask === 255) continue;
        const cell = x + y * columns;
        here[cell] = vertices.length / 3;
        vertices.push(...applyAffine(grid.affine, cellVertex(mask, i, j, k)));
        const at = (layer: Int32Array, dx: number, dy: number): number => layer[cell - dx - dy * columns] as number;
        const first = (mask & 1) !== 0;
        // Each crossed edge at the cell's lowest corner is shared by four cells, all met by now.
        if (first !== ((mask & 2) !== 0) && y > 0 && z > 0) quad(at(below, 0, 1), at(here, 0, 1), at(here, 0, 0), at(below, 0, 0), !first);
        if (first !== ((mask & 4) !== 0) && x > 0 && z > 0) quad(at(below, 1, 0), at(below, 0, 0), at(here, 0, 0), at(here, 1, 0), !first);
        if (first !== ((mask & 16) !== 0) && x > 0 && y > 0) quad(at(here, 1, 1), at(here, 1, 0), at(here, 0, 0), at(here, 0, 1), !first);
      }
    }
    [below, here] = [here, below];
  }
  return { vertices: Float64Array.from(vertices), triangles: Uint32Array.from(triangles) };
}

function cellVertex(mask: number, i: number, j: number, k: number): Triple {
  let x = 0, y = 0, z = 0, count = 0;
  for (const [a, b] of edges) {
    if (((mask >> a) & 1) === ((mask >> b) & 1)) continue;
    x += (a & 1) + (b & 1);
    y += ((a >> 1) & 1) + ((b >> 1) & 1);
    z += (a >> 2) + (b >> 2);
    count += 2;
  }
  return [i + x / count, j + y / count, k + z / count];
}

function boundingBox([ni, nj, nk]: Triple, data: Uint8Array | Uint16Array, label: number): { low: Triple; high: Triple } | null {
  const low = [ni, nj, nk], high = [-1, -1, -1];
  for (let n = data.indexOf(label); n >= 0; n = data.indexOf(label, n + 1)) {
    const place = [n % ni, Math.floor(n / ni) % nj, Math.floor(n / (ni * nj))];
    for (let axis = 0; axis < 3; axis++) {
      low[axis] = Math.min(low[axis] as number, place[axis] as number);
      high[axis] = Math.max(high[axis] as number, place[axis] as number);
    }
  }
  return (high[0] as number) < 0 ? null : { low: low as unknown as Triple, high: high as unknown as Triple };
}

/** The volume that a closed mesh encloses, in millilitres; negative where its triangles face inwards. */
export function enclosedMillilitres({ vertices, triangles }: Mesh): number {
  let sixfold = 0;
  const at = (vertex: number, axis: number): number => vertices[3 * vertex + axis] as number;
  for (let n = 0; n < triangles.length; n += 3) {
    const [a, b, c] = [triangles[n] as number, triangles[n + 1] as number, triangles[n + 2] as number];
    sixfold += at(a, 0) * (at(b, 1) * at(c, 2) - at(b, 2) * at(c, 1)) - at(a, 1) * (at(b, 0) * at(c, 2) - at(b, 2) * at(c, 0)) + at(a, 2) * (at(b, 0) * at(c, 1) - at(b, 1) * at(c, 0));
  }
  return sixfold / 6000;
}
