import { Random } from '../base/random.ts';
import { atOnce } from '../base/steps.ts';
import type { Volume } from '../geometry/grid.ts';
import { expandBox, unionBox, type Box } from '../segmentation/box.ts';
import { firstBox, hidden, seenFrom, told, toldOf, type Lesson } from './lesson.ts';
import { nextClick, type Structure } from './nextClick.ts';
import { learnPerceptron } from './perceptron.ts';
import type { Prompt } from './prompt.ts';
import { proposalOfLabel } from './proposal.ts';
import { shareOf } from './region.ts';

/** First clicks on each structure: one in its deepest place, and less careful ones. */
const clicks = 3;
/** Voxels inside and outside of it that each of them teaches, at most. */
const sampled = 1500;
const passes = 6;
const member = Uint8Array.from({ length: 0x1_0000 }, (_, value) => (value === 1 ? 1 : 0));

/** Gathers what accepted cases show of one structure, and learns a lesson from it. Deterministic. */
export class LessonCases {
  readonly #rows: Float32Array[] = [];
  readonly #targets: number[] = [];
  readonly #weights: number[] = [];
  readonly #random = new Random(3);
  cases = 0;

  add(image: Volume, truth: Structure): void {
    const whole = proposalOfLabel(truth, 1);
    if (whole === null) return;
    this.cases++;
    for (const click of clicksOn(truth, this.#random)) {
      // As the region grows until the structure lies in it.
      const reach = whole.box.upper.map((end, axis) => Math.ceil((end - (whole.box.lower[axis] as number)) / 8)) as unknown as Box['lower'];
      const box = unionBox(firstBox(image, click), expandBox(whole.box, reach, image.grid.size)) as Box;
      const seen = seenFrom(image, box, click);
      this.#sample(toldOf(image, seen, click), shareOf(truth.data, truth.grid.size, seen.region, member));
    }
  }

  /** Null where no case had the structure. A generator, as `learnPerceptron`. */
  *learn(): Generator<void, Lesson | null> {
    if (this.#rows.length === 0) return null;
    const rows = new Float32Array(this.#rows.length * told);
    this.#rows.forEach((row, n) => rows.set(row, n * told));
    const lessons = { rows, targets: Uint8Array.from(this.#targets), weights: Float32Array.from(this.#weights) };
    return { values: (yield* learnPerceptron(lessons, hidden, passes)).values };
  }

  #sample(channels: readonly Float32Array[], share: Float32Array): void {
    const of: [number[], number[]] = [[], []];
    for (let at = 0; at < share.length; at++) of[(share[at] as number) >= 0.5 ? 1 : 0].push(at);
    for (const target of [0, 1] as const) {
      const from = of[target];
      const count = Math.min(from.length, sampled);
      for (let n = 0; n < count; n++) {
        const at = from[Math.floor(((n + this.#random.next()) * from.length) / count)] as number;
        this.#rows.push(Float32Array.from(channels, (channel) => channel[at] as number));
        this.#targets.push(target);
        this.#weights.push(from.length / count);
      }
    }
  }
}

/** The same, at once. */
export const learnNow = (cases: LessonCases): Lesson | null => atOnce(cases.learn());

/** In the deepest place, and in those of parts that a random plane cuts off. */
function clicksOn(truth: Structure, random: Random): Prompt[] {
  const nothing: Structure = { grid: truth.grid, data: new Uint8Array(truth.data.length) };
  const [ni, nj] = truth.grid.size;
  const inside: number[] = [];
  for (let at = 0; at < truth.data.length; at++) if (truth.data[at] === 1) inside.push(at);
  const place = (at: number): number[] => [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
  const found = [nextClick(truth, nothing)];
  for (let n = 1; n < clicks; n++) {
    const on = place(inside[random.integer(inside.length)] as number);
    const normal = [0, 1, 2].map(() => random.next() - 0.5);
    const data = new Uint8Array(truth.data.length);
    for (const at of inside) {
      const side = place(at).reduce((sum, index, axis) => sum + (index - (on[axis] as number)) * (normal[axis] as number), 0);
      if (side >= 0) data[at] = 1;
    }
    found.push(nextClick({ grid: truth.grid, data }, nothing));
  }
  return found.filter((click) => click !== null);
}
