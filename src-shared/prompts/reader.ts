import { splitIgnored, type LabelSet } from '../domain/labelSet.ts';
import { regionOf } from '../domain/regions.ts';
import type { VoxelArray, Volume } from '../geometry/grid.ts';
import { freePolicy } from '../segmentation/editor.ts';
import { barredBy } from './accept.ts';
import { askNetwork, type AskedNetwork } from './askNetwork.ts';
import type { Lesson } from './lesson.ts';
import { diceOf, nextClick, type Structure } from './nextClick.ts';
import type { Prompt } from './prompt.ts';
import { placed, proposalOfLabel, type PromptProposal } from './proposal.ts';
import { PromptMemory, proposeNow, type PromptCase, type PromptRequest } from './propose.ts';

/** A structure by the label values that make it up. */
export interface NamedStructure {
  readonly name: string;
  readonly values: readonly number[];
}

/** Structures of a mask: labels of one name are one; unless some are named, every value. */
export function structuresIn(data: VoxelArray, labels: readonly { readonly value: number; readonly name: string }[]): NamedStructure[] {
  const present = new Set<number>(data);
  present.delete(0);
  const all = labels.length > 0 ? labels : [...present].sort((a, b) => a - b).map((value) => ({ value, name: `Label ${String(value)}` }));
  return namedStructures(all.filter(({ value }) => present.has(value)));
}

export function namedStructures(labels: readonly { readonly value: number; readonly name: string }[]): NamedStructure[] {
  return [...Map.groupBy(labels, ({ name }) => name)].map(([name, own]) => ({ name, values: own.map(({ value }) => value) }));
}

/** Of a label set: labels with what lies inside them, and the value of voxels that nobody marked. */
export function pointable(set: LabelSet): { readonly structures: NamedStructure[]; readonly ignore: number | undefined } {
  const { labelSet, ignore } = splitIgnored(set);
  return { structures: labelSet.labels.map(({ name, value }) => ({ name, values: regionOf(labelSet, value) })), ignore };
}

/** The voxels of a structure in a mask that lies on the image's grid. */
export function truthOf({ grid }: Volume, { data }: Volume, { values }: NamedStructure): Structure {
  const own = new Set(values);
  return { grid, data: Uint8Array.from(data, (label) => (own.has(label) ? 1 : 0)) };
}

/** What answers to clicks, one after another, each at the largest error of the answer before. */
export interface Answerer {
  answer(click: Prompt): Structure | Promise<Structure>;
}

export const mostClicks = 10;

/** One structure as a reader who knows the truth points it out: Dice after each click, until it is `enough`; the last one repeated once nothing is wrong. */
export async function pointOut(answerer: Answerer, truth: Structure, enough = Infinity): Promise<number[]> {
  const dice: number[] = [];
  let proposed: Structure = { grid: truth.grid, data: new Uint8Array(truth.data.length) };
  while (dice.length < mostClicks && (dice.at(-1) ?? 0) < enough) {
    const click = nextClick(truth, proposed);
    if (click === null) dice.push(1);
    else {
      proposed = await answerer.answer(click);
      dice.push(diceOf(truth, proposed));
    }
  }
  return dice;
}

/** The Dice that a structure is pointed out to, where clicks are counted. */
export const wantedDice = 0.85;

/** How many clicks it took; one more than there may be where they did not get there. */
export function clicksTo(wanted: number, dice: readonly number[]): number {
  const at = dice.findIndex((value) => value >= wanted);
  return at < 0 ? mostClicks + 1 : at + 1;
}

type Ask = (of: PromptCase, request: PromptRequest) => PromptProposal | null | Promise<PromptProposal | null>;

/** Asks one structure of an image click by click, whatever answers to the prompts. */
class PromptAnswerer implements Answerer {
  readonly #image: Volume;
  readonly #empty: Structure;
  readonly #ask: Ask;
  readonly #prompts: Prompt[] = [];
  #before: PromptProposal | null = null;

  constructor(image: Volume, ask: Ask) {
    this.#image = image;
    this.#empty = { grid: image.grid, data: new Uint8Array(image.data.length) };
    this.#ask = ask;
  }

  async answer(click: Prompt): Promise<Structure> {
    this.#prompts.push(click);
    const { grid } = this.#image;
    const request = { prompts: this.#prompts, before: this.#before, barred: barredBy(freePolicy, 1) };
    this.#before = (await this.#ask({ image: this.#image, mask: this.#empty }, request)) ?? this.#before;
    return this.#before === null ? this.#empty : { grid, data: placed(this.#before, grid) };
  }
}

/** What an image's own voxels say, by the classifier of the case, and what accepted cases taught. */
export function caseAnswerer(image: Volume, lesson: Lesson | null = null): Answerer {
  const memory = new PromptMemory();
  return new PromptAnswerer(image, (of, request) => proposeNow(of, { ...request, lesson }, memory));
}

/** What a prompt network says: it mends what the classifier made of a first click. */
export function networkAnswerer(image: Volume, network: AskedNetwork): Answerer {
  return new PromptAnswerer(image, async (of, request) => {
    const before = request.before ?? proposeNow(of, request);
    return (await askNetwork(of, { ...request, before }, network)) ?? before;
  });
}

/** What a model predicts, where the first click points at that, as long as the clicks bear it out; the classifier of the case mends it, or begins anew. `predicted`: 1 where it predicts the structure. */
export function predictedAnswerer(image: Volume, predicted: Structure, lesson: Lesson | null = null): Answerer {
  const memory = new PromptMemory();
  const found = proposalOfLabel(predicted, 1);
  return new PromptAnswerer(image, (of, request) => proposeNow(of, { ...request, predicted: found, lesson }, memory));
}
