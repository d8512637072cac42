import { splitIgnored, type LabelSet } from '../domain/labelSet.ts';
import { regionOf } from '../domain/regions.ts';
import type { VoxelArray, Volume } from '../geometry/grid.ts';
import { freePolicy } from '../segmentation/editor.ts';
import { barredBy } from './accept.ts';
import { askNetwork, type AskedNetwork } from './askNetwork.ts';
import { diceOf, nextClick, type Structure } from './nextClick.ts';
import type { Prompt } from './prompt.ts';
import { placed, type PromptProposal } from './proposal.ts';
import { PromptMemory, proposeNow } from './propose.ts';

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

/** What an image's own voxels say of one structure, by the classifier of the case. */
export class CaseAnswerer implements Answerer {
  readonly #image: Volume;
  readonly #empty: Structure;
  readonly #memory = new PromptMemory();
  readonly #prompts: Prompt[] = [];
  #before: PromptProposal | null = null;

  constructor(image: Volume) {
    this.#image = image;
    this.#empty = { grid: image.grid, data: new Uint8Array(image.data.length) };
  }

  answer(click: Prompt): Structure {
    this.#prompts.push(click);
    const request = { prompts: this.#prompts, before: this.#before, barred: barredBy(freePolicy, 1) };
    this.#before = proposeNow({ image: this.#image, mask: this.#empty }, request, this.#memory) ?? this.#before;
    const { grid } = this.#image;
    return this.#before === null ? this.#empty : { grid, data: placed(this.#before, grid) };
  }
}

/** A prompt network that is asked about one structure of an image. */
export class NetworkAnswerer implements Answerer {
  readonly #image: Volume;
  readonly #network: AskedNetwork;
  readonly #empty: Structure;
  readonly #prompts: Prompt[] = [];
  #before: PromptProposal | null = null;

  constructor(image: Volume, network: AskedNetwork) {
    this.#image = image;
    this.#network = network;
    this.#empty = { grid: image.grid, data: new Uint8Array(image.data.length) };
  }

  async answer(click: Prompt): Promise<Structure> {
    this.#prompts.push(click);
    const of = { image: this.#image, mask: this.#empty };
    const request = { prompts: this.#prompts, before: this.#before, barred: barredBy(freePolicy, 1) };
    const before = this.#before ?? proposeNow(of, request);
    this.#before = (await askNetwork(of, { ...request, before }, this.#network)) ?? before;
    const { grid } = this.#image;
    return this.#before === null ? this.#empty : { grid, data: placed(this.#before, grid) };
  }
}
