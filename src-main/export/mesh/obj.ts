import type { NamedMesh } from './exportMesh.ts';
import type { Mesh } from '#shared/geometry/surfaceNets.ts';

/** Wavefront OBJ with one object for each label. */
export function encodeObj(meshes: readonly NamedMesh[]): Uint8Array {
  const lines = ['# LoGoNet Studio; SPACE=LPS'];
  let offset = 1;
  for (const {
    label,
    mesh: { vertices, triangles },
  } of meshes) {
    lines.push(`o ${label.name.replace(/\s+/g, '_').replace(/\p{Cc}/gu, '')}`);
    for (let n = 0; n < vertices.length; n += 3)
      lines.push(
        `v ${(vertices[n] as number).toFixed(6)} ${(vertices[n + 1] as number).toFixed(6)} ${(vertices[n + 2] as number).toFixed(6)}`,
      );
    for (let n = 0; n < triangles.length; n += 3)
      lines.push(
        `f ${(triangles[n] as number) + offset} ${(triangles[n + 1] as number) + offset} ${(triangles[n + 2] as number) + offset}`,
      );
    offset += vertices.length / 3;
  }
  return new TextEncoder().encode(`${lines.join('\n')}\n`);
}

/** The objects of an OBJ file of triangles. */
export function parseObj(bytes: Uint8Array): Mesh[] {
  const meshes: { vertices: number[]; triangles: number[]; first: number }[] = [];
  let count = 0;
  for (const line of new TextDecoder().decode(bytes).split('\n')) {
    const [kind, ...rest] = line.split(' ');
    const mesh = meshes.at(-1);
    if (kind === 'o') meshes.push({ vertices: [], triangles: [], first: count });
    else if (kind === 'v') {
      mesh?.vertices.push(...rest.map(Number));
      count++;
    } else if (kind === 'f' && mesh) mesh.triangles.push(...rest.map((index) => Number(index) - 1 - mesh.first));
  }
  return meshes.map(({ vertices, triangles }) => ({ vertices: Float64Array.from(vertices), triangles: Uint32Array.from(triangles) }));
}
