import { composeAffine } from '../geometry/affine.ts';
import { spacing, type Grid, type LabelVolume, type Triple, type VoxelArray } from '../geometry/grid.ts';
import { boxSize, type Box } from '../segmentation/box.ts';
import type { PromptProposal } from './proposal.ts';

/** A cube of equal voxels along the axes of an image, as a prompt network sees it; it may reach beyond the image. */
export interface View {
  readonly grid: Grid;
  /** Image voxels from one of its voxels to the next, and where its first one lies, along i, j, k. */
  readonly step: Triple;
  readonly first: Triple;
}

/** The cube of `side` voxels about a box, as wide as its longest side times `room`, but never finer than the image's finest voxels. */
export function viewAround(grid: Grid, box: Box, side: number, room: number): View {
  const voxel = spacing(grid);
  const extent = Math.max(...boxSize(box).map((n, axis) => n * (voxel[axis] as number)));
  const wide = Math.max(Math.min(...voxel), (extent * room) / side);
  const step = voxel.map((mm) => wide / mm) as unknown as Triple;
  const first = step.map(
    (n, axis) => ((box.lower[axis] as number) + (box.upper[axis] as number) - 1) / 2 - (n * (side - 1)) / 2,
  ) as unknown as Triple;
  const affine = composeAffine(grid.affine, [step[0], 0, 0, first[0], 0, step[1], 0, first[1], 0, 0, step[2], first[2]]);
  return { grid: { size: [side, side, side], affine }, step, first };
}

/** What an image holds there: between its voxels linear, and a mean of some where several lie in one; beyond the image as on its border. */
export function seen(view: View, data: VoxelArray, size: Triple): Float32Array {
  return sampled(view, size, true, (i, j, k) => {
    const value = data[i + size[0] * (j + size[1] * k)] as number;
    return Number.isFinite(value) ? value : 0;
  });
}

/** 1 where most of what lies there is proposed. */
export function seenProposal(view: View, { box, bits }: PromptProposal, size: Triple): Uint8Array {
  const [width, height, depth] = boxSize(box);
  const share = sampled(view, size, false, (i, j, k) => {
    const [x, y, z] = [i - box.lower[0], j - box.lower[1], k - box.lower[2]];
    return x >= 0 && y >= 0 && z >= 0 && x < width && y < height && z < depth ? (bits[x + width * (y + height * z)] as number) : 0;
  });
  return Uint8Array.from(share, (value) => (value >= 0.5 ? 1 : 0));
}

/** Where a network's answer is above `threshold`, at the image's own voxels; null where that is nowhere. Voxels of barred labels do not belong. */
export function proposalFrom(
  view: View,
  chance: Float32Array,
  mask: LabelVolume,
  barred: Uint8Array,
  threshold = 0.5,
): PromptProposal | null {
  const { size } = mask.grid;
  const box = boxAbove(view, chance, size, threshold);
  if (box === null) return null;
  const [width, height, depth] = boxSize(box);
  const bits = new Uint8Array(width * height * depth);
  const side = view.grid.size[0];
  const [x, y, z] = ([0, 1, 2] as const).map((axis) => placesOf(view, axis, box)) as [Places, Places, Places];
  const [down, up] = [side, side * side];
  for (let k = 0, at = 0; k < depth; k++) {
    const c = z.share[k] as number;
    for (let j = 0; j < height; j++) {
      const b = y.share[j] as number;
      const row = side * ((y.from[j] as number) + side * (z.from[k] as number));
      const inMask = box.lower[0] + size[0] * (box.lower[1] + j + size[1] * (box.lower[2] + k));
      for (let i = 0; i < width; i++, at++) {
        const n = row + (x.from[i] as number);
        const a = x.share[i] as number;
        const low = mix(mix(chance[n], chance[n + 1], a), mix(chance[n + down], chance[n + down + 1], a), b);
        const high = mix(mix(chance[n + up], chance[n + up + 1], a), mix(chance[n + up + down], chance[n + up + down + 1], a), b);
        if (low + (high - low) * c > threshold && barred[mask.data[inMask + i] as number] !== 1) bits[at] = 1;
      }
    }
  }
  return { box, bits, factor: view.step.map((n) => Math.max(1, Math.ceil(n))) as unknown as Triple };
}

/** Whether an answer reaches a face of the cube that lies inside the image. */
export function reachesOut({ step, first, grid }: View, chance: Float32Array, size: Triple): boolean {
  const side = grid.size[0];
  const isInside = [0, 1, 2].map((axis) => {
    const [from, by] = [first[axis] as number, step[axis] as number];
    return [from - by > -0.5, from + by * side < (size[axis] as number) - 0.5] as const;
  });
  for (let k = 0, at = 0; k < side; k++)
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++, at++) {
        if ((chance[at] as number) <= 0.5) continue;
        const out = [i, j, k].some(
          (n, axis) => (n === 0 && isInside[axis]?.[0] === true) || (n === side - 1 && isInside[axis]?.[1] === true),
        );
        if (out) return true;
      }
  return false;
}

const mix = (a: number | undefined, b: number | undefined, share: number): number =>
  (a as number) + ((b as number) - (a as number)) * share;

/** Most image voxels that are looked at along an axis of one of the cube's. */
const mostAlong = 3;

function sampled(
  { grid, step, first }: View,
  size: Triple,
  clamped: boolean,
  value: (i: number, j: number, k: number) => number,
): Float32Array {
  const side = grid.size[0];
  const taps = ([0, 1, 2] as const).map((axis) =>
    Array.from({ length: side }, (_, n) => tapsOf(first[axis] + n * step[axis], step[axis], size[axis], clamped)),
  ) as [Tap[][], Tap[][], Tap[][]];
  const out = new Float32Array(side ** 3);
  for (let k = 0, at = 0; k < side; k++)
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++, at++) {
        let sum = 0;
        for (const z of taps[2][k] as Tap[])
          for (const y of taps[1][j] as Tap[]) {
            const weight = z.weight * y.weight;
            for (const x of taps[0][i] as Tap[]) sum += weight * x.weight * value(x.index, y.index, z.index);
          }
        out[at] = sum;
      }
  return out;
}

interface Tap {
  readonly index: number;
  readonly weight: number;
}

function tapsOf(place: number, step: number, count: number, clamped: boolean): Tap[] {
  const inside = (index: number): number => Math.min(count - 1, Math.max(0, index));
  const taps: Tap[] = [];
  const add = (index: number, weight: number): void => {
    if (weight > 0 && (clamped || inside(index) === index)) taps.push({ index: inside(index), weight });
  };
  if (step < 1.5) {
    const low = Math.floor(place);
    add(low, 1 - (place - low));
    add(low + 1, place - low);
    return taps;
  }
  const looked = Math.min(mostAlong, Math.round(step));
  for (let n = 0; n < looked; n++) add(Math.round(place + ((n + 0.5) / looked - 0.5) * step), 1 / looked);
  return taps;
}

/** The image's voxels that lie beside a voxel of the cube that is above the threshold. */
function boxAbove({ grid, step, first }: View, chance: Float32Array, size: Triple, threshold: number): Box | null {
  const side = grid.size[0];
  const lower = [side, side, side];
  const upper = [-1, -1, -1];
  for (let at = 0; at < chance.length; at++) {
    if ((chance[at] as number) <= threshold) continue;
    [at % side, Math.floor(at / side) % side, Math.floor(at / (side * side))].forEach((n, axis) => {
      lower[axis] = Math.min(lower[axis] as number, n);
      upper[axis] = Math.max(upper[axis] as number, n);
    });
  }
  if (upper[0] === -1) return null;
  const ends = [0, 1, 2].map((axis) => {
    const at = (n: number): number => (first[axis] as number) + n * (step[axis] as number);
    // The cube's outermost voxels stand for what lies about their middles.
    const low = Math.ceil(at(Math.max(-0.5, (lower[axis] as number) - 1)));
    const high = Math.floor(at(Math.min(side - 0.5, (upper[axis] as number) + 1))) + 1;
    return [Math.max(0, low), Math.min(size[axis] as number, high)] as const;
  });
  if (ends.some(([low, high]) => low >= high)) return null;
  return { lower: ends.map(([low]) => low) as unknown as Triple, upper: ends.map(([, high]) => high) as unknown as Triple };
}

interface Places {
  readonly from: Int32Array;
  readonly share: Float32Array;
}

/** For each voxel of the box along an axis: the lower of the cube's two about it, and how far it is on the way to the upper one. */
function placesOf({ grid, step, first }: View, axis: 0 | 1 | 2, box: Box): Places {
  const side = grid.size[0];
  const count = box.upper[axis] - box.lower[axis];
  const [from, share] = [new Int32Array(count), new Float32Array(count)];
  for (let n = 0; n < count; n++) {
    const place = Math.min(side - 1, Math.max(0, (box.lower[axis] + n - first[axis]) / step[axis]));
    from[n] = Math.min(Math.floor(place), side - 2);
    share[n] = place - (from[n] as number);
  }
  return { from, share };
}
