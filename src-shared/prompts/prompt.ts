import { lpsToIjk } from '../geometry/affine.ts';
import type { Grid, LpsPoint, Triple } from '../geometry/grid.ts';
import { dabsAlong, shapeOn } from '../segmentation/shapes.ts';

/**
 * What a person points out, in the world: `positive` belongs to the structure, the opposite does not. A box or a lasso is a closed outline
 * in the plane across `normal`: a box holds the structure, a lasso is its outline there.
 */
export type Prompt = { readonly positive: boolean } & (
  | { readonly kind: 'click'; readonly point: LpsPoint }
  | { readonly kind: 'scribble'; readonly points: readonly LpsPoint[] }
  | { readonly kind: 'box' | 'lasso'; readonly points: readonly LpsPoint[]; readonly normal: LpsPoint }
);

/** Index of the voxel that holds a point; −1 outside the grid. */
export function voxelAt(grid: Grid, point: LpsPoint): number {
  const [i, j, k] = lpsToIjk(grid, point).map(Math.round) as unknown as Triple;
  const [ni, nj, nk] = grid.size;
  return i >= 0 && j >= 0 && k >= 0 && i < ni && j < nj && k < nk ? i + ni * (j + nj * k) : -1;
}

/** Points of a prompt that say where it is: those of an outline are its corners. */
export function pointsOf(prompt: Prompt): readonly LpsPoint[] {
  return prompt.kind === 'click' ? [prompt.point] : prompt.points;
}

/** Whether any part of a prompt lies in the image. */
export function isInside(prompt: Prompt, grid: Grid): boolean {
  return pointsOf(prompt).some((point) => voxelAt(grid, point) >= 0);
}

/**
 * What prompts say of the voxels of a grid that are `step` mm wide at least: they belong (1), do not (−1), or nothing was said (0). What was
 * said last holds. About a positive outline nothing belongs; of a box only the middle does for certain.
 */
export function seedsOf(prompts: readonly Prompt[], grid: Grid, step: number): Int8Array {
  const sign = new Int8Array(grid.size[0] * grid.size[1] * grid.size[2]);
  for (const prompt of prompts) {
    const value = prompt.positive ? 1 : -1;
    const mark = (point: LpsPoint): void => {
      const at = voxelAt(grid, point);
      if (at >= 0) sign[at] = value;
    };
    switch (prompt.kind) {
      case 'click':
        mark(prompt.point);
        break;
      case 'scribble':
        prompt.points.forEach((point, n) => {
          const from = prompt.points[Math.max(0, n - 1)] ?? point;
          dabsAlong(from, point, step * 0.5).forEach(mark);
        });
        break;
      case 'box':
      case 'lasso': {
        if (prompt.points.length < 3) break;
        const inside = outlined(prompt, grid);
        if (prompt.positive) for (const at of around(inside, grid.size)) if (sign[at] === 0) sign[at] = -1;
        const certain = prompt.kind === 'box' && prompt.positive ? outlined({ ...prompt, points: shrunk(prompt.points) }, grid) : inside;
        for (const at of certain) sign[at] = value;
        if (prompt.kind === 'box' && prompt.positive) mark(middleOf(prompt.points));
      }
    }
  }
  return sign;
}

function middleOf(points: readonly LpsPoint[]): LpsPoint {
  const sum = points.reduce<Triple>((all, point) => [all[0] + point[0], all[1] + point[1], all[2] + point[2]], [0, 0, 0]);
  return [sum[0] / points.length, sum[1] / points.length, sum[2] / points.length];
}

/** The same outline about its middle, a quarter as wide. */
function shrunk(points: readonly LpsPoint[]): LpsPoint[] {
  const middle = middleOf(points);
  return points.map((point) => point.map((value, axis) => ((middle[axis] as number) * 3 + value) / 4) as unknown as LpsPoint);
}

function outlined({ points, normal }: { readonly points: readonly LpsPoint[]; readonly normal: LpsPoint }, grid: Grid): Set<number> {
  const shape = shapeOn(grid, { kind: 'polygon', points, normal });
  const found = new Set<number>();
  for (let k = shape.box.lower[2]; k < shape.box.upper[2]; k++)
    for (let j = shape.box.lower[1]; j < shape.box.upper[1]; j++)
      shape.spans(j, k, (i0, i1) => {
        for (let i = i0; i < i1; i++) found.add(i + grid.size[0] * (j + grid.size[1] * k));
      });
  return found;
}

/** Voxels next to a flat set, in its own layer: along the two axes that the set reaches along most. */
function around(inside: ReadonlySet<number>, [ni, nj, nk]: Triple): Set<number> {
  const lower = [ni, nj, nk];
  const upper = [0, 0, 0];
  const place = (at: number): [number, number, number] => [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
  for (const at of inside)
    place(at).forEach((index, axis) => {
      lower[axis] = Math.min(lower[axis] as number, index);
      upper[axis] = Math.max(upper[axis] as number, index + 1);
    });
  const extent = upper.map((end, axis) => end - (lower[axis] as number));
  const across = extent.indexOf(Math.min(...extent));
  const found = new Set<number>();
  const reach = 2;
  for (const at of inside) {
    const index = place(at);
    for (const axis of [0, 1, 2].filter((each) => each !== across))
      for (const way of [-reach, reach]) {
        const moved = (index[axis] as number) + way;
        if (moved < 0 || moved >= ([ni, nj, nk][axis] as number)) continue;
        const next = at + way * ([1, ni, ni * nj][axis] as number);
        if (!inside.has(next)) found.add(next);
      }
  }
  return found;
}
