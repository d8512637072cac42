import { must } from '#shared/base/assert.ts';
import { lpsToIjk } from '#shared/geometry/affine.ts';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { applyDelta, freePolicy, regionGrow, revertDelta, type Delta } from '#shared/segmentation/index.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import type { Lesson } from '#shared/prompts/lesson.ts';
import { caseAnswerer, networkAnswerer, predictedAnswerer, type Answerer } from '#shared/prompts/reader.ts';
import { diceOf, type Structure } from '#shared/prompts/nextClick.ts';

export const learnedArm = 'network after accepted cases';
export const predictedArm = 'prediction after accepted cases';
export const taughtArm = 'classifier after accepted cases';
/** What Point does in a project of the accepted cases: about a fifth of them is held out, and says whether lessons help and predictions are begun with. */
export const projectArm = 'prediction and classifier after accepted cases';
export const acceptedArms = [learnedArm, predictedArm, taughtArm, projectArm] as const;
export const armNames = ['region growing', 'region growing, best tolerance', 'case classifier', 'prompt network', ...acceptedArms] as const;
export type ArmName = (typeof armNames)[number];

/** What an arm may know of a structure before it is pointed at. */
export interface Known {
  readonly network?: AskedNetwork | undefined;
  /** 1 where a model predicts the structure. */
  readonly predicted?: Structure | undefined;
  /** What accepted cases taught of it. */
  readonly lesson?: Lesson | null | undefined;
}

/** An arm at the beginning of one structure. `truth` is looked at by a tolerance that is turned until it is best, and by nothing else. */
export function openArm(name: ArmName, image: Volume, truth: Structure, { network, predicted, lesson }: Known): Answerer {
  if (name === 'case classifier' || name === taughtArm) return caseAnswerer(image, lesson);
  if (name === 'prompt network' || name === learnedArm) return networkAnswerer(image, must(network, 'prompt network'));
  if (name === projectArm) return predicted === undefined ? caseAnswerer(image, lesson) : predictedAnswerer(image, predicted, lesson);
  if (name === predictedArm) return predictedAnswerer(image, must(predicted, 'prediction'), lesson);
  return new GrowingArm(image, truth, name === 'region growing' ? [0.1] : tolerances);
}

/** Shares of the range from the 1st to the 99th percentile of the image. */
const tolerances = [0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3];

/** The region growing of the tools: a positive click adds what is connected and within the tolerance, a negative one takes that away. */
class GrowingArm implements Answerer {
  readonly #image: Volume;
  readonly #truth: Structure;
  readonly #tolerances: readonly number[];
  readonly #grown: Structure;
  readonly #range: number;

  constructor(image: Volume, truth: Structure, shares: readonly number[]) {
    this.#image = image;
    this.#truth = truth;
    this.#tolerances = shares;
    this.#grown = emptyOf(image);
    const some = Float64Array.from(image.data.filter((_, at) => at % 13 === 0)).sort();
    this.#range = (some[Math.floor(some.length * 0.99)] ?? 1) - (some[Math.floor(some.length * 0.01)] ?? 0);
  }

  answer(click: Prompt): Structure {
    if (click.kind !== 'click') throw new Error('Region growing begins from clicks alone.');
    const [ni, nj] = this.#grown.grid.size;
    const seed = lpsToIjk(this.#grown.grid, click.point).map(Math.round) as unknown as Triple;
    const value = this.#image.data[seed[0] + ni * (seed[1] + nj * seed[2])] as number;
    const target = { volume: this.#grown, policy: freePolicy, image: this.#image };
    let best: { readonly delta: Delta; readonly dice: number } | null = null;
    for (const share of this.#tolerances) {
      const tolerance = share * this.#range;
      const delta = regionGrow(target, seed, click.positive ? 1 : 0, value - tolerance, value + tolerance);
      const dice = this.#tolerances.length === 1 ? 0 : diceOf(this.#truth, this.#grown);
      revertDelta(this.#grown, delta);
      if (best === null || dice > best.dice) best = { delta, dice };
    }
    if (best !== null) applyDelta(this.#grown, best.delta);
    return this.#grown;
  }
}

const emptyOf = ({ grid, data }: Volume): Structure => ({ grid, data: new Uint8Array(data.length) });
