import { throwIfCancelled, neverCancelled, type Cancellation } from '../base/cancellation.ts';
import { spacing, type Grid, type Triple } from '../geometry/grid.ts';
import { boxSize, expandBox, unionBox, type Box } from '../segmentation/box.ts';
import { networkInput } from './networkInput.ts';
import { isInside, pointsOf, seedsOf, type Prompt } from './prompt.ts';
import type { PromptProposal } from './proposal.ts';
import type { PromptCase, PromptRequest } from './propose.ts';
import { boxAround } from './region.ts';
import { keepSeeded } from './shape.ts';
import { proposalFrom, reachesOut, seen, seenProposal, viewAround, type View } from './view.ts';

/** A prompt network that answers: the chance of each voxel of a cube to be meant, from its input (`networkInput`). */
export interface AskedNetwork {
  readonly side: number;
  readonly answer: (input: Float32Array) => Promise<Float32Array>;
}

/** The cube is so much wider than what lies in it. */
export const room = 1.6;
/** How often it may become wider in one answer, and by how much. */
const mostGrowths = 5;
const growth = 1.6;

/** What is looked at first, about what was pointed at: the image's own voxels. */
export const firstBox = (grid: Grid, pointed: Box, side: number): Box =>
  widened(grid, pointed, Math.min(...spacing(grid)) * (side / 2 / room));

/** What is looked at next, where the answer reaches out of the cube. */
export const widerBox = (grid: Grid, box: Box): Box => widened(grid, box, (growth - 1) * 0.5 * widest(grid, box));

/**
 * What the prompts mean, as a prompt network says: it looks at a cube about the prompts, and at a wider one where its answer reaches out of it.
 * Null where no prompt lies in the image, or the network sees nothing.
 */
export async function askNetwork(
  { image, mask }: PromptCase,
  { prompts, before, barred }: PromptRequest,
  network: AskedNetwork,
  cancellation: Cancellation = neverCancelled,
): Promise<PromptProposal | null> {
  const { grid } = image;
  const inside = prompts.filter((prompt) => isInside(prompt, grid));
  const pointed = boxAround(grid, inside.flatMap(pointsOf), 0);
  if (pointed === null) return null;
  let box: Box = before === null ? firstBox(grid, pointed, network.side) : (unionBox(before.box, pointed) as Box);
  let isFitted = before !== null;
  for (let step = 0; ; step++) {
    throwIfCancelled(cancellation);
    const view = viewAround(grid, box, network.side, room);
    const held = before === null ? null : seenProposal(view, before, grid.size);
    const input = networkInput(seen(view, image.data, grid.size), view.grid, inside, held);
    const chance = seeded(await network.answer(input), view, inside);
    if (step < mostGrowths && reachesOut(view, chance, grid.size)) {
      box = widerBox(grid, box);
      continue;
    }
    const found = proposalFrom(view, chance, mask, barred);
    if (found === null) return null;
    // Once more, as near as structures lie when the network learns.
    const own = unionBox(found.box, pointed) as Box;
    if (!isFitted && step < mostGrowths && widest(grid, own) < 0.7 * widest(grid, box)) {
      isFitted = true;
      box = own;
      continue;
    }
    return found;
  }
}

const widest = (grid: Grid, box: Box): number => Math.max(...boxSize(box).map((n, axis) => n * (spacing(grid)[axis] as number)));

/** By so many mm on every side. */
function widened(grid: Grid, box: Box, by: number): Box {
  return expandBox(box, spacing(grid).map((mm) => Math.ceil(by / mm)) as unknown as Triple, grid.size);
}

/** Of an answer, the parts that hold a positive prompt; all where none does. What was pointed at is certain. */
function seeded(chance: Float32Array, view: View, prompts: readonly Prompt[]): Float32Array {
  const signs = seedsOf(prompts, view.grid, spacing(view.grid)[0]);
  const certain = chance.map((value, at) => (signs[at] === 1 ? 1 : signs[at] === -1 ? 0 : value));
  const kept = keepSeeded(
    Uint8Array.from(certain, (value) => (value > 0.5 ? 1 : 0)),
    view.grid.size,
    signs,
  );
  return certain.map((value, at) => (value > 0.5 && kept[at] === 0 ? 0 : value));
}
