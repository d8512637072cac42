import { Random } from '#shared/base/random.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { smoothed } from '#shared/prompts/features.ts';

/** An image and one structure of it, on a cube of `side` voxels, i fastest. */
export interface PointedCase {
  readonly values: Float32Array;
  readonly truth: Uint8Array;
}

/** How far inside a shape a place lies: above 0 inside, in voxels near its border. Nothing of it lies beyond `reach` of the centre. */
interface Shape {
  readonly depth: (i: number, j: number, k: number) => number;
  readonly centre: Triple;
  readonly reach: number;
}

const leastVoxels = 120;
/** So often the structure that is meant is larger than what is seen of it, as where somebody looks from too near. */
const largeShare = 0.25;

/**
 * A cube of tissues, ellipsoids, lobes, tubes and shells of random form, with intensities, blur, slices and noise drawn at random: it knows no
 * organ and every contrast. A function of its arguments alone.
 */
export function generatedVolume(seed: number, side: number): PointedCase {
  const random = new Random(seed);
  for (;;) {
    const made = attempt(random, side);
    if (made !== null) return made;
  }
}

/** Null where too little of the structure is seen. */
function attempt(random: Random, side: number): PointedCase | null {
  const region = new Uint8Array(side ** 3);
  const tissues = 1 + random.integer(4);
  paintTissues(random, region, side, tissues);
  const objects = 2 + random.integer(5);
  const meant = tissues + random.integer(objects);
  const isLarge = random.next() < largeShare;
  const hasCore = random.next() < 0.25;
  for (let n = 0; n < objects; n++) {
    const isMeant = tissues + n === meant;
    const shape = shapeOf(random, side, isMeant ? (isLarge ? 'large' : 'meant') : 'beside');
    paint(region, side, shape, tissues + n);
    // A core that looks unlike the rest belongs to some structures, and is a hollow in others.
    if (isMeant && hasCore) {
      const wall = random.uniform(1.5, 5);
      paint(region, side, { ...shape, depth: (i, j, k) => shape.depth(i, j, k) - wall }, tissues + objects);
    }
  }
  const wholeWithCore = hasCore && random.next() < 0.5;
  const truth = Uint8Array.from(region, (value) => (value === meant || (wholeWithCore && value === tissues + objects) ? 1 : 0));
  const voxels = truth.reduce((sum, value) => sum + value, 0);
  if (voxels < leastVoxels || voxels > (isLarge ? 0.9 : 0.5) * truth.length) return null;
  return { values: imageOf(random, region, side, meant, tissues + objects + 1), truth };
}

function paintTissues(random: Random, region: Uint8Array, side: number, tissues: number): void {
  const fields = Array.from({ length: tissues }, () => noiseField(random, side, 2 + random.integer(5)));
  for (let at = 0; at < region.length; at++) {
    let best = 0;
    for (let n = 1; n < tissues; n++) if ((fields[n]?.[at] as number) > (fields[best]?.[at] as number)) best = n;
    region[at] = best;
  }
}

function paint(region: Uint8Array, side: number, { depth, centre, reach }: Shape, value: number): void {
  const [low, high] = [-1, 1].map((way) =>
    centre.map((c) => Math.min(side, Math.max(0, way < 0 ? Math.floor(c - reach) : Math.ceil(c + reach) + 1))),
  ) as [number[], number[]];
  for (let k = low[2] as number; k < (high[2] as number); k++)
    for (let j = low[1] as number; j < (high[1] as number); j++)
      for (let i = low[0] as number; i < (high[0] as number); i++) if (depth(i, j, k) > 0) region[i + side * (j + side * k)] = value;
}

/** How far from the middle, and how large, in sides of the cube. */
const roles = {
  meant: { spread: 0.1, least: 0.2, most: 0.45 },
  large: { spread: 0.3, least: 0.42, most: 1 },
  beside: { spread: 0.35, least: 0.06, most: 0.4 },
} as const;

/** The structure that is meant lies about the middle and fills more of the cube than its neighbours. */
function shapeOf(random: Random, side: number, role: 'meant' | 'large' | 'beside'): Shape {
  const { spread, least, most } = roles[role];
  const centre = [0, 1, 2].map(() => side * (0.5 + random.uniform(-spread, spread))) as unknown as Triple;
  const size = side * Math.exp(random.uniform(Math.log(least), Math.log(most)));
  const kind = random.next();
  const plain =
    kind < 0.35
      ? ellipsoid(random, centre, size)
      : kind < 0.6
        ? lobes(random, centre, size, side)
        : kind < 0.85
          ? tube(random, centre, size, side)
          : shell(random, centre, size);
  const bumps = noiseField(random, side, 3 + random.integer(6));
  const height = random.uniform(0, 0.22) * Math.min(size, 8);
  const depth = (i: number, j: number, k: number): number => plain.depth(i, j, k) + height * (bumps[i + side * (j + side * k)] as number);
  return { depth, centre: plain.centre, reach: plain.reach + 3 * height };
}

function ellipsoid(random: Random, centre: Triple, size: number): Shape {
  const turn = rotation(random);
  const radii = [0, 1, 2].map(() => Math.max(1.2, size * random.uniform(0.4, 1))) as unknown as Triple;
  const square = random.next() < 0.4;
  const least = Math.min(...radii);
  const [u, v, w] = turn;
  const depth = (i: number, j: number, k: number): number => {
    const [x, y, z] = [i - centre[0], j - centre[1], k - centre[2]];
    const along = (row: Triple, radius: number): number => Math.abs((row[0] * x + row[1] * y + row[2] * z) / radius);
    const [a, b, c] = [along(u, radii[0]), along(v, radii[1]), along(w, radii[2])];
    // Round or box-like.
    const sum = square ? (a * a * a + b * b * b + c * c * c) ** (1 / 3) : Math.sqrt(a * a + b * b + c * c);
    return least * (1 - sum);
  };
  return { depth, centre, reach: Math.max(...radii) * (square ? 1.45 : 1) };
}

function lobes(random: Random, centre: Triple, size: number, side: number): Shape {
  const parts = Array.from({ length: 2 + random.integer(3) }, () =>
    ellipsoid(random, centre.map((c) => c + random.normal() * size * 0.4) as unknown as Triple, size * random.uniform(0.5, 0.85)),
  );
  const reach = Math.max(...parts.map((part) => part.reach + Math.hypot(...part.centre.map((c, axis) => c - (centre[axis] as number)))));
  return { depth: (i, j, k) => parts.reduce((most, part) => Math.max(most, part.depth(i, j, k)), -side), centre, reach };
}

/** About a path that turns slowly; its radius changes along it. */
function tube(random: Random, centre: Triple, size: number, side: number): Shape {
  const radius = Math.max(1.3, size * random.uniform(0.15, 0.45));
  const steps = 4 + random.integer(12);
  const way = [random.normal(), random.normal(), random.normal()];
  const bend = random.uniform(0.1, 0.9);
  const points: (readonly [number, number, number, number])[] = [];
  let place = centre as readonly number[];
  for (let n = 0; n < steps; n++) {
    const length = Math.hypot(...way);
    points.push([place[0] as number, place[1] as number, place[2] as number, radius * random.uniform(0.75, 1.25)]);
    place = place.map((at, axis) => at + ((way[axis] as number) / length) * radius * 0.9);
    way.forEach((value, axis) => (way[axis] = value / length + bend * random.normal() * 0.6));
  }
  // The path's middle lies where it was asked for.
  const shift = [0, 1, 2].map((axis) => (centre[axis] as number) - points.reduce((sum, point) => sum + (point[axis] as number), 0) / steps);
  const own = points.map(([x, y, z, r]) => [x + (shift[0] as number), y + (shift[1] as number), z + (shift[2] as number), r] as const);
  const flat = random.next() < 0.3 ? random.uniform(0.5, 0.8) : 1;
  const depth = (i: number, j: number, k: number): number => {
    let most = -side;
    for (const [x, y, z, r] of own) {
      const [a, b, c] = [i - x, j - y, (k - z) / flat];
      const value = r - Math.sqrt(a * a + b * b + c * c);
      if (value > most) most = value;
    }
    return most;
  };
  const reach = Math.max(...own.map(([x, y, z, r]) => r + Math.hypot(x - centre[0], y - centre[1], z - centre[2])));
  return { depth, centre, reach };
}

/** The wall of an ellipsoid, open on one side now and then. */
function shell(random: Random, centre: Triple, size: number): Shape {
  const outer = ellipsoid(random, centre, size);
  const wall = Math.max(1.5, size * random.uniform(0.2, 0.45));
  const open = random.next() < 0.5 ? random.uniform(0, 0.6) * size : Infinity;
  const axis = random.integer(3) as 0 | 1 | 2;
  const depth = (i: number, j: number, k: number): number => {
    const inside = outer.depth(i, j, k);
    const beyond = open - ((axis === 0 ? i : axis === 1 ? j : k) - centre[axis]);
    return Math.min(inside, wall - inside, beyond);
  };
  return { ...outer, depth };
}

/** Random orthonormal rows. */
function rotation(random: Random): readonly [Triple, Triple, Triple] {
  const unit = (v: readonly number[]): Triple => {
    const length = Math.hypot(...v);
    return v.map((n) => n / length) as unknown as Triple;
  };
  const first = unit([random.normal(), random.normal(), random.normal()]);
  const other = [random.normal(), random.normal(), random.normal()];
  const along = first.reduce((sum, n, axis) => sum + n * (other[axis] as number), 0);
  const second = unit(other.map((n, axis) => n - along * (first[axis] as number)));
  const third: Triple = [
    first[1] * second[2] - first[2] * second[1],
    first[2] * second[0] - first[0] * second[2],
    first[0] * second[1] - first[1] * second[0],
  ];
  return [first, second, third];
}

/** Smooth noise of about deviation 1: normal at `knots`³ places, linear between them. */
function noiseField(random: Random, side: number, knots: number): Float32Array {
  const coarse = Float32Array.from({ length: knots ** 3 }, () => random.normal());
  const out = new Float32Array(side ** 3);
  const from = new Int32Array(side);
  const share = new Float32Array(side);
  for (let n = 0; n < side; n++) {
    const place = (n / (side - 1)) * (knots - 1);
    from[n] = Math.min(knots - 2, Math.floor(place));
    share[n] = place - (from[n] as number);
  }
  const mix = (a: number, b: number, t: number): number => a + (b - a) * t;
  const get = (at: number): number => coarse[at] as number;
  for (let k = 0, at = 0; k < side; k++)
    for (let j = 0; j < side; j++) {
      const row = knots * ((from[j] as number) + knots * (from[k] as number));
      const [b, c] = [share[j] as number, share[k] as number];
      for (let i = 0; i < side; i++, at++) {
        const n = row + (from[i] as number);
        const a = share[i] as number;
        const low = mix(mix(get(n), get(n + 1), a), mix(get(n + knots), get(n + knots + 1), a), b);
        const m = n + knots * knots;
        out[at] = 1.6 * mix(low, mix(mix(get(m), get(m + 1), a), mix(get(m + knots), get(m + knots + 1), a), b), c);
      }
    }
  return out;
}

/** Intensities of the regions, with what a scanner does to them. */
function imageOf(random: Random, region: Uint8Array, side: number, meant: number, regions: number): Float32Array {
  const size: Triple = [side, side, side];
  const own = random.next();
  const contrast = random.next() < 0.6;
  const means = Float32Array.from({ length: regions }, (_, n) => {
    if (n === meant) return own;
    // Neighbours often look nearly the same.
    const away = random.uniform(0.07, 0.4) * (random.next() < 0.5 ? -1 : 1);
    return contrast || random.next() < 0.4 ? own + away : random.next();
  });
  const texture = Array.from({ length: 3 }, () => noiseField(random, side, 4 + random.integer(10)));
  const grain = Float32Array.from({ length: regions }, () => (random.next() < 0.5 ? 0 : random.uniform(0, 0.12)));
  let values: Float32Array = Float32Array.from(
    region,
    (n, at) => (means[n] as number) + (grain[n] as number) * (texture[n % 3]?.[at] as number),
  );
  values = smoothed(values, size, [1, 1, 1], random.uniform(0.3, 1));
  if (random.next() < 0.3) values = thickSlices(values, side, random.integer(3) as 0 | 1 | 2, 2 + random.integer(4));
  const bias = noiseField(random, side, 2 + random.integer(2));
  const uneven = random.next() < 0.5 ? random.uniform(0, 0.15) : 0;
  const noise = Math.exp(random.uniform(Math.log(0.01), Math.log(0.12)));
  const exponent = Math.exp(random.uniform(-0.4, 0.4));
  return values.map((value, at) => {
    const lit = value * (1 + uneven * (bias[at] as number));
    return Math.sign(lit) * Math.abs(lit) ** exponent + noise * random.normal();
  });
}

/** Means of `thick` voxels along an axis, linear between them. */
function thickSlices(values: Float32Array, side: number, axis: 0 | 1 | 2, thick: number): Float32Array {
  const stride = side ** axis;
  const out = new Float32Array(values.length);
  const slices = Math.ceil(side / thick);
  const means = new Float32Array(slices);
  for (let at = 0; at < values.length; at++) {
    if (Math.floor(at / stride) % side !== 0) continue;
    for (let s = 0; s < slices; s++) {
      const end = Math.min(side, (s + 1) * thick);
      let sum = 0;
      for (let n = s * thick; n < end; n++) sum += values[at + n * stride] as number;
      means[s] = sum / (end - s * thick);
    }
    for (let n = 0; n < side; n++) {
      const place = Math.min(slices - 1, Math.max(0, (n + 0.5) / thick - 0.5));
      const low = Math.min(Math.max(0, slices - 2), Math.floor(place));
      const share = place - low;
      out[at + n * stride] = (means[low] as number) * (1 - share) + (means[Math.min(slices - 1, low + 1)] as number) * share;
    }
  }
  return out;
}
