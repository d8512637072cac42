import { lpsToIjk } from '../geometry/affine.ts';
import { spacing, type Grid, type LpsPoint } from '../geometry/grid.ts';
import { boxSize, wholeBox } from '../segmentation/box.ts';
import { componentsOf, type Components } from '../segmentation/components.ts';
import { freePolicy } from '../segmentation/editor.ts';
import { pointsOf, type Prompt } from './prompt.ts';
import { patched, type PromptProposal } from './proposal.ts';

/** Parts of a prediction, by their numbers, and the radius of a ball as large, mm. */
interface Parts {
  readonly chosen: string;
  readonly parts: PromptProposal;
  readonly radius: number;
}

export interface Relied {
  /** What is predicted, as far as prompts point at it. */
  readonly parts: PromptProposal;
  /** Of a ball as large, mm. */
  readonly radius: number;
  /** How deep the prompts lie in what is predicted wrongly, as a share of the radius of a ball as large as the parts: of a right border, next to nothing. */
  readonly wrong: number;
}

/** Of each prediction, all its parts, and those that were pointed at last: most prompts point at none that is new. */
const known = new WeakMap<PromptProposal, { readonly all: Components; last?: Parts }>();

/** What prompts say of a prediction; null where the first one does not point at it. */
export function reliedOn(predicted: PromptProposal, prompts: readonly Prompt[], grid: Grid): Relied | null {
  const [first] = prompts;
  if (first === undefined || !pointsInto(first, predicted, grid)) return null;
  const { parts, radius } = partsOf(
    predicted,
    prompts.filter((prompt) => pointsInto(prompt, predicted, grid)),
    grid,
  );
  const deepest = Math.max(...prompts.map((prompt) => (isOutline(prompt) ? 0 : borderDistance(parts, grid, prompt))));
  return { parts, radius, wrong: Math.max(0, deepest - Math.min(...spacing(grid)) / 2) / radius };
}

/** What was proposed, and with it the part of a prediction that a prompt points at, where none of that was proposed yet; else null. */
export function withPart(before: PromptProposal, predicted: PromptProposal, prompt: Prompt, grid: Grid): PromptProposal | null {
  if (!pointsInto(prompt, predicted, grid) || pointsInto(prompt, before, grid)) return null;
  const { parts } = partsOf(predicted, [prompt], grid);
  const both = patched(before, parts, (at) => parts.bits[at] === 1);
  return countOf(both) === countOf(before) + countOf(parts) ? both : null;
}

function partsOf(predicted: PromptProposal, prompts: readonly Prompt[], grid: Grid): Parts {
  const size = boxSize(predicted.box);
  const found = known.get(predicted) ?? {
    all: componentsOf({ volume: { grid: { ...grid, size }, data: predicted.bits }, policy: freePolicy }, wholeBox(size), 1),
  };
  known.set(predicted, found);
  const { runs, start, length, component, voxels } = found.all;
  const at = prompts.flatMap(pointsOf).map((point) => indexIn(predicted, grid, point));
  const numbers = new Set<number>();
  for (let run = 0; run < runs; run++) {
    const [first, end] = [start[run] as number, (start[run] as number) + (length[run] as number)];
    if (at.some((index) => index >= first && index < end)) numbers.add(component[run] as number);
  }
  const chosen = [...numbers].sort((a, b) => a - b);
  if (found.last?.chosen === chosen.join()) return found.last;
  const bits = new Uint8Array(predicted.bits.length);
  for (let run = 0; run < runs; run++)
    if (numbers.has(component[run] as number)) bits.fill(1, start[run], (start[run] as number) + (length[run] as number));
  const step = spacing(grid);
  const volume = chosen.reduce((sum, number) => sum + (voxels[number] as number), 0) * step[0] * step[1] * step[2];
  found.last = { chosen: chosen.join(), parts: { ...predicted, bits }, radius: Math.cbrt((volume * 3) / (4 * Math.PI)) };
  return found.last;
}

const countOf = ({ bits }: PromptProposal): number => bits.reduce((sum, bit) => sum + bit, 0);

const isOutline = ({ kind }: Prompt): boolean => kind === 'box' || kind === 'lasso';

/** Whether something is said to belong that is proposed, at every point that says where it is. */
const pointsInto = (prompt: Prompt, proposal: PromptProposal, grid: Grid): boolean =>
  prompt.positive && !isOutline(prompt) && pointsOf(prompt).every((point) => proposal.bits[indexIn(proposal, grid, point)] === 1);

/** Where the voxel at a point lies in a proposal; −1 outside its box. */
function indexIn({ box }: PromptProposal, grid: Grid, point: LpsPoint): number {
  const [i, j, k] = lpsToIjk(grid, point).map((index, axis) => Math.round(index) - (box.lower[axis] as number)) as [number, number, number];
  const [width, height, depth] = boxSize(box);
  return i < 0 || j < 0 || k < 0 || i >= width || j >= height || k >= depth ? -1 : i + width * (j + height * k);
}

/** About how far, mm, a prompt lies inside what is proposed wrongly: the shortest way to the border in 26 directions, Infinity where none leads there; 0 where it lies in what is right. */
export function borderDistance({ box, bits }: PromptProposal, grid: Grid, prompt: Prompt): number {
  const step = spacing(grid);
  const [width, height] = boxSize(box);
  const isHeld = (place: readonly number[]): boolean => {
    const [i, j, k] = place.map((n, axis) => n - (box.lower[axis] as number)) as [number, number, number];
    if (place.some((n, axis) => n < (box.lower[axis] as number) || n >= (box.upper[axis] as number))) return false;
    return bits[i + width * (j + height * k)] === 1;
  };
  let most = 0;
  for (const point of pointsOf(prompt)) {
    const from = lpsToIjk(grid, point).map(Math.round);
    if (isHeld(from) === prompt.positive) continue;
    let shortest = Infinity;
    for (let way = 0; way < 27; way++) {
      const move = [(way % 3) - 1, (Math.floor(way / 3) % 3) - 1, Math.floor(way / 9) - 1];
      const length = Math.hypot(...move.map((n, axis) => n * (step[axis] as number)));
      if (length === 0) continue;
      let place: readonly number[] = from;
      for (let n = 1; n * length < shortest; n++) {
        place = place.map((index, axis) => index + (move[axis] as number));
        if (place.some((index, axis) => index < 0 || index >= (grid.size[axis] as number))) break;
        if (isHeld(place) === prompt.positive) shortest = n * length;
      }
    }
    most = Math.max(most, shortest);
  }
  return most;
}
