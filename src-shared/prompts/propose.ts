import { atOnce } from '../base/steps.ts';
import { neverCancelled, type Cancellation } from '../base/cancellation.ts';
import { spacing, type LabelVolume, type Triple, type Volume } from '../geometry/grid.ts';
import { boxSize, expandBox, type Box } from '../segmentation/box.ts';
import { classify, type Sample } from './classifier.ts';
import { featuresOf, smoothed, type Features } from './features.ts';
import { fine } from './fine.ts';
import { costsOf, Geodesic, unreached } from './geodesic.ts';
import { bothOf, leaning, Taught, type Lesson } from './lesson.ts';
import { isInside, pointsOf, seedsOf, type Prompt } from './prompt.ts';
import { onRegion, patched, type PromptProposal } from './proposal.ts';
import { about, boxAround, normalised, referenceOf, regionOf, regionVoxels, sample, shareOf, type Region } from './region.ts';
import { borderDistance, reliedOn, withPart, type Relied } from './relied.ts';
import { fillEnclosed, keepSeeded, nearOf, touchedFaces } from './shape.ts';
import { likeness, spread } from './spread.ts';
import { randomWalker } from './walker.ts';

/** What prompts point out of an image, and what they may not take. */
export interface PromptCase {
  readonly image: Volume;
  readonly mask: LabelVolume;
}

export interface PromptRequest {
  /** In the order in which they were given. */
  readonly prompts: readonly Prompt[];
  /** What was proposed before the last prompt, or what is to be corrected. */
  readonly before: PromptProposal | null;
  /** 1 for values of labels that keep their voxels. */
  readonly barred: Uint8Array;
  /** What a model predicts of the structure. It is proposed where the first prompt points at it, as long as the prompts bear it out. */
  readonly predicted?: PromptProposal | null;
  /** What accepted cases teach of the structure. */
  readonly lesson?: Lesson | null;
}

/** What is remembered between prompts of one structure: how a region looks. */
export class PromptMemory {
  #box: Box | null = null;
  #raw: Float32Array = new Float32Array();
  #seen: Float32Array = new Float32Array();
  #smooth: Float32Array = new Float32Array();
  #features: Features | null = null;
  #taught: Taught | null = null;
  /** Whether the last answer began anew, whatever was proposed before. */
  begunAnew = false;

  /** Intensities about those of the chosen voxels, smoothed. */
  smooth(image: Volume, region: Region, chosen: Int32Array): Float32Array {
    if (!sameBox(this.#box, region.box)) {
      const { size } = region.grid;
      this.#raw = sample(image, region);
      const values = normalised(this.#raw);
      const sigma = Math.min(...region.spacing) * 0.7;
      this.#seen = about(values, referenceOf(smoothed(values, size, region.spacing, sigma), size, chosen));
      this.#smooth = smoothed(this.#seen, size, region.spacing, sigma);
      this.#features = null;
      this.#box = region.box;
    }
    return this.#smooth;
  }

  /** Of the region of the last call of `smooth`. */
  features(region: Region): Features {
    this.#features ??= featuresOf(this.#seen, region.grid.size, region.spacing);
    return this.#features;
  }

  /**
   * What a lesson says in the region of the last call of `smooth`: the logarithm of odds, NaN where it says nothing. `from`: how voxels are reached from the prompts
   * (0 … 1), where they are all that there is; else the box of what was proposed.
   */
  odds(lesson: Lesson, image: Volume, region: Region, first: Prompt, from: Float32Array | Box | null): Float32Array {
    if (this.#taught?.isOf(lesson, first) !== true) {
      const own = { region, raw: this.#raw, values: this.#seen, smooth: this.#smooth, features: this.features(region) };
      const isReached = from instanceof Float32Array;
      this.#taught = new Taught(lesson, image, first, isReached ? { seen: { ...own, reached: from } } : { around: from });
    }
    return this.#taught.on(region);
  }
}

const sameBox = (a: Box | null, b: Box): boolean =>
  a !== null && a.lower.every((n, axis) => n === b.lower[axis]) && a.upper.every((n, axis) => n === b.upper[axis]);

/** How strongly the classifier is held back. */
const ridge = 1;
/** How much what a voxel looks like counts against its neighbours. */
const trust = 0.15;
/** The same of a first proposal where accepted cases taught what the structure looks like. */
const taughtTrust = 0.5;
/** How often the region may grow in one answer. */
const mostGrowths = 3;

/**
 * What the prompts mean, at most `regionVoxels` voxels a side; null where none lies in the image. Where something was proposed before, the
 * last prompt mends it. A generator, so that whoever runs it can look for something newer between its steps.
 */
export function* propose(
  { image, mask }: PromptCase,
  { prompts, before, barred, predicted = null, lesson = null }: PromptRequest,
  memory = new PromptMemory(),
  cancellation: Cancellation = neverCancelled,
  isUseful: (found: Uint8Array, region: Region) => boolean = () => true,
): Generator<void, PromptProposal | null> {
  const inside = prompts.filter((prompt) => isInside(prompt, image.grid));
  const last = inside.at(-1);
  if (last === undefined) return null;
  memory.begunAnew = false;
  const relied = predicted === null ? null : reliedOn(predicted, inside, image.grid);
  if (predicted !== null && relied !== null) {
    if (before === null) return relied.parts;
    const wider = relied.wrong > doubted ? null : withPart(before, predicted, last, image.grid);
    if (wider !== null) return wider;
    const earlier = reliedOn(predicted, inside.slice(0, -1), image.grid);
    if (relied.wrong > doubted && earlier !== null && earlier.wrong <= doubted) {
      // Told before it is brought to the image's own voxels, which takes long where it is large.
      const isAlike = (found: Uint8Array, region: Region): boolean =>
        relied.wrong > refuted || agreement(found, region, relied) > alikeEnough;
      const anew = yield* propose({ image, mask }, { prompts: inside, before: null, barred, lesson }, memory, cancellation, isAlike);
      memory.begunAnew = anew !== null;
      if (memory.begunAnew) return anew;
    }
  }
  const least = Math.min(...spacing(image.grid)) * (regionVoxels / 2 - 1);
  // As far as what is mended may change, so that the region seldom has to grow.
  const depth = before === null ? 0 : borderDistance(before, image.grid, last);
  const margin = Number.isFinite(depth) ? Math.max(least, zoneReach * depth) : least;
  let box = boxAround(image.grid, (before === null ? inside : [last]).flatMap(pointsOf), margin);
  for (let growth = 0; box !== null; growth++) {
    const region = regionOf(image.grid, box);
    const { size } = region.grid;
    const finest = Math.min(...region.spacing);
    const blocked = shareOf(mask.data, mask.grid.size, region, barred);
    const drawn = seedsOf(inside, region.grid, finest);
    // Nothing can come of what does not belong alone.
    if (before === null && !drawn.includes(1)) return null;
    const signs = drawn.map((sign, at) => (sign !== 1 && (blocked[at] as number) > 0.5 ? -1 : sign));
    const held = before === null ? null : onRegion(before, region);
    const smooth = memory.smooth(image, region, indicesOf(drawn.includes(1) || held === null ? drawn : held, 1));
    yield;
    const isNew = held?.includes(1) !== true;
    const own = held === null ? inside : [last];
    const like = likeness(smooth);
    const { sure: guess, prior: reached } = isNew ? spread(like, like, own, drawn, signs, region) : { sure: held, prior: null };
    const wide = growth === mostGrowths || !isNew ? null : grown(box, guess, region, image.grid.size);
    if (wide !== null) {
      box = wide;
      continue;
    }
    yield;
    const features = memory.features(region);
    const [first] = inside as [Prompt, ...Prompt[]];
    const odds =
      lesson === null || !first.positive ? null : memory.odds(lesson, image, region, first, before === null ? reached : before.box);
    yield;
    const looks = looksFrom(features, odds, isNew && odds !== null ? supposed(odds, drawn, signs, size) : guess, drawn);
    yield;
    const found = !isNew
      ? mend(looks, held, last, signs, region, odds !== null)
      : { seeds: signs, prior: odds === null ? spread(looks, like, own, drawn, signs, region).prior : looks };
    yield;
    const counts = isNew && odds !== null ? taughtTrust : trust;
    const chance = randomWalker({ ...found, values: smooth, size, spacing: region.spacing, trust: counts, cancellation });
    yield;
    const whole = new Uint8Array(chance.length);
    for (let at = 0; at < whole.length; at++) if ((chance[at] as number) > 0.5) whole[at] = 1;
    const kept = fillEnclosed(keepSeeded(whole, size, drawn), size, signs);
    const changed = held === null ? kept : kept.map((value, at) => (value === held[at] || found.seeds[at] !== 0 ? 0 : 1));
    const wider = growth >= (held === null ? mostGrowths : 1) ? null : grown(box, changed, region, image.grid.size);
    if (wider !== null) {
      box = wider;
      continue;
    }
    if (!isUseful(kept, region)) return null;
    const settled = found.seeds;
    const around = held === null ? nearOf(kept, size) : settled.map((sign, at) => (sign === 0 || drawn[at] !== 0 ? 1 : 0));
    const answer = fine({ region, chance, inside: kept, about: Uint8Array.from(around) }, mask, barred);
    if (before === null || answer === null) return answer?.proposal ?? before;
    const wanted = last.positive ? 1 : 0;
    return patched(before, answer.proposal, (at) => answer.about[at] === 1 && answer.proposal.bits[at] === wanted);
  }
  return null;
}

/**
 * From so deep a contradiction on (`Relied.wrong`), all is begun anew from the prompts where what comes of that is like the prediction, so that
 * the structure can be told by its looks; and from there on, whatever comes of it. Once: what was mended since is not given up.
 */
const doubted = 1 / 4;
const refuted = 1 / 3;
const alikeEnough = 0.4;

/** Chances by what voxels look like: the case's own, learned from a guess and the prompts, and a lesson's where there is one. */
function looksFrom(features: Features, odds: Float32Array | null, guess: Uint8Array, drawn: Int8Array): Float32Array {
  const own = classify(features, samplesOf(guess, drawn), ridge);
  return odds === null ? own : bothOf(own, odds);
}

/** What a lesson takes for the structure that is pointed at. */
function supposed(odds: Float32Array, drawn: Int8Array, signs: Int8Array, size: Triple): Uint8Array {
  const likely = new Uint8Array(odds.length);
  for (let at = 0; at < odds.length; at++) if (drawn[at] === 1 || ((odds[at] as number) > 0 && signs[at] !== -1)) likely[at] = 1;
  return keepSeeded(likely, size, drawn);
}

/** Dice overlap of what was found on a region with parts of a prediction. */
function agreement(found: Uint8Array, region: Region, { parts, radius }: Relied): number {
  const predicted = onRegion(parts, region);
  let [own, both] = [0, 0];
  for (let at = 0; at < found.length; at++) {
    if (found[at] !== 1) continue;
    own++;
    both += predicted[at] as number;
  }
  const voxel = region.spacing[0] * region.spacing[1] * region.spacing[2];
  return (2 * both * voxel) / (own * voxel + (4 / 3) * Math.PI * radius ** 3);
}

/** What the walker is told. */
interface Believed {
  readonly seeds: Int8Array;
  readonly prior: Float32Array;
}

const indicesOf = (values: Int8Array | Uint8Array, value: number): Int32Array => indicesWhere(values.length, (at) => values[at] === value);

/** Counted first: lists that grow to most of a region take longer than what is done with them. */
function indicesWhere(length: number, is: (at: number) => boolean): Int32Array {
  let count = 0;
  for (let at = 0; at < length; at++) if (is(at)) count++;
  const found = new Int32Array(count);
  for (let at = 0, n = 0; n < count; at++) if (is(at)) found[n++] = at;
  return found;
}

/** The same, at once. */
export const proposeNow = (of: PromptCase, request: PromptRequest, memory?: PromptMemory): PromptProposal | null =>
  atOnce(propose(of, request, memory));

/** So much further than to the border of what was proposed a prompt reaches. */
const zoneReach = 5;

/**
 * What was proposed stays but about the last prompt, so that a positive one only adds and a negative one only removes: there, by ways
 * through what looks the same, a few times as far as to the border of what was proposed. A person points at the middle of what is wrong. Where
 * accepted cases taught the looks, they count beside the ways.
 */
function mend(looks: Float32Array, held: Uint8Array, last: Prompt, signs: Int8Array, region: Region, isTaught: boolean): Believed {
  const { size } = region.grid;
  const value = last.positive ? 1 : -1;
  const own = seedsOf([last], region.grid, Math.min(...region.spacing));
  const from: number[] = [];
  for (let at = 0; at < own.length; at++) if (own[at] === value && signs[at] === value) from.push(at);
  const reached = new Geodesic(costsOf(looks, !last.positive), size, region.spacing, (at) => signs[at] === -value);
  const wrong = last.positive ? 0 : 1;
  // Where nobody has said what belongs, nothing stands against what does not.
  const unopposed = !last.positive && !signs.includes(1);
  let border = unreached;
  reached.add(from, (at, time) => {
    if (border === unreached && held[at] !== wrong) border = time;
    return !unopposed && time > border * zoneReach;
  });
  const zone = unopposed ? Math.min((border * zoneReach) / 2, middleTime(reached.times, held)) : border * zoneReach;
  const seeds = signs.slice();
  for (let at = 0; at < seeds.length; at++) {
    if (seeds[at] !== 0 || (held[at] === wrong && (reached.times[at] as number) <= zone)) continue;
    seeds[at] = held[at] === 1 ? 1 : -1;
  }
  // What was proposed wrongly looks as if it belonged: what is nearer to the prompt than to all that belongs goes.
  const even = new Uint8Array(held.length).fill(1);
  const strides = [1, size[0], size[0] * size[1]];
  // Of all that is settled, every way to what is open begins there.
  const isBesideFree = (at: number): boolean => strides.some((stride) => seeds[at - stride] === 0 || seeds[at + stride] === 0);
  const times = ([1, -1] as const).map((sign) => {
    const ways = new Geodesic(last.positive ? costsOf(looks, sign === -1) : even, size, region.spacing, (at) => seeds[at] === -sign);
    const starts: number[] = [];
    // What takes away does so from where it was said alone: from the outside it would eat into the structure all around.
    const of = sign === value && !last.positive ? signs : seeds;
    for (let at = 0; at < seeds.length; at++) if (of[at] === sign && (of === signs || isBesideFree(at))) starts.push(at);
    ways.add(starts);
    return ways.times;
  });
  const prior = looks.map((_, at) => {
    const [to, away] = [times[0]?.[at] as number, times[1]?.[at] as number];
    if (unopposed && seeds[at] === 0) return 0;
    const byWays = to + away === 0 ? 0.5 : away / (to + away);
    return isTaught ? leaning(byWays, looks[at] as number) : byWays;
  });
  return { seeds, prior };
}

/** When half of what was proposed is reached: no more of it goes at once where nobody has said what belongs. */
function middleTime(times: Uint32Array, held: Uint8Array): number {
  const reached = times.filter((time, at) => held[at] === 1 && time !== unreached).sort();
  return reached[reached.length >> 1] ?? unreached;
}

/** A wider box where the mask reaches a face that is not the image's; null where it reaches none. */
function grown(box: Box, mask: Uint8Array, region: Region, size: Triple): Box | null {
  const touched = touchedFaces(mask, region.grid.size);
  const more = touched.map(
    ([lower, upper], axis) => (lower && (box.lower[axis] as number) > 0) || (upper && (box.upper[axis] as number) < (size[axis] as number)),
  );
  if (!more.some(Boolean)) return null;
  const extent = boxSize(box);
  return expandBox(box, extent.map((n, axis) => (more[axis] === true ? Math.ceil(n / 2) : 0)) as unknown as Triple, size);
}

/** So many samples of each class beside the prompts' own. */
const sampled = 1200;

function samplesOf(guess: Uint8Array, own: Int8Array): Sample[] {
  const samples: Sample[] = [];
  const add = (from: Int32Array, target: 0 | 1, mass: number): void => {
    const count = Math.min(from.length, sampled);
    for (let n = 0; n < count; n++)
      samples.push({ at: from[Math.floor((n * from.length) / count)] as number, target, weight: mass / count });
  };
  for (const target of [0, 1] as const) {
    add(
      indicesWhere(guess.length, (at) => own[at] === 0 && (guess[at] === 1) === (target === 1)),
      target,
      50,
    );
    const said = indicesOf(own, target === 1 ? 1 : -1);
    add(said, target, 60 * Math.min(8, said.length));
  }
  return samples;
}
