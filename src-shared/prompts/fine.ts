import type { LabelVolume, Triple } from '../geometry/grid.ts';
import { boxSize, type Box } from '../segmentation/box.ts';
import type { PromptProposal } from './proposal.ts';
import type { Region } from './region.ts';

/** What was found on a region. */
export interface Found {
  readonly region: Region;
  /** 0 … 1 of each coarse voxel, and 1 for those that belong. */
  readonly chance: Float32Array;
  readonly inside: Uint8Array;
  /** 1 for coarse voxels that the answer is about. */
  readonly about: Uint8Array;
}

/** A proposal, and 1 for those of its voxels that the answer is about. */
export interface Fine {
  readonly proposal: PromptProposal;
  readonly about: Uint8Array;
}

/**
 * Brings the answer to the image's own voxels: trilinear between coarse ones where there are several to one. Voxels of barred labels do
 * not belong. Null where the answer is about nothing.
 */
export function fine({ region, chance, inside, about }: Found, mask: LabelVolume, barred: Uint8Array): Fine | null {
  const { factor, grid } = region;
  const coarse = boxOf(about, grid.size);
  if (coarse === null) return null;
  const fineOf = (index: number, axis: 0 | 1 | 2): number =>
    Math.min(region.box.upper[axis], region.box.lower[axis] + index * factor[axis]);
  const box: Box = {
    lower: [fineOf(coarse.lower[0], 0), fineOf(coarse.lower[1], 1), fineOf(coarse.lower[2], 2)],
    upper: [fineOf(coarse.upper[0], 0), fineOf(coarse.upper[1], 1), fineOf(coarse.upper[2], 2)],
  };
  const [width, height, depth] = boxSize(box);
  const bits = new Uint8Array(width * height * depth);
  const asked = new Uint8Array(bits.length);
  const [ni, nj, nk] = grid.size;
  const sure = chance.map((value, at) => (inside[at] === 1 ? Math.max(0.51, value) : Math.min(0.49, value)));
  const [x, y, z] = ([0, 1, 2] as const).map((axis) => placesOf(boxSize(box)[axis], factor[axis], coarse.lower[axis], grid.size[axis])) as [
    Places,
    Places,
    Places,
  ];
  const [down, up] = [nj > 1 ? ni : 0, nk > 1 ? ni * nj : 0];
  // Between coarse rows first, so that each voxel lies between two numbers.
  const between = new Float64Array(ni + 1);
  for (let k = 0, at = 0; k < depth; k++) {
    const c = z.share[k] as number;
    for (let j = 0; j < height; j++) {
      const b = y.share[j] as number;
      const row = ni * ((y.from[j] as number) + nj * (z.from[k] as number));
      for (let i = 0; i < ni; i++) {
        const n = row + i;
        const low = mix(sure[n], sure[n + down], b);
        between[i] = low + (mix(sure[n + up], sure[n + up + down], b) - low) * c;
      }
      between[ni] = between[ni - 1] as number;
      const own = ni * ((y.own[j] as number) + nj * (z.own[k] as number));
      const inMask = box.lower[0] + mask.grid.size[0] * (box.lower[1] + j + mask.grid.size[1] * (box.lower[2] + k));
      for (let i = 0; i < width; i++, at++) {
        if (about[own + (x.own[i] as number)] !== 1) continue;
        asked[at] = 1;
        if (barred[mask.data[inMask + i] as number] === 1) continue;
        const n = x.from[i] as number;
        if (mix(between[n], between[n + 1], x.share[i] as number) > 0.5) bits[at] = 1;
      }
    }
  }
  return { proposal: { box, bits, factor }, about: asked };
}

/** The box of the ones; null where there is none. */
function boxOf(mask: Uint8Array, [ni, nj, nk]: Triple): Box | null {
  const lower: [number, number, number] = [ni, nj, nk];
  const upper: [number, number, number] = [0, 0, 0];
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++) {
        if (mask[at] !== 1) continue;
        if (i < lower[0]) lower[0] = i;
        if (j < lower[1]) lower[1] = j;
        if (k < lower[2]) lower[2] = k;
        if (i >= upper[0]) upper[0] = i + 1;
        if (j >= upper[1]) upper[1] = j + 1;
        if (k >= upper[2]) upper[2] = k + 1;
      }
  return upper[0] === 0 ? null : { lower, upper };
}

/** For each voxel along an axis: the coarse one that holds it, the lower of the two about it, and how far it is on the way to the upper one. */
interface Places {
  readonly own: Int32Array;
  readonly from: Int32Array;
  readonly share: Float32Array;
}

function placesOf(count: number, factor: number, first: number, coarse: number): Places {
  const [own, from, share] = [new Int32Array(count), new Int32Array(count), new Float32Array(count)];
  for (let n = 0; n < count; n++) {
    const place = Math.min(coarse - 1, Math.max(0, first + (n + 0.5) / factor - 0.5));
    own[n] = first + Math.floor(n / factor);
    from[n] = Math.min(Math.floor(place), Math.max(0, coarse - 2));
    share[n] = place - (from[n] as number);
  }
  return { own, from, share };
}

const mix = (a: number | undefined, b: number | undefined, share: number): number =>
  (a as number) + ((b as number) - (a as number)) * share;
