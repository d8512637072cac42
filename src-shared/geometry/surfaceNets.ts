import { applyAffine, determinant } from './affine.ts';
import type { Grid, Triple } from './grid.ts';

/** A closed surface in LPS millimetres. */
export interface Mesh {
  /** x, y, z of each vertex. */
  readonly vertices: Float64Array;
  /** Three vertex indices a triangle; seen from outside they run counter-clockwise, also where the grid is mirrored. */
  readonly triangles: Uint32Array;
}

/** A mesh as the screen draws it. */
export interface Surface {
  /** x, y, z per point. */
  readonly points: Float32Array;
  /** Unit, outward, per point. */
  readonly normals: Float32Array;
  /** vtk's cell layout: 3, a, b, c per triangle, counterclockwise as seen from outside. */
  readonly triangles: Uint32Array;
}

interface Labels {
  readonly grid: Grid;
  readonly data: Uint8Array | Uint16Array;
}

/** Pairs of cell corners (bit 0 = i, 1 = j, 2 = k) that an edge joins. */
const cellEdges: readonly (readonly [number, number])[] = [
  [0, 1],
  [2, 3],
  [4, 5],
  [6, 7],
  [0, 2],
  [1, 3],
  [4, 6],
  [5, 7],
  [0, 4],
  [1, 5],
  [2, 6],
  [3, 7],
];

/**
 * The closed surface of one label by surface nets (Gibson 1998): a vertex in every cell of eight voxels that the border crosses, at the mean
 * of its crossed edges, a quadrilateral for every pair of neighbouring voxels of which one is inside, then smoothing that keeps each vertex
 * inside its cell, so that thin parts survive. Voxels beyond the volume count as background. Empty where the label does not occur.
 */
export function surfaceNets({ grid, data }: Labels, label: number, smoothing = 4): Mesh {
  const [ni, nj, nk] = grid.size;
  const box = boundsOf({ grid, data }, label);
  if (box === null) return { vertices: new Float64Array(0), triangles: new Uint32Array(0) };
  const inside = (i: number, j: number, k: number): boolean =>
    i >= 0 && j >= 0 && k >= 0 && i < ni && j < nj && k < nk && data[i + ni * (j + nj * k)] === label;
  // Cells reach one voxel beyond the label on each side, so that surfaces close at the volume's border, too.
  const [lowI, lowJ, lowK] = box.low.map((n) => n - 1) as [number, number, number];
  const [columns, rows, layers] = box.high.map((n, axis) => n - (box.low[axis] as number) + 2) as [number, number, number];
  const positions: number[] = [];
  const triangles: number[] = [];
  const neighbours: number[][] = [];
  // Vertex numbers of the cells of this layer and the one below.
  let below = new Int32Array(columns * rows).fill(-1);
  let here = new Int32Array(columns * rows).fill(-1);
  const isMirrored = determinant(grid.affine) < 0;
  const quad = (a: number, b: number, c: number, d: number, flip: boolean): void => {
    if (flip === isMirrored) triangles.push(a, c, b, a, d, c);
    else triangles.push(a, b, c, a, c, d);
  };
  for (let z = 0; z < layers; z++) {
    here.fill(-1);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const [i, j, k] = [x + lowI, y + lowJ, z + lowK];
        let corners = 0;
        for (let corner = 0; corner < 8; corner++)
          if (inside(i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2))) corners |= 1 << corner;
        if (corners === 0 || corners === 255) continue;
        const cell = x + y * columns;
        const vertex = neighbours.length;
        here[cell] = vertex;
        positions.push(...cellVertex(corners, i, j, k));
        const at = (layer: Int32Array, dx: number, dy: number): number => layer[cell - dx - dy * columns] as number;
        const before = [x > 0 ? at(here, 1, 0) : -1, y > 0 ? at(here, 0, 1) : -1, at(below, 0, 0)].filter((other) => other >= 0);
        neighbours.push(before);
        for (const other of before) neighbours[other]?.push(vertex);
        const first = (corners & 1) !== 0;
        // Each crossed edge at the cell's lowest corner is shared by four cells, all met by now.
        if (first !== ((corners & 2) !== 0) && y > 0 && z > 0) quad(at(below, 0, 1), at(here, 0, 1), vertex, at(below, 0, 0), !first);
        if (first !== ((corners & 4) !== 0) && x > 0 && z > 0) quad(at(below, 1, 0), at(below, 0, 0), vertex, at(here, 1, 0), !first);
        if (first !== ((corners & 16) !== 0) && x > 0 && y > 0) quad(at(here, 1, 1), at(here, 1, 0), vertex, at(here, 0, 1), !first);
      }
    }
    [below, here] = [here, below];
  }
  smooth(positions, neighbours, smoothing);
  const vertices = new Float64Array(positions.length);
  for (let n = 0; n < positions.length; n += 3)
    vertices.set(applyAffine(grid.affine, [positions[n] as number, positions[n + 1] as number, positions[n + 2] as number]), n);
  return { vertices, triangles: Uint32Array.from(triangles) };
}

/** The surface of a label for the screen: the same vertices and triangles as an exported one, in float32, with normals. */
export function surfaceOf(mask: Uint8Array, grid: Grid, label: number): Surface {
  const mesh = surfaceNets({ grid, data: mask }, label);
  const triangles = new Uint32Array((mesh.triangles.length / 3) * 4);
  for (let from = 0, to = 0; from < mesh.triangles.length; from += 3, to += 4) {
    triangles[to] = 3;
    triangles.set(mesh.triangles.subarray(from, from + 3), to + 1);
  }
  return { points: Float32Array.from(mesh.vertices), normals: normalsOf(mesh), triangles };
}

/** Area-weighted mean of the normals of the triangles around each vertex. */
function normalsOf({ vertices, triangles }: Mesh): Float32Array {
  const normals = new Float32Array(vertices.length);
  const at = (n: number): number => vertices[n] as number;
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [3 * (triangles[t] as number), 3 * (triangles[t + 1] as number), 3 * (triangles[t + 2] as number)];
    const [ux, uy, uz] = [at(b) - at(a), at(b + 1) - at(a + 1), at(b + 2) - at(a + 2)];
    const [vx, vy, vz] = [at(c) - at(a), at(c + 1) - at(a + 1), at(c + 2) - at(a + 2)];
    const normal = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const corner of [a, b, c])
      for (let axis = 0; axis < 3; axis++) normals[corner + axis] = (normals[corner + axis] as number) + (normal[axis] as number);
  }
  for (let n = 0; n < normals.length; n += 3) {
    const size = Math.hypot(normals[n] as number, normals[n + 1] as number, normals[n + 2] as number) || 1;
    for (let axis = 0; axis < 3; axis++) normals[n + axis] = (normals[n + axis] as number) / size;
  }
  return normals;
}

/** The mean of a cell's crossed edges, in voxels; `corners` has a bit for each corner inside. */
function cellVertex(corners: number, i: number, j: number, k: number): Triple {
  let [x, y, z, count] = [0, 0, 0, 0];
  for (const [a, b] of cellEdges) {
    if (((corners >> a) & 1) === ((corners >> b) & 1)) continue;
    x += (a & 1) + (b & 1);
    y += ((a >> 1) & 1) + ((b >> 1) & 1);
    z += (a >> 2) + (b >> 2);
    count += 2;
  }
  return [i + x / count, j + y / count, k + z / count];
}

/**
 * Pairs of a smoothing and an inflating step (Taubin 1995), which take the stairs away and leave the volume; in index space, each vertex
 * held within half a voxel of where it began.
 */
function smooth(positions: number[], neighbours: readonly (readonly number[])[], pairs: number): void {
  const start = Float64Array.from(positions);
  for (let step = 0; step < 2 * pairs; step++) {
    const weight = step % 2 === 0 ? 0.6 : -0.64;
    const before = Float64Array.from(positions);
    neighbours.forEach((around, index) => {
      if (around.length === 0) return;
      for (let axis = 0; axis < 3; axis++) {
        let sum = 0;
        for (const other of around) sum += before[3 * other + axis] as number;
        const own = before[3 * index + axis] as number;
        const origin = start[3 * index + axis] as number;
        positions[3 * index + axis] = Math.min(origin + 0.5, Math.max(origin - 0.5, own + weight * (sum / around.length - own)));
      }
    });
  }
}

/** First and last voxel of a label along each axis; null where it is absent. */
function boundsOf({ grid, data }: Labels, label: number): { readonly low: Triple; readonly high: Triple } | null {
  const [ni, nj, nk] = grid.size;
  let [i0, i1, j0, j1, k0, k1] = [ni, -1, nj, -1, nk, -1];
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      const row = ni * (j + nj * k);
      const voxels = data.subarray(row, row + ni);
      const first = voxels.indexOf(label);
      if (first < 0) continue;
      [i0, i1] = [Math.min(i0, first), Math.max(i1, voxels.lastIndexOf(label))];
      [j0, j1] = [Math.min(j0, j), Math.max(j1, j)];
      [k0, k1] = [Math.min(k0, k), Math.max(k1, k)];
    }
  }
  return i1 < 0 ? null : { low: [i0, j0, k0], high: [i1, j1, k1] };
}

/** The volume that a closed mesh encloses, in millilitres; negative where its triangles face inwards. */
export function enclosedMillilitres({ vertices, triangles }: Mesh): number {
  let sixfold = 0;
  const at = (vertex: number, axis: number): number => vertices[3 * vertex + axis] as number;
  for (let n = 0; n < triangles.length; n += 3) {
    const [a, b, c] = [triangles[n] as number, triangles[n + 1] as number, triangles[n + 2] as number];
    sixfold +=
      at(a, 0) * (at(b, 1) * at(c, 2) - at(b, 2) * at(c, 1)) -
      at(a, 1) * (at(b, 0) * at(c, 2) - at(b, 2) * at(c, 0)) +
      at(a, 2) * (at(b, 0) * at(c, 1) - at(b, 1) * at(c, 0));
  }
  return sixfold / 6000;
}

/** The mask on every `step`-th voxel along each axis: for surfaces of volumes that are too large to mesh in full. */
export function thinned(
  mask: Uint8Array,
  grid: Grid,
  step: readonly [number, number, number],
): { readonly mask: Uint8Array; readonly grid: Grid } {
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
