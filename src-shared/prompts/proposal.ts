import type { Grid, LabelVolume, Triple } from '../geometry/grid.ts';
import { boxSize, unionBox, type Box } from '../segmentation/box.ts';
import { forEachRow, labelBox } from '../segmentation/selection.ts';
import type { Region } from './region.ts';

/** Voxels that are proposed: `bits` holds 1 or 0 for each voxel of the box, i fastest. */
export interface PromptProposal {
  readonly box: Box;
  readonly bits: Uint8Array;
  /** Voxels of the image along i, j, k that one voxel of the region stood for. */
  readonly factor: Triple;
}

/** The box and the voxels of it that carry a label: what a correction begins with. */
export function proposalOf(data: ArrayLike<number>, size: Triple, box: Box, label: number): PromptProposal {
  const [width, height, depth] = boxSize(box);
  const bits = new Uint8Array(width * height * depth);
  for (let k = 0, at = 0; k < depth; k++)
    for (let j = 0; j < height; j++) {
      const row = box.lower[0] + size[0] * (box.lower[1] + j + size[1] * (box.lower[2] + k));
      for (let i = 0; i < width; i++, at++) if (data[row + i] === label) bits[at] = 1;
    }
  return { box, bits, factor: [1, 1, 1] };
}

/** All voxels that carry a label; null where none does. */
export function proposalOfLabel(volume: LabelVolume, label: number): PromptProposal | null {
  const box = labelBox(volume, label);
  return box === null ? null : proposalOf(volume.data, volume.grid.size, box, label);
}

/** Calls `visit(i, j, k, length)` for every run of proposed voxels, in memory order. */
export function forEachProposed({ box, bits }: PromptProposal, visit: (i: number, j: number, k: number, length: number) => void): void {
  const [width] = boxSize(box);
  let at = 0;
  for (let k = box.lower[2]; k < box.upper[2]; k++)
    for (let j = box.lower[1]; j < box.upper[1]; j++, at += width)
      for (let i = 0; i < width; i++) {
        if (bits[at + i] !== 1) continue;
        const from = i;
        while (i < width && bits[at + i] === 1) i++;
        visit(box.lower[0] + from, j, k, i - from);
      }
}

/** Proposed voxels as 1 on the whole grid. */
export function placed(proposal: PromptProposal, grid: Grid): Uint8Array {
  const [ni, nj, nk] = grid.size;
  const out = new Uint8Array(ni * nj * nk);
  forEachProposed(proposal, (i, j, k, length) => {
    const at = i + ni * (j + nj * k);
    out.fill(1, at, at + length);
  });
  return out;
}

/** The bits of a proposal in a box that holds its own. */
export function inBox(proposal: PromptProposal, box: Box): Uint8Array {
  const size = boxSize(box);
  const bits = new Uint8Array(size[0] * size[1] * size[2]);
  forEachProposed(proposal, (i, j, k, length) => {
    const at = i - box.lower[0] + size[0] * (j - box.lower[1] + size[1] * (k - box.lower[2]));
    bits.fill(1, at, at + length);
  });
  return bits;
}

/** The first proposal, changed to the second one where `free` says so of the second one's voxels. */
export function patched(first: PromptProposal, second: PromptProposal, free: (at: number) => boolean): PromptProposal {
  const box = unionBox(first.box, second.box) as Box;
  const bits = inBox(first, box);
  let from = 0;
  forEachRow(
    boxSize(box),
    { lower: minus(second.box.lower, box.lower), upper: minus(second.box.upper, box.lower) },
    (at, _inBox, length) => {
      for (let i = 0; i < length; i++, from++) if (free(from)) bits[at + i] = second.bits[from] as number;
    },
  );
  return { box, bits, factor: second.factor };
}

const minus = (a: Triple, b: Triple): Triple => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

/** Whether most of each coarse voxel was proposed. */
export function onRegion({ box, bits }: PromptProposal, region: Region): Uint8Array {
  const [ni, nj, nk] = region.grid.size;
  const sums = new Uint16Array(ni * nj * nk);
  const [width, height] = boxSize(box);
  const [fi, fj, fk] = region.factor;
  const { lower, upper } = region.box;
  for (let k = Math.max(lower[2], box.lower[2]); k < Math.min(upper[2], box.upper[2]); k++)
    for (let j = Math.max(lower[1], box.lower[1]); j < Math.min(upper[1], box.upper[1]); j++) {
      const row = width * (j - box.lower[1] + height * (k - box.lower[2])) - box.lower[0];
      const to = ni * (Math.floor((j - lower[1]) / fj) + nj * Math.floor((k - lower[2]) / fk));
      for (let i = Math.max(lower[0], box.lower[0]); i < Math.min(upper[0], box.upper[0]); i++) {
        const coarse = to + Math.floor((i - lower[0]) / fi);
        if (bits[row + i] === 1) sums[coarse] = (sums[coarse] as number) + 1;
      }
    }
  const half = (fi * fj * fk) / 2;
  const held = new Uint8Array(sums.length);
  for (let at = 0; at < held.length; at++) if ((sums[at] as number) >= half) held[at] = 1;
  return held;
}
