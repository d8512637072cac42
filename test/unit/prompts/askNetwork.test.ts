import { describe, expect, it } from 'vitest';
import { applyAffine, composeAffine } from '#shared/geometry/affine.ts';
import type { Grid, LpsPoint, Triple } from '#shared/geometry/grid.ts';
import { barredBy } from '#shared/prompts/accept.ts';
import { askNetwork, type AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { networkInput, promptChannels } from '#shared/prompts/networkInput.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { placed, proposalOf } from '#shared/prompts/proposal.ts';
import { proposalFrom, reachesOut, seen, seenProposal, viewAround } from '#shared/prompts/view.ts';
import { freePolicy, wholeBox } from '#shared/segmentation/index.ts';
import { dice, gridOf, phantom, type Ball } from './phantom.ts';

const grid = gridOf([48, 44, 20], [1, 1, 2.5]);
const ball: Ball = { centre: [24, 20, 25], radii: [12, 10, 12], value: 200 };
const { image, truth } = phantom(grid, [ball], 3);
const inside = truth(ball);
const empty = { grid, data: new Uint8Array(inside.length) };
const nothing = barredBy(freePolicy, 1);

/** Says of a voxel that it is meant where it is bright: a network that has learned nothing but that. */
const bright = (side: number): AskedNetwork & { asked: number } => {
  const network = {
    side,
    asked: 0,
    answer: (input: Float32Array) => {
      network.asked++;
      return Promise.resolve(input.slice(0, side ** 3).map((value) => (value > 0 ? 0.9 : 0.1)));
    },
  };
  return network;
};
const click = (point: LpsPoint, positive = true): Prompt => ({ kind: 'click', positive, point });

describe('a view of an image', () => {
  it('shows the image at its own places, whatever its voxels and its orientation', () => {
    const oblique: Grid = { size: grid.size, affine: composeAffine([0, 1, 0, 5, -1, 0, 0, 7, 0, 0, 1, -3], grid.affine) };
    const place = (at: number): Triple => [at % 48, Math.floor(at / 48) % 44, Math.floor(at / (48 * 44))];
    const ramp = Float32Array.from({ length: inside.length }, (_, at) => applyAffine(oblique.affine, place(at))[2]);
    const view = viewAround(oblique, { lower: [12, 12, 5], upper: [36, 32, 15] }, 16, 1.2);
    const values = seen(view, ramp, oblique.size);
    for (const at of [0, 700, 2050, 4095]) {
      const world = applyAffine(view.grid.affine, [at % 16, Math.floor(at / 16) % 16, Math.floor(at / 256)]);
      // Means of every third of a voxel's width are not exactly its middle.
      expect(Math.abs((values[at] as number) - world[2])).toBeLessThan(1);
    }
  });

  it('brings a proposal to the cube and back, and leaves out what is barred', () => {
    const box = wholeBox(grid.size);
    const view = viewAround(grid, { lower: [10, 8, 4], upper: [38, 32, 16] }, 32, 1.4);
    const cube = seenProposal(view, proposalOf(inside, grid.size, box, 1), grid.size);
    const back = proposalFrom(view, Float32Array.from(cube), empty, nothing);
    expect(dice(placed(back ?? { box, bits: new Uint8Array(), factor: [1, 1, 1] }, grid), inside)).toBeGreaterThan(0.93);
    const locked = { grid, data: inside.map((value, at) => (value === 1 && at % 2 === 0 ? 7 : 0)) };
    const rest = proposalFrom(view, Float32Array.from(cube), locked, barredBy({ ...freePolicy, locked: [7] }, 1));
    const taken = placed(rest ?? { box, bits: new Uint8Array(), factor: [1, 1, 1] }, grid);
    expect(taken.some((value, at) => value === 1 && locked.data[at] === 7)).toBe(false);
    expect(taken.includes(1)).toBe(true);
  });

  it('knows whether an answer goes on beyond it', () => {
    const view = viewAround(grid, { lower: [20, 18, 8], upper: [28, 24, 12] }, 16, 1);
    const full = new Float32Array(16 ** 3).fill(1);
    expect(reachesOut(view, full, grid.size)).toBe(true);
    expect(reachesOut(viewAround(grid, wholeBox(grid.size), 16, 1.2), full, grid.size)).toBe(false);
  });
});

describe('asking a network', () => {
  const request = (prompts: readonly Prompt[]) => ({ prompts, before: null, barred: nothing });

  it('looks further until the structure fits, and once more from near', async () => {
    const network = bright(16);
    const found = await askNetwork({ image, mask: empty }, request([click([24, 20, 25])]), network);
    expect(found === null ? 0 : dice(placed(found, grid), inside)).toBeGreaterThan(0.85);
    expect(network.asked).toBeGreaterThan(1);
  });

  it('keeps the part that was pointed at, and nothing where no prompt lies in the image', async () => {
    const other: Ball = { centre: [42, 38, 42], radii: [4, 4, 5], value: 200 };
    const two = phantom(grid, [ball, other], 3);
    const found = await askNetwork({ image: two.image, mask: empty }, request([click([24, 20, 25])]), bright(32));
    expect(placed(found ?? { box: wholeBox(grid.size), bits: new Uint8Array(), factor: [1, 1, 1] }, grid)[42 + 48 * (38 + 44 * 17)]).toBe(
      0,
    );
    expect(await askNetwork({ image, mask: empty }, request([click([-400, 0, 0])]), bright(16))).toBeNull();
  });

  it('tells positive from negative prompts, and what is proposed, in channels of their own', () => {
    const cube = gridOf([8, 8, 8], [1, 1, 1]);
    const values = Float32Array.from({ length: 512 }, (_, at) => at % 8);
    const before = new Uint8Array(512).fill(1, 0, 64);
    const input = networkInput(values, cube, [click([2, 3, 4]), click([6, 3, 4], false)], before);
    const at = (channel: (typeof promptChannels)[number], i: number, j: number, k: number): number =>
      input[512 * promptChannels.indexOf(channel) + i + 8 * (j + 8 * k)] as number;
    expect(at('positive prompts', 2, 3, 4)).toBe(1);
    expect(at('negative prompts', 6, 3, 4)).toBe(1);
    expect(at('positive prompts', 6, 3, 4)).toBeLessThan(at('positive prompts', 3, 3, 4));
    expect([at('proposal', 1, 1, 0), at('proposal', 1, 1, 1)]).toEqual([1, 0]);
    expect(at('ways', 2, 3, 4)).toBeGreaterThan(at('ways', 6, 3, 4));
  });
});
