import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import { exportedLabels, maskOf } from '../exportedLabels.ts';
import type { PresentLabel } from '../labelVolumes.ts';
import { exportFailed } from '../verify.ts';
import { encodeObj, parseObj } from './obj.ts';
import { encodeStl, parseStl } from './stl.ts';
import { surfaceNets, type Mesh } from '#shared/geometry/surfaceNets.ts';

export interface NamedMesh {
  readonly label: PresentLabel;
  readonly mesh: Mesh;
}

/**
 * Writes the surfaces of a mask's labels in LPS millimetres (the files say so, as 3D Slicer does): .obj holds one object for each label, .stl
 * one label a file (`name-liver.stl` beside each other where there are several). `regions`: of each label with all that lies inside it. Every file is read back and compared. Returns the paths.
 * Throws `invalid-argument` on an empty mask or another ending; `io`, `disk-full`.
 */
export async function exportMesh(path: string, labels: LabelVolume, labelSet: LabelSet, { regions = false } = {}): Promise<string[]> {
  const meshes = exportedLabels(labels, labelSet, regions).map((label): NamedMesh => ({
    label,
    mesh: regions ? surfaceNets(maskOf(labels, label), 1) : surfaceNets(labels, label.value),
  }));
  if (meshes.length === 0) throw new StudioError('invalid-argument', 'There is nothing to export: the mask is empty.');
  switch (extname(path).toLowerCase()) {
    case '.obj': {
      await write(
        path,
        encodeObj(meshes),
        parseObj,
        meshes.map(({ mesh }) => mesh),
      );
      return [path];
    }
    case '.stl': {
      const paths = meshes.length === 1 ? [path] : meshes.map(({ label }) => labelPath(path, label));
      for (const [n, { mesh }] of meshes.entries()) await write(paths[n] as string, encodeStl(mesh), (bytes) => [parseStl(bytes)], [mesh]);
      return paths;
    }
    default:
      throw new StudioError('invalid-argument', 'Surfaces are written as .stl or .obj; give the file one of these endings.');
  }
}

type NamedLabel = Pick<PresentLabel, 'value' | 'name'>;

/** Every path that surfaces of these labels may be written to. */
export function meshPaths(path: string, labels: readonly NamedLabel[]): string[] {
  return extname(path).toLowerCase() === '.stl' ? [path, ...labels.map((label) => labelPath(path, label))] : [path];
}

function labelPath(path: string, { value, name }: NamedLabel): string {
  const ending = extname(path);
  return join(dirname(path), `${basename(path, ending)}-${value}-${name.replace(/[^\p{L}\p{N}]+/gu, '_').slice(0, 60)}${ending}`);
}

/** float32 and six decimals hold a coordinate of a metre to a thousandth of a millimetre. */
const toleranceMm = 1e-3;

async function write(
  path: string,
  bytes: Uint8Array,
  parse: (bytes: Uint8Array) => readonly Mesh[],
  expected: readonly Mesh[],
): Promise<void> {
  await writePieces(path, [bytes], {
    check: async (temporary) => {
      const found = parse(new Uint8Array(await readFile(temporary)));
      const isSame = found.length === expected.length && expected.every((mesh, n) => sameTriangles(mesh, found[n] as Mesh));
      if (!isSame) throw exportFailed(path, 'the surface differs');
    },
  });
}

function sameTriangles(a: Mesh, b: Mesh): boolean {
  if (a.triangles.length !== b.triangles.length) return false;
  for (let n = 0; n < a.triangles.length; n++) {
    for (let axis = 0; axis < 3; axis++) {
      const difference =
        (a.vertices[3 * (a.triangles[n] as number) + axis] as number) - (b.vertices[3 * (b.triangles[n] as number) + axis] as number);
      if (!(Math.abs(difference) <= toleranceMm)) return false;
    }
  }
  return true;
}
