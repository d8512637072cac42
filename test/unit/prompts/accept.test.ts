import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { acceptProposal, barredBy } from '#shared/prompts/accept.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { proposalOf, type PromptProposal } from '#shared/prompts/proposal.ts';
import { proposeNow } from '#shared/prompts/propose.ts';
import { SegmentationDocument, type EditPolicy } from '#shared/segmentation/index.ts';
import { gridOf, phantom } from './phantom.ts';

const size: Triple = [11, 10, 6];
const voxels = 11 * 10 * 6;
const grid = gridOf(size, [1, 1, 2.5]);
const { image } = phantom(grid, [
  { centre: [5, 5, 7], radii: [4, 4, 5], value: 180 },
  { centre: [9, 8, 8], radii: [3, 3, 4], value: 30 },
]);

const point = fc.tuple(fc.integer({ min: -3, max: 15 }), fc.integer({ min: -3, max: 14 }), fc.integer({ min: -3, max: 18 }));
const prompt: fc.Arbitrary<Prompt> = fc.oneof(
  fc.record({ kind: fc.constant('click' as const), positive: fc.boolean(), point }),
  fc.record({ kind: fc.constant('scribble' as const), positive: fc.boolean(), points: fc.array(point, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    kind: fc.constantFrom('box' as const, 'lasso' as const),
    positive: fc.boolean(),
    points: fc.array(point, { minLength: 3, maxLength: 4 }),
    normal: fc.constantFrom<Triple>([0, 0, 1], [0, 1, 0], [1, 0, 0], [0.6, 0, 0.8]),
  }),
);
const sequence = fc.record({
  mask: fc.uint8Array({ minLength: voxels, maxLength: voxels, max: 4 }),
  prompts: fc.array(prompt, { minLength: 1, maxLength: 3 }),
  locked: fc.subarray([1, 2, 3, 4]),
  overwrite: fc.constantFrom('all' as const, 'background' as const),
  corrects: fc.boolean(),
});

describe('a proposal that is accepted', () => {
  it('keeps every locked voxel, keeps to what is painted over, and is undone bit for bit: 1,000 random sequences', () => {
    fc.assert(
      fc.property(sequence, ({ mask, prompts, locked, overwrite, corrects }) => {
        const policy: EditPolicy = { overwrite, locked };
        const volume = { grid, data: mask.slice() };
        const label = 1;
        const base = corrects ? proposalOf(volume.data, size, { lower: [0, 0, 0], upper: size }, label) : null;
        let before: PromptProposal | null = null;
        for (let n = 1; n <= prompts.length; n++)
          before =
            proposeNow(
              { image, mask: volume },
              { prompts: prompts.slice(0, n), before: before ?? base, barred: barredBy(policy, label) },
            ) ?? before;
        expect(volume.data).toEqual(mask);
        if (before === null) return;
        const document = new SegmentationDocument(volume);
        document.push('Point', acceptProposal({ volume, policy }, before, base, label));
        for (let at = 0; at < mask.length; at++) {
          const was = mask[at] as number;
          const is = volume.data[at] as number;
          if (is === was) continue;
          expect(locked).not.toContain(was);
          expect(is === label || (is === 0 && was === label && corrects)).toBe(true);
          if (overwrite === 'background') expect([0, label]).toContain(was);
        }
        document.undo();
        expect(volume.data).toEqual(mask);
      }),
      { numRuns: 1000, seed: 17 },
    );
  }, 300_000);

  it('of a locked label changes nothing', () => {
    const volume = { grid, data: new Uint8Array(voxels).fill(1, 0, 300) };
    const proposal = { box: { lower: [0, 0, 0] as Triple, upper: size }, bits: new Uint8Array(voxels), factor: [1, 1, 1] as Triple };
    const base = proposalOf(volume.data, size, proposal.box, 1);
    expect(acceptProposal({ volume, policy: { overwrite: 'all', locked: [1] } }, proposal, base, 1).changed).toBe(0);
    expect(acceptProposal({ volume, policy: { overwrite: 'background', locked: [] } }, proposal, base, 1).changed).toBe(300);
  });
});
