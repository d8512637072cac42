import { describe, expect, it } from 'vitest';
import type { Grid, LpsPoint, Triple } from '#shared/geometry/grid.ts';
import { barredBy } from '#shared/prompts/accept.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { placed, proposalOf, type PromptProposal } from '#shared/prompts/proposal.ts';
import { propose, proposeNow } from '#shared/prompts/propose.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { dice, gridOf, phantom, type Ball } from './phantom.ts';

const click = (point: LpsPoint, positive = true): Prompt => ({ kind: 'click', point, positive });
const nothingBarred = barredBy(freePolicy, 1);
const voxelsOf = (proposal: PromptProposal | null, grid: Grid): Uint8Array =>
  proposal === null ? new Uint8Array(grid.size[0] * grid.size[1] * grid.size[2]) : placed(proposal, grid);
const emptyMask = (grid: Grid) => ({ grid, data: new Uint8Array(grid.size[0] * grid.size[1] * grid.size[2]) });
const indexOf = ({ size }: Grid, [i, j, k]: Triple): number => i + size[0] * (j + size[1] * k);

const cases: readonly { readonly name: string; readonly size: Triple; readonly spacing: Triple; readonly ball: Ball }[] = [
  { name: 'an even grid', size: [48, 48, 40], spacing: [1, 1, 1], ball: { centre: [24, 22, 20], radii: [11, 9, 8], value: 190 } },
  { name: 'thick slices', size: [64, 64, 12], spacing: [0.8, 0.8, 5], ball: { centre: [26, 24, 30], radii: [12, 10, 14], value: 190 } },
  {
    name: 'more voxels than a region has',
    size: [140, 120, 90],
    spacing: [0.7, 0.7, 0.7],
    ball: { centre: [48, 40, 30], radii: [32, 26, 20], value: 190 },
  },
  { name: 'a dark structure', size: [48, 48, 40], spacing: [1, 1, 1], ball: { centre: [24, 22, 20], radii: [11, 9, 8], value: 20 } },
];

describe('a click', () => {
  it.each(cases)('finds what stands out: $name', ({ size, spacing, ball }) => {
    const grid = gridOf(size, spacing);
    const { image, truth } = phantom(grid, [ball]);
    const found = proposeNow({ image, mask: emptyMask(grid) }, { prompts: [click(ball.centre)], before: null, barred: nothingBarred });
    expect(dice(voxelsOf(found, grid), truth(ball))).toBeGreaterThan(0.9);
  });

  it('finds a structure at the border of the image from its last voxel', () => {
    const grid = gridOf([48, 48, 40], [1, 1, 1]);
    const ball: Ball = { centre: [0, 22, 20], radii: [12, 10, 9], value: 190 };
    const { image, truth } = phantom(grid, [ball]);
    const found = proposeNow({ image, mask: emptyMask(grid) }, { prompts: [click([0, 22, 20])], before: null, barred: nothingBarred });
    expect(dice(voxelsOf(found, grid), truth(ball))).toBeGreaterThan(0.88);
  });

  it('proposes nothing outside the image, and nothing from what does not belong alone', () => {
    const grid = gridOf([24, 24, 24], [1, 1, 1]);
    const { image } = phantom(grid, []);
    const of = { image, mask: emptyMask(grid) };
    expect(proposeNow(of, { prompts: [click([40, 3, 3])], before: null, barred: nothingBarred })).toBeNull();
    expect(proposeNow(of, { prompts: [click([3, 3, 3], false)], before: null, barred: nothingBarred })).toBeNull();
  });

  it('gives the same twice', () => {
    const grid = gridOf([40, 40, 30], [1, 1, 2]);
    const { image } = phantom(grid, [{ centre: [20, 18, 30], radii: [9, 8, 12], value: 170 }]);
    const request = { prompts: [click([20, 18, 30]), click([4, 4, 4], false)], before: null, barred: nothingBarred };
    const both = [0, 1].map(() => proposeNow({ image, mask: emptyMask(grid) }, request));
    expect(both[0]?.bits).toEqual(both[1]?.bits);
  });

  it('ends where it is cancelled', () => {
    const grid = gridOf([40, 40, 30], [1, 1, 1]);
    const { image } = phantom(grid, [{ centre: [20, 18, 15], radii: [9, 8, 8], value: 170 }]);
    const cancellation = { aborted: false };
    const steps = propose(
      { image, mask: emptyMask(grid) },
      { prompts: [click([20, 18, 15])], before: null, barred: nothingBarred },
      undefined,
      cancellation,
    );
    steps.next();
    cancellation.aborted = true;
    expect(() => [...steps]).toThrow(expect.objectContaining({ code: 'cancelled' }));
  });
});

describe('a further prompt', () => {
  const grid = gridOf([64, 48, 40], [1, 1, 1]);
  const balls: readonly Ball[] = [
    { centre: [20, 24, 20], radii: [10, 9, 9], value: 190 },
    { centre: [41, 24, 20], radii: [12, 9, 9], value: 190 },
  ];
  const { image, truth } = phantom(grid, balls);
  const of = { image, mask: emptyMask(grid) };
  const [one, other] = balls.map((ball) => truth(ball)) as [Uint8Array, Uint8Array];

  it('is not needed where a neighbour of the same intensity touches it at a narrow place', () => {
    const found = proposeNow(of, { prompts: [click([20, 24, 20])], before: null, barred: nothingBarred });
    expect(dice(voxelsOf(found, grid), one)).toBeGreaterThan(0.85);
  });

  it('takes away a neighbour of the same intensity that touches it, and nothing comes', () => {
    const both = Uint8Array.from(one, (value, at) => value | (other[at] as number));
    const before = proposalOf(both, grid.size, { lower: [0, 0, 0], upper: grid.size }, 1);
    const after = proposeNow(of, { prompts: [click([20, 24, 20]), click([41, 24, 20], false)], before, barred: nothingBarred });
    expect(dice(voxelsOf(after, grid), one)).toBeGreaterThan(0.85);
    const [was, is] = [voxelsOf(before, grid), voxelsOf(after, grid)];
    expect(is.some((value, at) => value === 1 && was[at] === 0)).toBe(false);
  });

  it('adds what is apart, and takes nothing', () => {
    const apart = phantom(grid, [
      { ...(balls[0] as Ball), centre: [14, 24, 20] },
      { ...(balls[1] as Ball), centre: [48, 24, 20] },
    ]);
    const own = { image: apart.image, mask: emptyMask(grid) };
    const before = proposeNow(own, { prompts: [click([14, 24, 20])], before: null, barred: nothingBarred }) as PromptProposal;
    const after = proposeNow(own, { prompts: [click([14, 24, 20]), click([48, 24, 20])], before, barred: nothingBarred });
    const [was, is] = [voxelsOf(before, grid), voxelsOf(after, grid)];
    expect(was.some((value, at) => value === 1 && is[at] === 0)).toBe(false);
    expect(is[indexOf(grid, [48, 24, 20])]).toBe(1);
    expect(is.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(1.7 * was.reduce((sum, value) => sum + value, 0));
  });

  it('mends a label that a model drew too large', () => {
    const drawn = { grid, data: Uint8Array.from(one, (value, at) => (value === 1 || other[at] === 1 ? 3 : 0)) };
    const before = proposalOf(drawn.data, grid.size, { lower: [0, 0, 0], upper: grid.size }, 3);
    const after = proposeNow({ image, mask: drawn }, { prompts: [click([41, 24, 20], false)], before, barred: barredBy(freePolicy, 3) });
    const [was, is] = [voxelsOf(before, grid), voxelsOf(after, grid)];
    expect(is[indexOf(grid, [41, 24, 20])]).toBe(0);
    expect(dice(is, one)).toBeGreaterThan(dice(was, one) + 0.05);
    expect(dice(is, one)).toBeGreaterThan(0.7);
  });
});

describe('what is drawn', () => {
  const grid = gridOf([48, 48, 40], [1, 1, 1]);
  const ball: Ball = { centre: [24, 22, 20], radii: [11, 9, 8], value: 150 };
  const { image, truth } = phantom(grid, [ball]);
  const square = (reach: Triple): LpsPoint[] =>
    [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ].map(([x, y]) => [24 + (x as number) * reach[0], 22 + (y as number) * reach[1], 20]);
  const shapes: readonly Prompt[] = [
    { kind: 'scribble', positive: true, points: [[18, 22, 20], [24, 20, 20], [30, 23, 20]] }, // prettier-ignore
    { kind: 'box', positive: true, normal: [0, 0, 1], points: square([13, 11, 0]) },
    { kind: 'lasso', positive: true, normal: [0, 0, 1], points: square([7.8, 6.4, 0]) },
  ];
  it.each(shapes)('a $kind holds the structure', (prompt) => {
    const found = proposeNow({ image, mask: emptyMask(grid) }, { prompts: [prompt], before: null, barred: nothingBarred });
    expect(dice(voxelsOf(found, grid), truth(ball))).toBeGreaterThan(0.8);
  });

  it('what must not be taken is not proposed', () => {
    const mask = { grid, data: truth({ ...ball, centre: [30, 22, 20] }).map((value) => value * 2) };
    const barred = barredBy({ overwrite: 'all', locked: [2] }, 1);
    const found = proposeNow({ image, mask }, { prompts: [click([16, 22, 20])], before: null, barred });
    const voxels = voxelsOf(found, grid);
    expect(voxels.some((value, at) => value === 1 && mask.data[at] === 2)).toBe(false);
    expect(voxels[indexOf(grid, [16, 22, 20])]).toBe(1);
  });
});
