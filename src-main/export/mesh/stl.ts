import type { Mesh } from '#shared/geometry/surfaceNets.ts';

const headerBytes = 84,
  triangleBytes = 50;

/** Binary STL. Its header names the space, as 3D Slicer writes and reads it. */
export function encodeStl({ vertices, triangles }: Mesh): Uint8Array {
  const count = triangles.length / 3;
  const bytes = new Uint8Array(headerBytes + count * triangleBytes);
  bytes.set(new TextEncoder().encode('LoGoNet Studio; SPACE=LPS'));
  const view = new DataView(bytes.buffer);
  view.setUint32(80, count, true);
  for (let n = 0; n < count; n++) {
    const corners = [0, 1, 2].map((c) => [0, 1, 2].map((axis) => vertices[3 * (triangles[3 * n + c] as number) + axis] as number)) as [
      number[],
      number[],
      number[],
    ];
    [normalOf(corners), ...corners].flat().forEach((x, m) => {
      view.setFloat32(headerBytes + n * triangleBytes + 4 * m, x, true);
    });
  }
  return bytes;
}

/** The triangles of a binary STL file, each with vertices of its own. */
export function parseStl(bytes: Uint8Array): Mesh {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.min(view.getUint32(80, true), Math.floor((bytes.length - headerBytes) / triangleBytes));
  const vertices = new Float64Array(count * 9);
  for (let n = 0; n < count; n++)
    for (let m = 0; m < 9; m++) vertices[9 * n + m] = view.getFloat32(headerBytes + n * triangleBytes + 12 + 4 * m, true);
  return { vertices, triangles: Uint32Array.from({ length: count * 3 }, (_, n) => n) };
}

function normalOf([a, b, c]: readonly [readonly number[], readonly number[], readonly number[]]): number[] {
  const edge = (to: readonly number[]): [number, number, number] =>
    [0, 1, 2].map((axis) => (to[axis] as number) - (a[axis] as number)) as [number, number, number];
  const [u, v] = [edge(b), edge(c)];
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const length = Math.hypot(...normal) || 1;
  return normal.map((x) => x / length);
}
