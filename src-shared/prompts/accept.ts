import { unionBox, type Box } from '../segmentation/box.ts';
import type { Delta } from '../segmentation/delta.ts';
import { checkLabel, edit, erasingPolicy, innerOf, type EditPolicy, type EditTarget } from '../segmentation/editor.ts';
import { forEachRow } from '../segmentation/selection.ts';
import { inBox, type PromptProposal } from './proposal.ts';

/** By label value, 1 for those whose voxels a proposal for `label` may not take: locked ones, those inside it, and all others where background alone is painted over. */
export function barredBy(policy: EditPolicy, label: number): Uint8Array {
  const barred = new Uint8Array(0x1_0000);
  if (policy.overwrite !== 'all') {
    barred.fill(1, 1);
    if (policy.overwrite !== 'background') for (const value of policy.overwrite) barred[value] = 0;
  }
  for (const value of policy.locked) barred[value] = 1;
  for (const value of innerOf(label, policy.inside ?? [])) barred[value] = 1;
  barred[label] = policy.locked.includes(label) ? 1 : 0;
  return barred;
}

/**
 * Puts a proposal into a label: proposed voxels become it, and voxels of `base`, what was to be corrected, that are not proposed any more
 * stop being it. Locks, what is painted over and the target's threshold hold.
 */
export function acceptProposal(target: EditTarget, proposal: PromptProposal, base: PromptProposal | null, label: number): Delta {
  checkLabel(target.volume, label);
  const barred = barredBy(target.policy, label);
  const { data, grid } = target.volume;
  const box = unionBox(proposal.box, base?.box ?? null) as Box;
  const wanted = inBox(proposal, box);
  const before = base === null ? null : inBox(base, box);
  // Erasing replaces the label itself, whatever may be painted over; the table says what may not be taken.
  return edit({ ...target, policy: { ...erasingPolicy(target.policy, label), overwrite: 'all' } }, (editor) => {
    forEachRow(grid.size, box, (row, inRow, length) => {
      for (let i = 0; i < length; i++) {
        const now = data[row + i] as number;
        if (barred[now] === 1) continue;
        if (wanted[inRow + i] === 1) editor.write(row + i, row + i + 1, label);
        else if (before?.[inRow + i] === 1 && now === label) editor.write(row + i, row + i + 1, 0);
      }
    });
  });
}
