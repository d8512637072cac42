import { describe, expect, it } from 'vitest';
import type { Grid } from '#shared/geometry/grid.ts';
import { barredBy } from '#shared/prompts/accept.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { placed, type PromptProposal } from '#shared/prompts/proposal.ts';
import { proposeNow } from '#shared/prompts/propose.ts';
import { sharpen } from '#shared/prompts/sharpen.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { dice, gridOf, phantom, type Ball } from './phantom.ts';

const grid: Grid = gridOf([150, 130, 80], [0.7, 0.7, 0.9]);
const ball: Ball = { centre: [52, 45, 36], radii: [36, 30, 26], value: 190 };
const { image, truth } = phantom(grid, [ball]);
const mask = { grid, data: new Uint8Array(150 * 130 * 80) };
const prompts: readonly Prompt[] = [{ kind: 'click', positive: true, point: ball.centre }];
const barred = barredBy(freePolicy, 1);

function sharp(of: PromptProposal, given = prompts, own = { image, mask }, bars = barred): PromptProposal {
  const steps = sharpen(own, of, given, bars);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

describe('a proposal of coarse voxels', () => {
  const coarse = proposeNow({ image, mask }, { prompts, before: null, barred }) as PromptProposal;

  it('is drawn again along its border at the image’s own', () => {
    expect(Math.max(...coarse.factor)).toBeGreaterThan(1);
    const fine = sharp(coarse);
    const right = truth(ball);
    expect(dice(placed(fine, grid), right)).toBeGreaterThan(dice(placed(coarse, grid), right));
    expect(dice(placed(fine, grid), right)).toBeGreaterThan(0.97);
    expect(sharp(fine)).toBe(fine);
  });

  it('keeps what was pointed at, and takes no voxel of a barred label', () => {
    const border: Prompt = { kind: 'click', positive: false, point: [52 + 34.3, 45, 36] };
    const at = Math.round(86.3 / 0.7) + 150 * (Math.round(45 / 0.7) + 130 * 40);
    const held = placed(coarse, grid)[at];
    expect(placed(sharp(coarse, [...prompts, border]), grid)[at]).toBe(held);
    const taken = { grid, data: mask.data.slice() };
    taken.data.fill(2, 150 * 130 * 40, 150 * 130 * 41);
    const fine = sharp(coarse, prompts, { image, mask: taken }, barredBy({ overwrite: 'all', locked: [2] }, 1));
    expect(placed(fine, grid).some((value, voxel) => value === 1 && taken.data[voxel] === 2)).toBe(false);
  });
});
