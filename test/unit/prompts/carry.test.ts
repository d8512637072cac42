import { describe, expect, it } from 'vitest';
import { composeAffine } from '#shared/geometry/affine.ts';
import type { Affine, Grid, LabelVolume, Triple } from '#shared/geometry/grid.ts';
import { alignedBasis, orientations, rotatedBasis } from '#shared/geometry/viewPlane.ts';
import { acceptProposal, barredBy } from '#shared/prompts/accept.ts';
import { askSlice } from '#shared/prompts/askSlice.ts';
import { carryNow, type Carried, type CarryRequest } from '#shared/prompts/carry.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { placed, type PromptProposal } from '#shared/prompts/proposal.ts';
import { cutBy, forEachCut, slicesOn, type SlicePlane } from '#shared/prompts/slab.ts';
import { freePolicy, type EditPolicy } from '#shared/segmentation/index.ts';
import { dice, gridOf, phantom, type Ball } from './phantom.ts';

const grid = gridOf([64, 60, 30], [1, 1, 2.5]);
const ball: Ball = { centre: [30, 28, 36], radii: [16, 13, 20], value: 190 };
const { image, truth } = phantom(grid, [ball], 4);
const whole = truth(ball);
const middle: Triple = [30, 28, 36];

/** What a plane runs through of a mask, 1 or 0 everywhere else. */
function cutOf(of: Grid, plane: SlicePlane, data: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(data.length);
  forEachCut(of, plane, (at) => {
    out[at] = data[at] as number;
  });
  return out;
}

const request = (plane: SlicePlane, direction: 1 | -1 = 1, policy: EditPolicy = freePolicy): CarryRequest => ({
  plane,
  direction,
  label: 1,
  inner: [],
  barred: barredBy(policy, 1),
});

function found(carried: Carried): { readonly proposal: PromptProposal; readonly base: PromptProposal | null } {
  if (carried.kind !== 'found') throw new Error(carried.kind);
  return carried;
}

const axial = (of: Grid): SlicePlane => ({ ...alignedBasis(of.affine, 'axial'), center: middle });

describe('a slice that goes on into the next one', () => {
  const turned: Affine = composeAffine([0, -1, 0, 60, 0, 0, 1, 0, -1, 0, 0, 60, ], grid.affine); // prettier-ignore
  const planes: readonly (readonly [string, Grid, SlicePlane])[] = [
    ...orientations.map((each) => [each, grid, { ...alignedBasis(grid.affine, each), center: middle }] as const),
    ['an oblique plane', grid, { ...rotatedBasis(alignedBasis(grid.affine, 'axial'), [1, 0, 0], 0.5), center: middle }],
    ['an image of other axes', { ...grid, affine: turned }, { ...alignedBasis(turned, 'coronal'), center: [32, 36, 30] }],
  ];
  it.each(planes)('is near the truth there, in both directions, and nowhere else: %s', (_, own, plane) => {
    for (const direction of [1, -1] as const) {
      const mask: LabelVolume = { grid: own, data: cutOf(own, plane, whole) };
      const { proposal, base } = found(carryNow({ image: { ...image, grid: own }, mask }, request(plane, direction)));
      const next = slicesOn(own, plane, direction);
      const voxels = placed(proposal, own);
      const [isKnown, isNext] = [cutBy(own, plane), cutBy(own, next)];
      voxels.forEach((value, at) => {
        const place = [at % 64, Math.floor(at / 64) % 60, Math.floor(at / (64 * 60))] as const;
        if (value === 1 && (isKnown(...place) || !isNext(...place))) throw new Error(`outside the next slice: ${String(place)}`);
      });
      const wanted = cutOf(own, next, whole).map((value, at) => (mask.data[at] === 1 ? 0 : value));
      expect(dice(voxels, wanted)).toBeGreaterThan(0.93);
      expect(base).toBeNull();
    }
  });

  it('goes on to the end of the structure, and stops there', () => {
    const mask = { grid, data: cutOf(grid, axial(grid), whole) };
    let plane = axial(grid);
    let slices = 0;
    for (;;) {
      const carried = carryNow({ image, mask }, request(plane));
      if (carried.kind !== 'found') {
        expect(carried.kind).toBe('nothing');
        break;
      }
      acceptProposal({ volume: mask, policy: freePolicy }, carried.proposal, carried.base, 1);
      plane = slicesOn(grid, plane, 1);
      slices++;
    }
    // Its last slices are caps of a few voxels.
    expect(Math.abs(slices - 8)).toBeLessThanOrEqual(1);
    const half = whole.map((value, at) => (Math.floor(at / (64 * 60)) >= Math.round(36 / 2.5) ? value : 0));
    expect(dice(mask.data, half)).toBeGreaterThan(0.93);
  });

  it('ends with the image, and begins with nothing where the label is not in the slice', () => {
    const last: SlicePlane = { ...axial(grid), center: [30, 28, 29 * 2.5] };
    const mask = { grid, data: new Uint8Array(whole.length) };
    expect(carryNow({ image, mask }, request(last))).toEqual({ kind: 'empty' });
    mask.data.fill(1, 64 * 60 * 29 + 64 * 30 + 20, 64 * 60 * 29 + 64 * 30 + 30);
    const up = last.normal[2] > 0 ? 1 : -1;
    expect(carryNow({ image, mask }, request(last, up))).toEqual({ kind: 'image ends' });
  });

  it('takes the place of what the label is there, but not of what lies apart', () => {
    const plane = axial(grid);
    const next = slicesOn(grid, plane, 1);
    const wrong = truth({ ...ball, centre: [36, 28, 36] });
    const mask = { grid, data: cutOf(grid, plane, whole) };
    const there = cutOf(grid, next, wrong);
    forEachCut(grid, next, (at, i, j) => {
      if (there[at] === 1 || (i < 6 && j < 6)) mask.data[at] = 1;
    });
    const { proposal, base } = found(carryNow({ image, mask }, request(plane)));
    expect(base === null ? null : placed(base, grid)).toEqual(there);
    acceptProposal({ volume: mask, policy: freePolicy }, proposal, base, 1);
    const after = cutOf(grid, next, mask.data);
    expect(dice(after.map((value, at) => (at % 64 < 6 ? 0 : value)), cutOf(grid, next, whole))).toBeGreaterThan(0.93); // prettier-ignore
    forEachCut(grid, next, (at, i, j) => {
      if (i < 6 && j < 6) expect(after[at]).toBe(1);
    });
  });

  it('leaves what is locked, knows what lies inside, and is the same twice', () => {
    const plane = axial(grid);
    const next = slicesOn(grid, plane, 1);
    const data = cutOf(grid, plane, whole).map((value, at) => (value === 1 && at % 64 > 34 ? 3 : value));
    forEachCut(grid, next, (at, i) => {
      if (i < 24) data[at] = 2;
    });
    const mask = { grid, data };
    const policy: EditPolicy = { overwrite: 'all', locked: [2], inside: [{ value: 3, outer: 1 }] };
    const own = { ...request(plane, 1, policy), inner: [3] };
    const { proposal } = found(carryNow({ image, mask }, own));
    const voxels = placed(proposal, grid);
    expect(voxels.some((value, at) => value === 1 && data[at] === 2)).toBe(false);
    const free = cutOf(grid, next, whole).map((value, at) => (at % 64 < 24 ? 0 : value));
    expect(dice(voxels, free)).toBeGreaterThan(0.93);
    expect(found(carryNow({ image, mask }, own)).proposal).toEqual(proposal);
  });

  it('works on coarser pixels where a slice is large, and draws the image’s own', () => {
    const wide = gridOf([400, 360, 6], [0.7, 0.7, 5]);
    const large: Ball = { centre: [140, 126, 10], radii: [120, 105, 40], value: 170 };
    const made = phantom(wide, [large], 2);
    const plane: SlicePlane = { ...alignedBasis(wide.affine, 'axial'), center: [140, 126, 10] };
    const mask = { grid: wide, data: cutOf(wide, plane, made.truth(large)) };
    const { proposal } = found(carryNow({ image: made.image, mask }, request(plane)));
    expect(dice(placed(proposal, wide), cutOf(wide, slicesOn(wide, plane, 1), made.truth(large)))).toBeGreaterThan(0.97);
  });
});

describe('a prompt network that is asked what goes on from a slice', () => {
  it('is told the slice in the channels of the prompts, and what it says counts', async () => {
    const side = 16;
    const plane = axial(grid);
    const mask = { grid, data: cutOf(grid, plane, whole) };
    let input: Float32Array = new Float32Array();
    const network = (chance: number) => ({
      side,
      answer: (asked: Float32Array) => {
        input = asked;
        return Promise.resolve(new Float32Array(side ** 3).fill(chance));
      },
    });
    const sizeWith = async (chance: number): Promise<number> => {
      const opinion = await askSlice({ image, mask }, request(plane), network(chance));
      return placed(found(carryNow({ image, mask }, { ...request(plane), opinion })).proposal, grid).filter((value) => value === 1).length;
    };
    expect(await sizeWith(0.95)).toBeGreaterThan(await sizeWith(0.05));
    const channel = (name: (typeof promptChannels)[number]): Float32Array => {
      const at = promptChannels.indexOf(name) * side ** 3;
      return input.subarray(at, at + side ** 3);
    };
    const known = channel('positive prompts').filter((value) => value === 1).length;
    const against = channel('negative prompts').filter((value) => value === 1).length;
    expect([known + against, channel('proposal').some((value) => value !== 0)]).toEqual([side * side, false]);
    expect(known / (side * side)).toBeGreaterThan(0.15);
    expect(await askSlice({ image, mask: { grid, data: new Uint8Array(whole.length) } }, request(plane), network(1))).toBeNull();
  });
});
