import { spacing, type LpsPoint, type Triple, type Volume } from '../geometry/grid.ts';
import { resampleVolume } from '../geometry/resample.ts';
import { unionBox, type Box } from '../segmentation/box.ts';
import { featuresOf, smoothed, type Features } from './features.ts';
import { oddsBy, valuesOf, type Perceptron } from './perceptron.ts';
import { pointsOf, seedsOf, type Prompt } from './prompt.ts';
import { about, boxAround, normalised, referenceOf, regionOf, regionVoxels, sample, type Region } from './region.ts';
import { likeness, spread } from './spread.ts';

/** What accepted cases teach of a structure: the odds of a voxel by what it looks like and where it lies from what the first prompt points at. */
export interface Lesson {
  readonly values: Float32Array;
}

/** What a lesson is told of each voxel, and the layers between that and the odds. */
export const told = 23;
export const hidden = [24, 12] as const;
const sizes = [told, ...hidden, 1] as const;

/** Null for anything else. */
export function lessonOf(values: Float32Array): Lesson | null {
  return values.length === valuesOf(sizes) && values.every(Number.isFinite) ? { values } : null;
}

/** A region as it is seen from a first prompt. */
export interface Seen {
  readonly region: Region;
  /** The image's own intensities. */
  readonly raw: Float32Array;
  /** Intensities about those that the prompt lies on. */
  readonly values: Float32Array;
  readonly smooth: Float32Array;
  readonly features: Features;
  /** How each voxel is reached from it by ways through what looks alike, 0 … 1. */
  readonly reached: Float32Array;
}

/** The box that a first prompt's own surroundings fill. */
export const firstBox = (image: Volume, first: Prompt): Box | null =>
  boxAround(image.grid, pointsOf(first), Math.min(...spacing(image.grid)) * (regionVoxels / 2 - 1));

export function seenFrom(image: Volume, box: Box, first: Prompt): Seen {
  const region = regionOf(image.grid, box);
  const { size } = region.grid;
  const raw = sample(image, region);
  const own = normalised(raw);
  const signs = seedsOf([first], region.grid, Math.min(...region.spacing));
  const noise = Math.min(...region.spacing) * 0.7;
  const chosen = [...signs.entries()].flatMap(([at, sign]) => (sign === 1 ? [at] : []));
  const values = about(own, referenceOf(smoothed(own, size, region.spacing, noise), size, chosen));
  const smooth = smoothed(values, size, region.spacing, noise);
  const like = likeness(smooth);
  const reached = spread(like, like, [first], signs, signs, region).prior;
  return { region, raw, values, smooth, features: featuresOf(values, size, region.spacing), reached };
}

/** Channels that a lesson is told: looks, the image's own intensity, where a voxel lies from the first prompt (LPS, a scale that is finer near it), and how it is reached by ways through what looks alike. */
export function toldOf(image: Volume, { region, raw, smooth, features, reached }: Seen, first: Prompt): Float32Array[] {
  return [...features.channels, smooth, ownIntensity(image, raw), ...placesFrom(region, middleOf(pointsOf(first))), reached];
}

/** The logarithm of the odds of each voxel of the region. In a large one, voxels between some that are all sure are as those are: only what is left has to be asked about. */
export function oddsOf({ values }: Lesson, image: Volume, seen: Seen, first: Prompt): Float32Array {
  const by: Perceptron = { sizes, values };
  const channels = toldOf(image, seen, first);
  const odds = new Float32Array(seen.values.length);
  if (odds.length < large) oddsBy(by, channels, Int32Array.from(odds.keys()), odds);
  else {
    oddsBy(by, channels, everySecond(seen.region.grid.size), odds);
    oddsBy(by, channels, betweenUnlike(odds, seen.region.grid.size), odds);
  }
  return odds;
}

/** Voxels of a region that is large. */
const large = 60_000;
/** Odds beyond which a voxel is sure: well beyond where they are cut. */
const sure = 6;

/** Every second voxel along each axis. */
function everySecond([ni, nj, nk]: Triple): Int32Array {
  const places = new Int32Array(Math.ceil(ni / 2) * Math.ceil(nj / 2) * Math.ceil(nk / 2));
  let n = 0;
  for (let k = 0; k < nk; k += 2) for (let j = 0; j < nj; j += 2) for (let i = 0; i < ni; i += 2) places[n++] = i + ni * (j + nj * k);
  return places;
}

/** Of the voxels between those, the ones whose neighbours among them are not all sure of the same; the others get what is least sure. */
function betweenUnlike(odds: Float32Array, [ni, nj, nk]: Triple): Int32Array {
  const places = new Int32Array(odds.length);
  let n = 0;
  for (let k = 0, at = 0; k < nk; k++) {
    const [below, above] = [k & 1 ? -ni * nj : 0, k & 1 && k + 1 < nk ? ni * nj : k & 1 ? -ni * nj : 0];
    for (let j = 0; j < nj; j++) {
      const [front, back] = [j & 1 ? -ni : 0, j & 1 && j + 1 < nj ? ni : j & 1 ? -ni : 0];
      for (let i = 0; i < ni; i++, at++) {
        if (!((i | j | k) & 1)) continue;
        const [left, right] = [i & 1 ? -1 : 0, i & 1 && i + 1 < ni ? 1 : i & 1 ? -1 : 0];
        let [low, high] = [Infinity, -Infinity];
        for (let corner = 0; corner < 8; corner++) {
          const value = odds[at + (corner & 1 ? left : right) + (corner & 2 ? front : back) + (corner & 4 ? below : above)] as number;
          if (value < low) low = value;
          if (value > high) high = value;
        }
        if (low > sure) odds[at] = low;
        else if (high < -sure) odds[at] = high;
        else places[n++] = at;
      }
    }
  }
  return places.subarray(0, n);
}

/** What a lesson says of a structure that is pointed out, worked out once about its first prompt; further away it says nothing. */
export class Taught {
  readonly #lesson: Lesson;
  readonly #first: Prompt;
  readonly #known: { readonly region: Region; readonly odds: Float32Array } | null;

  /** `seen`: what is known already; else `around` is looked at as well. */
  constructor(lesson: Lesson, image: Volume, first: Prompt, { seen, around }: { readonly seen?: Seen; readonly around?: Box | null }) {
    this.#lesson = lesson;
    this.#first = first;
    const box = unionBox(firstBox(image, first), around ?? null);
    const from = seen ?? (box === null ? null : seenFrom(image, box, first));
    this.#known = from === null ? null : { region: from.region, odds: oddsOf(lesson, image, from, first) };
  }

  /** By what they hold: each request may bring copies. */
  isOf(lesson: Lesson, first: Prompt): boolean {
    const own = this.#lesson.values;
    return lesson.values.every((value, at) => value === own[at]) && JSON.stringify(first) === JSON.stringify(this.#first);
  }

  /** NaN where it says nothing. */
  on(region: Region): Float32Array {
    if (this.#known === null) return new Float32Array(region.grid.size[0] * region.grid.size[1] * region.grid.size[2]).fill(NaN);
    const { grid } = this.#known.region;
    if (region === this.#known.region) return this.#known.odds;
    return resampleVolume({ grid, data: this.#known.odds }, region.grid, 'linear', { background: NaN }).data;
  }
}

/** How much the lesson's word counts beside that of the case's own classifier, and how sure it can be. */
const share = 0.6;
const surest = 4;

/** The classifier's chances and the lesson's odds together. */
export function bothOf(chance: Float32Array, odds: Float32Array): Float32Array {
  return chance.map((own, at) => {
    const said = odds[at] as number;
    if (Number.isNaN(said)) return own;
    return chanceOf((1 - share) * oddsFrom(own, 1e-4) + share * Math.max(-surest, Math.min(surest, said)));
  });
}

/** The same chances where the looks are not all that counts: half of what they say is added. */
export const leaning = (chance: number, looks: number): number => chanceOf(oddsFrom(chance, 0.01) + 0.5 * oddsFrom(looks, 0.01));

const chanceOf = (odds: number): number => 1 / (1 + Math.exp(-odds));
const oddsFrom = (chance: number, least: number): number => Math.log((chance + least) / (1 + least - chance));

const middleOf = (points: readonly LpsPoint[]): LpsPoint =>
  [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + (point[axis] as number), 0) / points.length) as unknown as LpsPoint;

/** Mm that are told apart well. */
const near = 5;

function placesFrom({ grid }: Region, point: LpsPoint): Float32Array[] {
  const [ni, nj, nk] = grid.size;
  const [x, y, z, away] = [0, 1, 2, 3].map(() => new Float32Array(ni * nj * nk)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [ax, bx, cx, dx, ay, by, cy, dy, az, bz, cz, dz] = grid.affine;
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      const [px, py, pz] = [bx * j + cx * k + dx - point[0], by * j + cy * k + dy - point[1], bz * j + cz * k + dz - point[2]];
      for (let i = 0; i < ni; i++, at++) {
        const [u, v, w] = [px + ax * i, py + ay * i, pz + az * i];
        x[at] = finer(u);
        y[at] = finer(v);
        z[at] = finer(w);
        away[at] = finer(Math.sqrt(u * u + v * v + w * w));
      }
    }
  return [x, y, z, away];
}

const finer = (mm: number): number => (mm < 0 ? -Math.log1p(-mm / near) : Math.log1p(mm / near));

interface Levels {
  readonly middle: number;
  readonly deviation: number;
}

const levels = new WeakMap<Volume, Levels>();

/** Intensities by those of the whole image but its darkest: middle 0, deviation 1. */
function ownIntensity(image: Volume, raw: Float32Array): Float32Array {
  const { middle, deviation } = levels.get(image) ?? levelsOf(image);
  return raw.map((value) => Math.max(-5, Math.min(5, (value - middle) / deviation)));
}

function levelsOf(image: Volume): Levels {
  const stride = Math.max(1, Math.floor(image.data.length / 50_000));
  const some: number[] = [];
  for (let at = 0; at < image.data.length; at += stride) if (Number.isFinite(image.data[at])) some.push(image.data[at] as number);
  const all = Float64Array.from(some).sort();
  const at = (of: Float64Array, part: number): number => of[Math.min(of.length - 1, Math.floor(of.length * part))] ?? 0;
  const [low, high] = [at(all, 0.01), at(all, 0.99)];
  const body = all.filter((value) => value > low + 0.02 * (high - low));
  const found = { middle: at(body, 0.5), deviation: Math.max(1e-6, (at(body, 0.9) - at(body, 0.1)) / 2.56) };
  levels.set(image, found);
  return found;
}
