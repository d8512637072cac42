import { describe, expect, it } from 'vitest';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { acceptProposal } from '#shared/prompts/accept.ts';
import { copyPrediction, erasingPolicy, paint, policyOf, runOperation, type EditPolicy } from '#shared/segmentation/index.ts';
import { gridOf } from '#test/support/studio.ts';

const labels = labelSetFrom([
  { value: 1, name: 'Liver' },
  { value: 2, name: 'Tumour', inside: 1 },
  { value: 3, name: 'Necrosis', inside: 2 },
  { value: 4, name: 'Spleen' },
]);
const free = policyOf(labels);
const row = (values: readonly number[]): LabelVolume => ({ grid: gridOf([values.length, 1, 1], [1, 1, 1]), data: Uint8Array.from(values) });
const everything = { kind: 'everything' } as const;
function painted(values: readonly number[], label: number, policy: EditPolicy = free): number[] {
  const volume = row(values);
  paint({ volume, policy }, everything, label);
  return [...volume.data];
}

describe('editing labels that lie inside others', () => {
  it('paints the outer one around the inner ones, and the inner ones over the outer', () => {
    expect(painted([0, 1, 2, 3, 4], 1)).toEqual([1, 1, 2, 3, 1]);
    expect(painted([0, 1, 2, 3, 4], 2)).toEqual([2, 2, 2, 3, 2]);
    expect(painted([0, 1, 2, 3, 4], 4)).toEqual([4, 4, 4, 4, 4]);
  });

  it('erases an inner one into what it lies in, with all inside it, and leaves everything else', () => {
    expect(painted([0, 1, 2, 3, 4], 0, erasingPolicy(free, 2))).toEqual([0, 1, 1, 1, 4]);
    expect(painted([0, 1, 2, 3, 4], 0, erasingPolicy(free, 3))).toEqual([0, 1, 2, 2, 4]);
    expect(painted([0, 1, 2, 3, 4], 0, erasingPolicy(free, 1))).toEqual([0, 0, 0, 0, 0]);
  });

  it('holds locks, also of what lies inside', () => {
    const locked = policyOf({ labels: labels.labels.map((label) => ({ ...label, locked: label.value === 3 })) });
    expect(painted([1, 2, 3], 0, erasingPolicy(locked, 2))).toEqual([1, 1, 3]);
  });

  it('tools on a whole label give what they take away to the outer one', () => {
    const volume = row([2, 1, 1, 2, 2, 2]);
    runOperation({ volume, policy: free }, { kind: 'keepLargest', label: 2 });
    expect([...volume.data]).toEqual([1, 1, 1, 2, 2, 2]);
    runOperation({ volume, policy: free }, { kind: 'boolean', label: 2, operator: 'clear' });
    expect([...volume.data]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('a mask that is taken over is taken as it is', () => {
    const volume = row([2, 2, 0]);
    copyPrediction({ volume, policy: free }, row([1, 2, 2]), { replace: true });
    expect([...volume.data]).toEqual([1, 2, 2]);
  });

  it('what is pointed out does not take what lies inside', () => {
    const volume = row([0, 2, 0]);
    const box = { lower: [0, 0, 0], upper: [3, 1, 1] } as const;
    const proposal = { box, bits: Uint8Array.from([1, 1, 1]), factor: [1, 1, 1] as const };
    acceptProposal({ volume, policy: free }, proposal, null, 1);
    expect([...volume.data]).toEqual([1, 2, 1]);
  });
});
