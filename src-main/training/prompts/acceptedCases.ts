import { Random } from '#shared/base/random.ts';
import { membersOf } from '#shared/domain/regions.ts';
import { spacing, type Grid, type Triple, type Volume, type VoxelArray } from '#shared/geometry/grid.ts';
import { firstBox, room, widerBox } from '#shared/prompts/askNetwork.ts';
import type { NamedStructure } from '#shared/prompts/reader.ts';
import { normalised, regionOf, sample, shareOf } from '#shared/prompts/region.ts';
import { seen, seenProposal, viewAround, type View } from '#shared/prompts/view.ts';
import { componentsOf } from '#shared/segmentation/components.ts';
import { boxSize, expandBox, freePolicy, unionBox, wholeBox, type Box } from '#shared/segmentation/index.ts';
import { generatedVolume, type PointedCase } from './generatedVolume.ts';
import type { PointedCases } from './promptSamples.ts';

/** A structure of an accepted case with what lies around it, on at most 64³ voxels. */
export interface Look {
  readonly structure: string;
  readonly image: Volume<Float32Array>;
  /** 0 outside the structure, else the number of its connected part, from 1 on. */
  readonly part: Uint8Array;
  /** Around parts 1, 2, …; specks that nobody would point at alone have none. */
  readonly parts: readonly Box[];
}

/** What lies around a structure, in its extents: it is looked at from further away, too. */
const around = room * 1.6;
const leastPart = 24;
const mostParts = 200;

/** What of a case can be pointed at. The mask lies on the image's grid. */
export function looksOf(image: Volume, mask: Volume, structures: readonly NamedStructure[]): Look[] {
  return structures.flatMap(({ name, values }) => {
    const member = membersOf(values);
    const box = boxOf(mask.data, image.grid.size, member);
    if (box === null) return [];
    const step = spacing(image.grid);
    const extent = Math.max(...boxSize(box).map((n, axis) => n * (step[axis] as number)));
    const margin = boxSize(box).map((n, axis) => Math.ceil((around * extent) / (step[axis] as number) - n) / 2 + 2);
    const region = regionOf(
      image.grid,
      expandBox(box, margin.map((n) => Math.max(2, Math.round(n))) as unknown as Triple, image.grid.size),
    );
    const { grid } = region;
    const whole = Uint8Array.from(shareOf(mask.data, image.grid.size, region, member), (share) => (share >= 0.5 ? 1 : 0));
    const { part, parts } = partsOf(whole, grid);
    return parts.length === 0 ? [] : [{ structure: name, image: { grid, data: sample(image, region) }, part, parts }];
  });
}

function boxOf(data: VoxelArray, [ni, nj]: Triple, member: Uint8Array): Box | null {
  const lower: [number, number, number] = [Infinity, Infinity, Infinity];
  const upper: [number, number, number] = [0, 0, 0];
  for (let at = 0; at < data.length; at++) {
    if (member[data[at] as number] !== 1) continue;
    const place = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
    for (const axis of [0, 1, 2] as const) {
      lower[axis] = Math.min(lower[axis], place[axis] as number);
      upper[axis] = Math.max(upper[axis], (place[axis] as number) + 1);
    }
  }
  return upper[0] === 0 ? null : { lower, upper };
}

/** Connected parts, the largest first; specks share the number behind the last part. */
function partsOf(whole: Uint8Array, grid: Grid): Pick<Look, 'part' | 'parts'> {
  const [ni, nj] = grid.size;
  const { runs, start, length, component, voxels } = componentsOf(
    { volume: { grid, data: whole }, policy: freePolicy },
    wholeBox(grid.size),
    1,
  );
  const order = [...voxels.keys()]
    .filter((n) => (voxels[n] as number) >= leastPart)
    .sort((a, b) => (voxels[b] as number) - (voxels[a] as number));
  const kept = new Map(order.slice(0, mostParts).map((n, index) => [n, index]));
  const part = new Uint8Array(whole.length);
  const parts: (Box | null)[] = [...kept].map(() => null);
  for (let run = 0; run < runs; run++) {
    const [from, count] = [start[run] as number, length[run] as number];
    const index = kept.get(component[run] as number);
    part.fill((index ?? kept.size) + 1, from, from + count);
    if (index === undefined) continue;
    const [i, j, k] = [from % ni, Math.floor(from / ni) % nj, Math.floor(from / (ni * nj))];
    parts[index] = unionBox(parts[index] ?? null, { lower: [i, j, k], upper: [i + count, j + 1, k + 1] });
  }
  return { part, parts: parts.filter((box) => box !== null) };
}

/** So often a generated volume, so that what other structures and contrasts look like is not forgotten. */
const generatedShare = 0.3;
/** So often as the first click is answered: about a point, and wider until the structure lies in the cube. */
const firstLookShare = 0.4;
/** So often one part of several alone is meant. */
const onePartShare = 0.25;
const leastSeen = 12;

/** Draws of what accepted cases hold, every structure alike often, as `askNetwork` looks at it. A function of its arguments and the draw alone. */
export function acceptedCases(looks: readonly Look[], side: number, seed: number): PointedCases {
  const structures = [...Map.groupBy(looks, ({ structure }) => structure).values()];
  return (draw) => {
    const random = new Random((Math.imul(seed + 1, 0x9e37_79b1) ^ Math.imul(draw + 1, 0x85eb_ca6b)) >>> 0);
    if (random.next() >= generatedShare)
      for (let attempt = 0; attempt < 8; attempt++) {
        const own = structures[random.integer(structures.length)] ?? [];
        const look = own[random.integer(own.length)];
        const made = look === undefined ? null : lookedAt(look, side, random);
        if (made !== null) return made;
      }
    return generatedVolume(random.uint32() >>> 4, side);
  };
}

/** Null where too little of it is seen. */
function lookedAt(look: Look, side: number, random: Random): PointedCase | null {
  const { image, part, parts } = look;
  const { size } = image.grid;
  const chosen = random.integer(parts.length);
  const isOne = parts.length > 1 && random.next() < onePartShare;
  const isWhole = !isOne && random.next() < 0.5;
  const box = isWhole ? parts.reduce((all, each) => unionBox(all, each) as Box) : (parts[chosen] as Box);
  const view = random.next() < firstLookShare ? firstLook(look, chosen, box, side, random) : fitted(image.grid, box, side, random);
  const bits = part.map((n) => (n === chosen + 1 || (n !== 0 && !isOne) ? 1 : 0));
  const truth = seenProposal(view, { box: wholeBox(size), bits, factor: [1, 1, 1] }, size);
  if (truth.reduce((sum, value) => sum + value, 0) < leastSeen) return null;
  return changed({ values: seen(view, image.data, size), truth }, side, random);
}

/** As the cube lies after a first click: about a point of the structure, wider and wider until that lies in it. */
function firstLook({ image: { grid }, part }: Look, chosen: number, box: Box, side: number, random: Random): View {
  const [ni, nj] = grid.size;
  const own: Triple[] = [];
  for (let tries = 0; own.length < 12 && tries < 20_000; tries++) {
    const at = random.integer(part.length);
    if (part[at] === chosen + 1) own.push([at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))]);
  }
  const centre = ([0, 1, 2] as const).map((axis) => own.reduce((sum, place) => sum + place[axis] / own.length, 0));
  const away = (place: Triple): number => place.reduce((sum, n, axis) => sum + (n - (centre[axis] as number)) ** 2, 0);
  // Mostly in its middle, as a careful person clicks.
  const deep = [...own].sort((a, b) => away(a) - away(b))[random.next() < 0.6 ? 0 : random.integer(Math.max(1, own.length))];
  if (deep === undefined) return fitted(grid, box, side, random);
  const looks = [firstBox(grid, { lower: deep, upper: deep.map((n) => n + 1) as unknown as Triple }, side)];
  const holds = (outer: Box): boolean =>
    box.lower.every((n, axis) => n >= (outer.lower[axis] as number)) && box.upper.every((n, axis) => n <= (outer.upper[axis] as number));
  while (looks.length < 6 && !holds(looks.at(-1) as Box)) looks.push(widerBox(grid, looks.at(-1) as Box));
  return viewAround(grid, looks[random.integer(looks.length)] as Box, side, room);
}

/** About what somebody may have proposed: its box, a little off; now and then from further away. */
function fitted(grid: Grid, box: Box, side: number, random: Random): View {
  const step = spacing(grid);
  const extent = Math.max(...boxSize(box).map((n, axis) => n * (step[axis] as number)));
  const off = ([0, 1, 2] as const).map((axis) => [0, 1].map(() => Math.round((random.normal() * 0.08 * extent) / step[axis])));
  const lower = box.lower.map((n, axis) => n - (off[axis]?.[0] ?? 0)) as unknown as Triple;
  const upper = box.upper.map((n, axis) => Math.max((lower[axis] as number) + 1, n + (off[axis]?.[1] ?? 0))) as unknown as Triple;
  const near = { lower, upper };
  return viewAround(grid, random.next() < 0.15 ? widerBox(grid, near) : near, side, room);
}

/** Mirrored, and of slightly other intensities. */
function changed({ values, truth }: PointedCase, side: number, random: Random): PointedCase {
  const mirrored = [0, 1, 2].map(() => random.next() < 0.5);
  const exponent = Math.exp(0.15 * random.normal());
  const noise = random.uniform(0, 0.04);
  const plain = normalised(values);
  const from = (at: number): number => {
    const place = [at % side, Math.floor(at / side) % side, Math.floor(at / (side * side))].map((n, axis) =>
      mirrored[axis] ? side - 1 - n : n,
    );
    return (place[0] as number) + side * ((place[1] as number) + side * (place[2] as number));
  };
  return {
    values: Float32Array.from(plain, (_, at) => {
      const value = ((plain[from(at)] as number) + 1) / 2;
      return Math.sign(value) * Math.abs(value) ** exponent + noise * random.normal();
    }),
    truth: Uint8Array.from(truth, (_, at) => truth[from(at)] as number),
  };
}
