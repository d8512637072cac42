import { atOnce } from '../base/steps.ts';
import { neverCancelled } from '../base/cancellation.ts';
import { squaredDistanceTransform } from '../domain/distanceTransform.ts';
import { membersOf } from '../domain/regions.ts';
import type { Grid, Triple, Volume } from '../geometry/grid.ts';
import { resampleVolume } from '../geometry/resample.ts';
import { boxSize, type Box } from '../segmentation/box.ts';
import { classify, type Sample } from './classifier.ts';
import { featuresOf, smoothed } from './features.ts';
import type { PromptProposal } from './proposal.ts';
import type { PromptCase } from './propose.ts';
import { about, normalised, referenceOf } from './region.ts';
import { fillEnclosed, keepSeeded, touchedFaces } from './shape.ts';
import {
  cutBy,
  forEachCut,
  holdsSlice,
  layerOf,
  pixelOf,
  pixelSize,
  rectangleOf,
  slabOf,
  slicesOn,
  widerRectangle,
  type Rectangle,
  type Slab,
  type SlicePlane,
} from './slab.ts';
import { votesFrom, votesReach } from './votes.ts';
import { randomWalker } from './walker.ts';

/** What goes on from a slice into the next one. */
export interface CarryRequest {
  /** The slice that is known. */
  readonly plane: SlicePlane;
  /** Along the plane's normal, or against it. */
  readonly direction: 1 | -1;
  readonly label: number;
  /** Labels that lie inside it. */
  readonly inner: readonly number[];
  /** 1 for values of labels that keep their voxels. */
  readonly barred: Uint8Array;
  /** What a prompt network says of the slices about it (`askSlice`). */
  readonly opinion?: Volume<Float32Array> | null;
}

/** A proposal in the next slice, and what the label is there now, where the proposal takes the place of that. */
export type Carried =
  | { readonly kind: 'found'; readonly proposal: PromptProposal; readonly base: PromptProposal | null }
  /** The label is not in the slice that should be known; there is no further slice; nothing of it is found there. */
  | { readonly kind: 'empty' | 'image ends' | 'nothing' };

/** Most pixels of a slice that are worked on. */
const mostPixels = 32_000;
/** How far beyond the known slice's outline is looked at first: mm, and a share of its width. */
const leastMargin = 12;
const marginShare = 0.25;
const mostGrowths = 2;
/** Fewer pixels than these are nothing. */
const leastPixels = 3;
/** How much the logarithm of the odds by each witness counts, and how much it counts at most. */
const weights = {
  /** What a voxel looks like, by the classifier of the whole slice. */
  look: { by: 0.4, most: 4 },
  /** What it looks like about the same place. */
  votes: { by: 1, most: 3 },
  /** How far it lies from the known outline, in the way that an outline moves from slice to slice. */
  outline: { by: 1, most: 2.2 },
  network: { by: 0.5, most: 0.7 },
} as const;
/** Mm that an outline moves for each from slice to slice. */
const slope = 0.6;
const ridge = 1;
/** How much all of this counts against the neighbours. */
const trust = 0.5;

/**
 * What a label's slice becomes in the next one. A classifier of the voxels learns from the slice itself what belongs; how far from the slice's
 * outline a voxel lies counts beside what it looks like, and a random walker draws the border. A generator, as `propose`.
 */
export function* carry({ image, mask }: PromptCase, request: CarryRequest): Generator<void, Carried> {
  const { grid } = image;
  const { plane, direction } = request;
  const belongs = membersOf([request.label, ...request.inner]);
  const known = rectangleOf(grid, mask.data, plane, belongs);
  if (known === null) return { kind: 'empty' };
  const there = slicesOn(grid, plane, direction);
  if (!holdsSlice(grid, there)) return { kind: 'image ends' };
  const isSlice = (steps: number): boolean => holdsSlice(grid, slicesOn(grid, plane, steps * direction));
  const reach = [isSlice(-1) ? -1 : 0, isSlice(2) ? 2 : 1] as const;
  let box = marginAbout(grid, plane, known, 0);
  for (let growth = 1; ; growth++) {
    yield;
    const slab = slabOf(grid, plane, direction, reach, box, mostPixels);
    const shape = yield* shapeThere({ image, mask }, request, slab, -reach[0], belongs);
    const wider = growth > mostGrowths ? box : marginAbout(grid, plane, known, growth);
    if (!goesOn(shape.kept, slab, box, wider)) return drawn(mask, request, slab, there, shape);
    box = wider;
  }
}

/** What was found in the next slice, by pixel of the slab. */
interface Shape {
  readonly chance: Float32Array;
  readonly kept: Uint8Array;
  /** 1 where the known slice has it. */
  readonly inside: Uint8Array;
  /** Label values. */
  readonly labels: ArrayLike<number>;
}

function marginAbout(grid: Grid, plane: SlicePlane, known: Rectangle, growth: number): Rectangle {
  const [width, height] = pixelSize(grid, plane);
  const by = (pixels: number, mm: number): number => Math.ceil(2 ** growth * Math.max(leastMargin / mm, marginShare * pixels));
  return widerRectangle(grid, plane, known, by(known.right - known.left + 1, width), by(known.bottom - known.top + 1, height));
}

/** Whether what was found reaches an edge that the wider rectangle goes beyond. */
function goesOn(kept: Uint8Array, { grid: { size } }: Slab, box: Rectangle, wider: Rectangle): boolean {
  const [across, along] = touchedFaces(kept, [size[0], size[1], 1]) as [readonly [boolean, boolean], readonly [boolean, boolean]];
  return (
    (across[0] && wider.left < box.left) ||
    (across[1] && wider.right > box.right) ||
    (along[0] && wider.top < box.top) ||
    (along[1] && wider.bottom > box.bottom)
  );
}

function* shapeThere(
  { image, mask }: PromptCase,
  { barred, opinion = null }: CarryRequest,
  slab: Slab,
  own: number,
  belongs: Uint8Array,
): Generator<void, Shape> {
  const { size } = slab.grid;
  const count = size[0] * size[1];
  const flat: Triple = [size[0], size[1], 1];
  const there = own + 1;
  const seen = resampleVolume(image, slab.grid, 'linear', { background: NaN }).data;
  const isOutside = seen.map((value) => (Number.isFinite(value) ? 0 : 1));
  for (let at = 0; at < seen.length; at++) if (isOutside[at] === 1) seen[at] = 0;
  const labelsIn = (layer: number): ArrayLike<number> => resampleVolume(mask, layerOf(slab, layer), 'nearest').data;
  const inside = Uint8Array.from(labelsIn(own), (value) => belongs[value] as number);
  const labels = labelsIn(there);
  yield;
  const chosen: number[] = [];
  inside.forEach((value, at) => value === 1 && chosen.push(own * count + at));
  const values = normalised(seen);
  const sigma = Math.min(...slab.spacing) * 0.7;
  const contrasted = about(values, referenceOf(smoothed(values, size, slab.spacing, sigma), size, chosen));
  const features = featuresOf(contrasted, size, slab.spacing);
  yield;
  const looks = classify(features, samplesOf(inside, isOutside, own * count), ridge);
  yield;
  const smooth = smoothed(contrasted, size, slab.spacing, sigma);
  const slice = (of: Float32Array, layer: number): Float32Array => of.subarray(layer * count, (layer + 1) * count);
  const outline = signedDistance(inside, flat, slab.spacing);
  const far = (votesReach + 3) * Math.max(slab.spacing[0], slab.spacing[1]);
  const votes = votesFrom(slice(smooth, own), inside, slice(smooth, there), flat, (at) => Math.abs(outline[at] as number) <= far);
  yield;
  const said = opinion === null ? null : resampleVolume(opinion, layerOf(slab, there), 'linear', { background: 0.5 }).data;
  const move = slope * slab.spacing[2] + 0.5 * Math.max(slab.spacing[0], slab.spacing[1]);
  const prior = new Float32Array(count);
  const seeds = new Int8Array(count);
  for (let at = 0; at < count; at++) {
    const away = outline[at] as number;
    const odds =
      counted(weights.look, logit(looks[there * count + at] as number)) +
      counted(weights.outline, -away / move) +
      counted(weights.votes, Math.abs(away) <= far ? (votes[at] as number) : -Math.sign(away) * Infinity) +
      (said === null ? 0 : counted(weights.network, logit(said[at] as number)));
    prior[at] = 1 / (1 + Math.exp(-odds));
    const label = labels[at] as number;
    if (isOutside[there * count + at] === 1 || (barred[label] === 1 && belongs[label] !== 1)) seeds[at] = -1;
  }
  const chance = randomWalker({
    seeds,
    prior,
    values: slice(smooth, there),
    size: flat,
    spacing: slab.spacing,
    trust,
    cancellation: neverCancelled,
  });
  yield;
  const whole = Uint8Array.from(chance, (value) => (value > 0.5 ? 1 : 0));
  const within = Int8Array.from(inside, (value, at) => (value === 1 && seeds[at] === 0 ? 1 : -1));
  const isBeside = inside.some((value, at) => value === 1 && whole[at] === 1);
  const kept = isBeside ? fillEnclosed(keepSeeded(whole, flat, within), flat, within) : new Uint8Array(count);
  return { chance, kept, inside, labels };
}

const logit = (chance: number): number => Math.log(Math.max(1e-6, chance) / Math.max(1e-6, 1 - chance));

interface Weight {
  readonly by: number;
  readonly most: number;
}

const counted = ({ by, most }: Weight, odds: number): number => Math.max(-most, Math.min(most, by * odds));

/** Mm from the outline: negative inside. */
function signedDistance(inside: Uint8Array, size: Triple, spacing: Triple): Float32Array {
  const to = squaredDistanceTransform(inside, size, spacing);
  const out = squaredDistanceTransform(inside.map((value) => 1 - value), size, spacing); // prettier-ignore
  const half = Math.min(spacing[0], spacing[1]) / 2;
  return Float32Array.from(inside, (value, at) => (value === 1 ? half - Math.sqrt(out[at] as number) : Math.sqrt(to[at] as number) - half));
}

/** So many samples of each class. */
const sampled = 1500;

/** Of the known slice, what belongs and what lies around it. */
function samplesOf(inside: Uint8Array, isOutside: ArrayLike<number>, first: number): Sample[] {
  const of: readonly [number[], number[]] = [[], []];
  inside.forEach((value, at) => isOutside[first + at] === 0 && of[value === 1 ? 1 : 0].push(first + at));
  return ([0, 1] as const).flatMap((target) => {
    const from = of[target];
    const count = Math.min(from.length, sampled);
    return Array.from({ length: count }, (_, n) => ({
      at: from[Math.floor((n * from.length) / count)] as number,
      target,
      weight: 200 / count,
    }));
  });
}

/** What was found, at the image's own voxels. */
function drawn(
  mask: PromptCase['mask'],
  { plane, label, barred }: CarryRequest,
  slab: Slab,
  there: SlicePlane,
  { chance, kept, inside, labels }: Shape,
): Carried {
  const { grid, data } = mask;
  const [width, height] = slab.grid.size;
  if (kept.reduce((sum, value) => sum + value, 0) < leastPixels) return { kind: 'nothing' };
  const place = pixelOf(grid, there);
  const sure = chance.map((value, at) => (kept[at] === 1 ? Math.max(0.51, value) : Math.min(0.49, value)));
  const seeds = Int8Array.from(inside, (value, at) => (value === 1 || kept[at] === 1 ? 1 : 0));
  const isLabel = Uint8Array.from(labels, (value) => (value === label ? 1 : 0));
  const before = isLabel.some((value, at) => value === 1 && seeds[at] === 1)
    ? keepSeeded(isLabel, [width, height, 1], seeds)
    : new Uint8Array(kept.length);
  const isKnown = cutBy(grid, plane);
  const found: number[] = [];
  const base: number[] = [];
  forEachCut(grid, there, (at, i, j, k) => {
    const [x, y] = place(i, j, k).map((value, axis) => (value - (slab.first[axis] as number)) / slab.factor) as [number, number];
    const nearest = Math.round(x) + width * Math.round(y);
    if (x < -0.5 || y < -0.5 || x >= width - 0.5 || y >= height - 0.5 || isKnown(i, j, k)) return;
    if (data[at] === label && before[nearest] === 1) base.push(at);
    if (barred[data[at] as number] !== 1 && between(sure, x, y, width, height) > 0.5) found.push(at);
  });
  if (found.length === 0) return { kind: 'nothing' };
  return { kind: 'found', proposal: proposed(found, grid.size), base: base.length === 0 ? null : proposed(base, grid.size) };
}

function between(values: Float32Array, x: number, y: number, width: number, height: number): number {
  const [i, j] = [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
  const [left, top] = [Math.floor(i), Math.floor(j)];
  const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
  const row = (n: number): number => {
    const [a, b] = [values[left + width * n] as number, values[right + width * n] as number];
    return a + (b - a) * (i - left);
  };
  return row(top) + (row(bottom) - row(top)) * (j - top);
}

/** Voxels by their index, as a proposal. */
function proposed(voxels: readonly number[], [ni, nj]: Triple): PromptProposal {
  const lower: [number, number, number] = [Infinity, Infinity, Infinity];
  const upper: [number, number, number] = [0, 0, 0];
  for (const at of voxels) {
    const row = Math.floor(at / ni);
    const place: Triple = [at - row * ni, row % nj, Math.floor(row / nj)];
    for (const axis of [0, 1, 2] as const) {
      if (place[axis] < lower[axis]) lower[axis] = place[axis];
      if (place[axis] >= upper[axis]) upper[axis] = place[axis] + 1;
    }
  }
  const box: Box = { lower, upper };
  const [width, height, depth] = boxSize(box);
  const bits = new Uint8Array(width * height * depth);
  for (const at of voxels) {
    const row = Math.floor(at / ni);
    bits[at - row * ni - lower[0] + width * ((row % nj) - lower[1] + height * (Math.floor(row / nj) - lower[2]))] = 1;
  }
  return { box, bits, factor: [1, 1, 1] };
}

/** The same, at once. */
export const carryNow = (of: PromptCase, request: CarryRequest): Carried => atOnce(carry(of, request));
