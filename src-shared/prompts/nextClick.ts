import { squaredDistanceTransform } from '../domain/distanceTransform.ts';
import { applyAffine, composeAffine } from '../geometry/affine.ts';
import { spacing, type Grid, type LpsPoint, type Triple, type Volume } from '../geometry/grid.ts';
import type { Prompt } from './prompt.ts';
import { componentsOf } from '../segmentation/components.ts';
import { boxSize, freePolicy, wholeBox, type Box } from '../segmentation/index.ts';

/** The voxels of one structure: 1 or 0 on the image's grid. */
export type Structure = Volume<Uint8Array>;

/** Where a careful reader clicks next: in the middle of the largest connected error, the deepest place of it; null where nothing is wrong. */
export function nextClick(truth: Structure, proposed: Structure): Prompt | null {
  const box = differenceBox(truth, proposed);
  if (box === null) return null;
  const grid = cropped(truth.grid, box);
  const missing = cut(truth, proposed, box, 1);
  const surplus = cut(truth, proposed, box, 0);
  const [first, second] = [largest({ grid, data: missing }), largest({ grid, data: surplus })];
  const positive = first.voxels >= second.voxels;
  const point = deepest((positive ? first : second).part, grid);
  return { positive, kind: 'click', point };
}

/** Dice overlap of two structures; 1 where both are empty. */
export function diceOf({ data: a }: Pick<Structure, 'data'>, { data: b }: Pick<Structure, 'data'>): number {
  let [both, sum] = [0, 0];
  for (let at = 0; at < a.length; at++) {
    both += (a[at] as number) & (b[at] as number);
    sum += (a[at] as number) + (b[at] as number);
  }
  return sum === 0 ? 1 : (2 * both) / sum;
}

function differenceBox({ data, grid }: Structure, other: Structure): Box | null {
  const [ni, nj] = grid.size;
  const lower: [number, number, number] = [Infinity, Infinity, Infinity];
  const upper: [number, number, number] = [0, 0, 0];
  for (let at = 0; at < data.length; at++) {
    if (data[at] === other.data[at]) continue;
    const place = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
    for (const axis of [0, 1, 2] as const) {
      lower[axis] = Math.min(lower[axis], place[axis] as number);
      upper[axis] = Math.max(upper[axis], (place[axis] as number) + 1);
    }
  }
  return upper[0] === 0 ? null : { lower, upper };
}

function cropped(grid: Grid, box: Box): Grid {
  const [i, j, k] = box.lower;
  return { size: boxSize(box), affine: composeAffine(grid.affine, [1, 0, 0, i, 0, 1, 0, j, 0, 0, 1, k]) };
}

/** Voxels of the box that differ and where the truth is `value`. */
function cut(truth: Structure, proposed: Structure, box: Box, value: 0 | 1): Uint8Array {
  const [ni, nj] = truth.grid.size;
  const [width, height, depth] = boxSize(box);
  const out = new Uint8Array(width * height * depth);
  for (let k = 0, at = 0; k < depth; k++)
    for (let j = 0; j < height; j++) {
      const row = box.lower[0] + ni * (box.lower[1] + j + nj * (box.lower[2] + k));
      for (let i = 0; i < width; i++, at++) if (truth.data[row + i] === value && proposed.data[row + i] !== value) out[at] = 1;
    }
  return out;
}

function largest(mask: Structure): { readonly voxels: number; readonly part: Uint8Array } {
  const { runs, start, length, component, voxels } = componentsOf({ volume: mask, policy: freePolicy }, wholeBox(mask.grid.size), 1);
  const best = voxels.indexOf(Math.max(0, ...voxels));
  const part = new Uint8Array(mask.data.length);
  for (let run = 0; run < runs; run++)
    if (component[run] === best) part.fill(1, start[run], (start[run] as number) + (length[run] as number));
  return { voxels: voxels[best] ?? 0, part };
}

/** The world point of the voxel that is furthest from the part's outside, to which the box's surroundings belong; of several the one that is nearest to the part's middle. */
function deepest(part: Uint8Array, { size, affine }: Grid): LpsPoint {
  const wide: Triple = [size[0] + 2, size[1] + 2, size[2] + 2];
  const place = (at: number): Triple => [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
  const outside = new Uint8Array(wide[0] * wide[1] * wide[2]).fill(1);
  const inWide = (at: number): number => {
    const [i, j, k] = place(at);
    return i + 1 + wide[0] * (j + 1 + wide[1] * (k + 1));
  };
  const own: number[] = [];
  for (let at = 0; at < part.length; at++)
    if (part[at] === 1) {
      own.push(at);
      outside[inWide(at)] = 0;
    }
  const distance = squaredDistanceTransform(outside, wide, spacing({ size, affine }));
  const most = own.reduce((deep, at) => Math.max(deep, distance[inWide(at)] as number), 0);
  const middle = [0, 1, 2].map((axis) => own.reduce((sum, at) => sum + (place(at)[axis] as number), 0) / own.length);
  const away = (at: number): number => place(at).reduce((sum, index, axis) => sum + (index - (middle[axis] as number)) ** 2, 0);
  const best = own.filter((at) => (distance[inWide(at)] as number) > most - 1e-9).reduce((near, at) => (away(at) < away(near) ? at : near));
  return applyAffine(affine, place(best));
}
