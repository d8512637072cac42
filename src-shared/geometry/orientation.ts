import { StudioError } from '../base/errors.ts';
import { applyAffine } from './affine.ts';
import { voxelCount, type Affine, type Grid, type Triple, type Volume, type VoxelArray } from './grid.ts';

/**
 * Three letters, one for each voxel axis: where in the patient the index increases to (nibabel's meaning).
 * 'RAS' has i towards the right, j towards the front, k towards the head; its LPS affine has negative x and y columns.
 */
export type OrientationCode = string;

const letters = [
  ['L', 'R'],
  ['P', 'A'],
  ['S', 'I'],
] as const;

const permutations: readonly Triple[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** All 48 axis orientations. */
export const allOrientationCodes: readonly OrientationCode[] = permutations.flatMap((permutation) =>
  [0, 1, 2, 3, 4, 5, 6, 7].map((signs) =>
    permutation.map((axis, position) => letters[axis as 0 | 1 | 2][((signs >> position) & 1) as 0 | 1]).join(''),
  ),
);

/** The orientation whose axes are closest to those of the affine (LPS world): the assignment with the largest sum of cosines. */
export function orientationCode(affine: Affine): OrientationCode {
  const cosine = (world: number, voxel: number): number => {
    const length = Math.hypot(affine[voxel] as number, affine[voxel + 4] as number, affine[voxel + 8] as number);
    return (affine[world * 4 + voxel] as number) / (length || 1);
  };
  let best = permutations[0] as Triple;
  let bestScore = -1;
  for (const candidate of permutations) {
    const score = candidate.reduce((sum, world, voxel) => sum + Math.abs(cosine(world, voxel)), 0);
    // The margin makes ties (axes at exactly 45°) fall the same way whatever the rounding.
    if (score > bestScore + 1e-9) [best, bestScore] = [candidate, score];
  }
  return best.map((world, voxel) => letters[world as 0 | 1 | 2][cosine(world, voxel) < 0 ? 1 : 0]).join('');
}

interface SignedAxis {
  readonly world: number;
  readonly negative: boolean;
}

function parseCode(code: OrientationCode): readonly SignedAxis[] {
  const axes = [...code].map((letter) => {
    const world = letters.findIndex((pair) => (pair as readonly string[]).includes(letter));
    return { world, negative: world >= 0 && letters[world as 0 | 1 | 2][1] === letter };
  });
  if (axes.length !== 3 || new Set(axes.map((axis) => axis.world)).size !== 3 || axes.some((axis) => axis.world < 0)) {
    throw new StudioError('invalid-argument', `'${code}' is no orientation; write one like RAS or LPS.`);
  }
  return axes;
}

/** For every new voxel axis: the old axis that it runs along, and whether it runs against it. */
export interface AxisMap {
  readonly source: Triple;
  readonly flip: readonly [boolean, boolean, boolean];
}

/** How a grid's axes have to be permuted and flipped to reach an orientation. Throws `invalid-argument` on a malformed code. */
export function axisMapTo(grid: Grid, code: OrientationCode): AxisMap {
  const from = parseCode(orientationCode(grid.affine));
  const maps = parseCode(code).map(({ world, negative }) => {
    const source = from.findIndex((axis) => axis.world === world);
    return { source, flip: from[source]?.negative !== negative };
  });
  return { source: maps.map((m) => m.source) as unknown as Triple, flip: maps.map((m) => m.flip) as unknown as AxisMap['flip'] };
}

/** The same voxels' places under permuted and flipped axes. */
export function permuteGrid(grid: Grid, { source, flip }: AxisMap): Grid {
  const size = source.map((axis) => grid.size[axis as 0 | 1 | 2]) as unknown as Triple;
  const a = grid.affine;
  const corner = [0, 0, 0];
  source.forEach((axis, target) => {
    if (flip[target]) corner[axis] = grid.size[axis as 0 | 1 | 2] - 1;
  });
  const origin = applyAffine(a, corner as unknown as Triple);
  const entry = (row: number, target: number): number => {
    const value = a[row * 4 + (source[target] as number)] as number;
    return flip[target] ? 0 - value : value;
  };
  const row = (r: 0 | 1 | 2): [number, number, number, number] => [entry(r, 0), entry(r, 1), entry(r, 2), origin[r]];
  return { size, affine: [...row(0), ...row(1), ...row(2)] };
}

/** Moves voxels into permuted and flipped axes; the same object when there is nothing to move. */
export function permuteVolume<A extends VoxelArray>(volume: Volume<A>, map: AxisMap): Volume<A> {
  if (map.source.every((axis, target) => axis === target) && !map.flip.includes(true)) return volume;
  const grid = permuteGrid(volume.grid, map);
  const strides = [1, volume.grid.size[0], volume.grid.size[0] * volume.grid.size[1]];
  const [si, sj, sk] = map.source.map((axis, target) => (strides[axis] as number) * (map.flip[target] ? -1 : 1)) as [
    number,
    number,
    number,
  ];
  let start = 0;
  map.source.forEach((axis, target) => {
    if (map.flip[target]) start += (volume.grid.size[axis as 0 | 1 | 2] - 1) * (strides[axis] as number);
  });
  const [ni, nj, nk] = grid.size;
  const from: VoxelArray = volume.data;
  const data = new (from.constructor as new (length: number) => A)(voxelCount(grid));
  const into: VoxelArray = data;
  let target = 0;
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      let offset = start + k * sk + j * sj;
      if (si === 1) {
        into.set(from.subarray(offset, offset + ni) as never, target);
        target += ni;
      } else {
        for (let i = 0; i < ni; i++, offset += si) into[target++] = from[offset] as number;
      }
    }
  }
  return { grid, data };
}

/** The volume with its axes permuted and flipped to the wanted orientation: every voxel keeps its value and its place in the world. */
export function reorientVolume<A extends VoxelArray>(volume: Volume<A>, code: OrientationCode): Volume<A> {
  return permuteVolume(volume, axisMapTo(volume.grid, code));
}

/** Closest axes to RAS: what models see (`ModelCard.spacing` is in this axis order). */
export function reorientToCanonical<A extends VoxelArray>(volume: Volume<A>): Volume<A> {
  return reorientVolume(volume, 'RAS');
}

/** Same size, and every corner voxel at the same place within a tolerance in millimetres. */
export function sameGrid(a: Grid, b: Grid, toleranceMm = 1e-3): boolean {
  if (!a.size.every((n, axis) => n === b.size[axis as 0 | 1 | 2])) return false;
  for (let corner = 0; corner < 8; corner++) {
    const index = a.size.map((n, axis) => ((corner >> axis) & 1) * (n - 1)) as unknown as Triple;
    const p = applyAffine(a.affine, index),
      q = applyAffine(b.affine, index);
    if (!(Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]) <= toleranceMm)) return false;
  }
  // Grids of one voxel along an axis must also agree on that axis's direction and spacing.
  return a.affine.every((value, n) => Math.abs(value - (b.affine[n] as number)) <= Math.max(toleranceMm, 1e-6 * Math.abs(value)));
}
