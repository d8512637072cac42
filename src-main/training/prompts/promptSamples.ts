import { Random } from '#shared/base/random.ts';
import type { Grid, LpsPoint, Triple } from '#shared/geometry/grid.ts';
import { networkInput, promptChannels } from '#shared/prompts/networkInput.ts';
import { nextClick } from '#shared/prompts/nextClick.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { barredBy } from '#shared/prompts/accept.ts';
import { placed } from '#shared/prompts/proposal.ts';
import { proposeNow } from '#shared/prompts/propose.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { nearOf } from '#shared/prompts/shape.ts';
import type { PointedCase } from './generatedVolume.ts';

/** What a network answers to its input: the chance of each voxel to be meant. */
export type Answer = (input: Float32Array) => Promise<Float32Array>;

/** What is learned from: case number `draw`. The same for the same number. */
export type PointedCases = (draw: number) => PointedCase;

export interface PromptSample {
  readonly x: Float32Array;
  readonly truth: Uint8Array;
}

export const cubeGrid = (side: number): Grid => ({ size: [side, side, side], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] });

/** So often a first click; else a second or a later one, with what is proposed by then. */
const firstShare = 0.4;
const mostBefore = 5;
/** So often a first click comes with what the voxels alone say of it, as it does when the network is asked. */
const guessShare = 0.6;
/** So often a slice is known, and what goes on beside it is asked. */
const sliceShare = 0.12;

/**
 * A case as somebody points something out in it: clicks in the middle of the largest error of what is proposed, and at the last one of what
 * `answer` made of those before, now and then of something that is simply wrong. A function of the case, the random numbers and `answer` alone.
 */
export async function promptSample({ values, truth }: PointedCase, side: number, random: Random, answer: Answer): Promise<PromptSample> {
  const grid = cubeGrid(side);
  const voxels = side ** 3;
  if (random.next() < sliceShare) return { x: networkInput(values, grid, [], null, oneSlice(truth, side, random)), truth };
  const prompts: Prompt[] = [];
  let proposed = new Uint8Array(voxels);
  let before: Uint8Array | null = null;
  const isFirst = random.next() < firstShare;
  if (!isFirst) {
    const clicks = 1 + Math.floor(mostBefore * random.next() ** 2);
    for (let n = 0; n < clicks; n++) {
      addClick(prompts, truth, proposed, grid, random);
      before = n === 0 ? null : proposed;
      if (n + 1 < clicks) proposed = wrongOne(truth, side, random);
    }
    proposed = random.next() < 0.75 ? await answered(networkInput(values, grid, prompts, before), answer) : wrongOne(truth, side, random);
    if (proposed.includes(1)) before = proposed;
    // A correction of a prediction has a single prompt.
    if (random.next() < 0.1) prompts.length = 0;
  }
  addClick(prompts, truth, before ?? new Uint8Array(voxels), grid, random);
  if (isFirst && random.next() < guessShare) before = guessed(values, grid, prompts);
  return { x: networkInput(values, grid, prompts, before), truth };
}

/** What the classifier of a case's own voxels makes of prompts. */
function guessed(values: Float32Array, grid: Grid, prompts: readonly Prompt[]): Uint8Array | null {
  const of = { image: { grid, data: values }, mask: { grid, data: new Uint8Array(values.length) } };
  const proposal = proposeNow(of, { prompts, before: null, barred: barredBy(freePolicy, 1) });
  return proposal === null ? null : placed(proposal, grid);
}

/** 1 and -1 in one slice through the structure, 0 elsewhere. */
function oneSlice(truth: Uint8Array, side: number, random: Random): Int8Array {
  const stride = side ** random.integer(3);
  const indexOf = (at: number): number => Math.floor(at / stride) % side;
  const held = Array.from({ length: side }, () => 0);
  truth.forEach((value, at) => {
    const index = indexOf(at);
    held[index] = (held[index] as number) + value;
  });
  const most = Math.max(...held);
  const present = held.flatMap((count, index) => (count > 0.3 * most ? [index] : []));
  const chosen = present[random.integer(present.length)];
  return Int8Array.from(truth, (value, at) => (indexOf(at) !== chosen ? 0 : value === 1 ? 1 : -1));
}

/** Batch number `step`: inputs (batch, channels, D, H, W) and classes. */
export async function promptBatch(
  cases: PointedCases,
  { batch, side, seed }: { readonly batch: number; readonly side: number; readonly seed: number },
  step: number,
  answer: Answer,
): Promise<{ readonly x: Float32Array; readonly label: Int32Array }> {
  const voxels = side ** 3;
  const x = new Float32Array(batch * promptChannels.length * voxels);
  const label = new Int32Array(batch * voxels);
  for (let n = 0; n < batch; n++) {
    const draw = step * batch + n;
    const sample = await promptSample(cases(draw), side, new Random((seed * 0x9e37 + draw * 0x85eb_ca6b) >>> 0), answer);
    x.set(sample.x, n * promptChannels.length * voxels);
    label.set(sample.truth, n * voxels);
  }
  return { x, label };
}

export async function answered(input: Float32Array, answer: Answer): Promise<Uint8Array<ArrayBuffer>> {
  return Uint8Array.from(await answer(input), (chance) => (chance > 0.5 ? 1 : 0));
}

/** A click where a careful person would put it, or somewhere near it; now and then a scribble from it through what belongs. */
function addClick(prompts: Prompt[], truth: Uint8Array, proposed: Uint8Array, grid: Grid, random: Random): void {
  const click = nextClick({ grid, data: truth }, { grid, data: proposed });
  if (click?.kind !== 'click') return;
  const { positive, point } = click;
  const side = grid.size[0];
  const isWrong = (place: LpsPoint): boolean => {
    if (place.some((n) => n < 0 || n >= side)) return false;
    const at = place[0] + side * (place[1] + side * place[2]);
    return truth[at] === (positive ? 1 : 0) && proposed[at] !== truth[at];
  };
  const near = (from: LpsPoint, far: number): LpsPoint => from.map((n) => Math.round(n + random.normal() * far)) as unknown as LpsPoint;
  const moved = near(point, random.next() < 0.4 ? 2 : 0.5);
  const first = isWrong(moved) ? moved : point;
  if (random.next() < 0.15) {
    const points = [first];
    for (let n = 0; n < 6; n++) {
      const next = near(points.at(-1) as LpsPoint, 2);
      if (isWrong(next)) points.push(next);
    }
    prompts.push({ kind: 'scribble', positive, points });
  } else prompts.push({ kind: 'click', positive, point: first });
}

/** What somebody might have proposed: too much, too little, cut off, with something beside it. */
function wrongOne(truth: Uint8Array, side: number, random: Random): Uint8Array<ArrayBuffer> {
  const size: Triple = [side, side, side];
  let wrong = Uint8Array.from(truth);
  for (let n = random.integer(3); n > 0; n--) {
    const isMore = random.next() < 0.5;
    const grown = nearOf(isMore ? wrong : wrong.map((value) => 1 - value), size);
    wrong = Uint8Array.from(grown, (value) => (isMore ? value : 1 - value));
  }
  const way = [random.normal(), random.normal(), random.normal()];
  const cut = random.next() < 0.6 ? random.uniform(-0.15, 0.2) * side : -side;
  const ball = [0, 1, 2].map(() => random.uniform(0.1, 0.9) * side);
  const radius = random.next() < 0.5 ? random.uniform(0.08, 0.25) * side : 0;
  const length = Math.hypot(...way);
  for (let k = 0, at = 0; k < side; k++)
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++, at++) {
        const place = [i, j, k];
        const along = place.reduce((sum, value, axis) => sum + (value - side / 2) * ((way[axis] as number) / length), 0);
        if (along < cut) wrong[at] = 0;
        if (Math.hypot(...place.map((value, axis) => value - (ball[axis] as number))) < radius) wrong[at] = 1;
      }
  return wrong;
}
