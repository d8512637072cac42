import { Random } from '../base/random.ts';
import type { Triple, Volume } from '../geometry/grid.ts';
import type { LabelSet } from './labelSet.ts';

/** Labels of the abdominal phantoms. */
export const phantomLabelSet: LabelSet = {
  labels: [
    { value: 1, name: 'Liver', color: '#e69f00', locked: false },
    { value: 2, name: 'Spleen', color: '#56b4e9', locked: false },
    { value: 3, name: 'Kidneys', color: '#009e73', locked: false },
    { value: 4, name: 'Aorta', color: '#d55e00', locked: false },
    { value: 5, name: 'Gallbladder', color: '#f0e442', locked: false },
  ],
};

export interface PhantomOptions {
  readonly seed: number;
  /** Mean in-plane voxel size in mm; each phantom varies around it. 2.5 unless given. */
  readonly resolution?: number;
}

export interface Phantom {
  /** Hounsfield units. Axes run to the left, back and head. */
  readonly image: Volume<Int16Array>;
  readonly labels: Volume<Uint8Array>;
}

/** An ellipsoid in patient millimetres (x to the left, y to the back, z to the head; origin in the middle of the abdomen). */
interface Shape {
  readonly centre: Triple;
  readonly radii: Triple;
  /** Rotation about z in radians. */
  readonly turn: number;
  readonly hounsfield: number;
  /** Amplitude of slow variation inside, HU. */
  readonly texture: number;
  /** 0: not labelled. */
  readonly label: number;
}

/** Slow deformation and texture: a sum of three waves with their own directions and phases. */
interface Wave {
  readonly k: Triple;
  readonly phase: number;
}

/**
 * A CT-like abdomen: organs of varying place, size, shape and contrast phase, fat, spine, bowel with gas, partial volume, correlated
 * noise, in-plane spacing around `resolution` and slices up to twice as thick. The same seed gives the same phantom.
 */
export function makePhantom({ seed, resolution = 2.5 }: PhantomOptions): Phantom {
  const random = new Random(seed ^ 0xabd0);
  const inPlane = resolution * random.uniform(0.85, 1.2);
  const thickness = resolution * random.uniform(0.9, 2);
  const build = random.uniform(0.88, 1.12);
  const extent: Triple = [320 * build, 250 * build, 220];
  const size: Triple = [Math.round(extent[0] / inPlane), Math.round(extent[1] / inPlane), Math.round(extent[2] / thickness)];
  const spacing: Triple = [inPlane, inPlane, thickness];
  const shapes = drawShapes(random, build);
  const warps = ([0, 1, 2] as const).map(() => drawWaves(random, 0.014, 0.03));
  const texture = drawWaves(random, 0.05, 0.12);
  const origin = size.map((n, axis) => (-(n - 1) / 2) * spacing[axis as 0 | 1 | 2]) as unknown as Triple;
  const voxels = size[0] * size[1] * size[2];
  const density = new Float32Array(voxels);
  const labels = new Uint8Array(voxels);
  const warpBy = random.uniform(3, 7);
  for (let k = 0, at = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      for (let i = 0; i < size[0]; i++, at++) {
        const x = origin[0] + i * spacing[0];
        const y = origin[1] + j * spacing[1];
        const z = origin[2] + k * spacing[2];
        const p: Triple = [
          x + warpBy * wave(warps[0], x, y, z),
          y + warpBy * wave(warps[1], x, y, z),
          z + warpBy * wave(warps[2], x, y, z),
        ];
        labels[at] = paint(shapes, p, (inPlane + inPlane + thickness) / 3, wave(texture, x, y, z), density, at);
      }
    }
  }
  addNoise(random, density, size, random.uniform(9, 22));
  const grid = {
    size,
    affine: [spacing[0], 0, 0, origin[0], 0, spacing[1], 0, origin[1], 0, 0, spacing[2], origin[2]],
  } as const;
  return {
    image: { grid, data: Int16Array.from(density, (value) => Math.max(-1024, Math.min(3071, Math.round(value)))) },
    labels: { grid, data: labels },
  };
}

function drawWaves(random: Random, low: number, high: number): readonly Wave[] {
  return Array.from({ length: 3 }, () => ({
    k: [
      random.uniform(-1, 1) * random.uniform(low, high),
      random.uniform(-1, 1) * random.uniform(low, high),
      random.uniform(-1, 1) * random.uniform(low, high),
    ],
    phase: random.uniform(0, 2 * Math.PI),
  }));
}

function wave(waves: readonly Wave[] | undefined, x: number, y: number, z: number): number {
  let sum = 0;
  for (const { k, phase } of waves ?? []) sum += Math.sin(k[0] * x + k[1] * y + k[2] * z + phase);
  return sum / 1.7;
}

/** From the outside in; later shapes lie over earlier ones. */
function drawShapes(random: Random, build: number): Shape[] {
  const around = (value: number, spread: number): number => value + spread * random.uniform(-1, 1);
  const shape = (
    label: number,
    hounsfield: number,
    texture: number,
    centre: Triple,
    radii: Triple,
    turn: number,
    jitter: number,
  ): Shape => ({
    label,
    hounsfield,
    texture,
    turn: around(turn, 0.2),
    centre: [around(centre[0] * build, jitter), around(centre[1] * build, jitter), around(centre[2], jitter)],
    radii: [
      radii[0] * build * random.uniform(0.85, 1.18),
      radii[1] * build * random.uniform(0.85, 1.18),
      radii[2] * random.uniform(0.85, 1.18),
    ],
  });
  // Contrast phases: none, arterial, portal venous.
  const phase = random.integer(3);
  const pick = (values: readonly [number, number, number]): number => around(values[phase as 0 | 1 | 2], 10);
  const fat = random.uniform(6, 22);
  const body = { centre: [0, 0, 0], turn: 0, label: 0, texture: 3 } as const;
  const bowel = Array.from({ length: 7 }, (): Shape => {
    const gas = random.next() < 0.4;
    return shape(
      0,
      gas ? -850 : around(30, 25),
      6,
      [random.uniform(-70, 70), random.uniform(-75, -35), random.uniform(-95, -20)],
      [18, 15, 18],
      0,
      5,
    );
  });
  return [
    { ...body, hounsfield: around(-100, 8), radii: [148 * build, 112 * build, 900] },
    { ...body, hounsfield: around(52, 5), radii: [148 * build - fat, 112 * build - fat, 900] },
    { ...body, hounsfield: around(-95, 10), radii: [118 * build, 84 * build, 900] },
    ...bowel,
    shape(0, around(20, 40), 15, [52, -42, 45], [38, 30, 40], 0.4, 8),
    { ...body, centre: [0, 72 * build, 0], radii: [21, 19, 900], hounsfield: around(260, 60), texture: 60 },
    { ...body, centre: [0, 94 * build, 0], radii: [9, 10, 900], hounsfield: around(350, 60), texture: 40 },
    shape(3, pick([32, 140, 170]), 12, [52, 48, -28], [27, 23, 50], -0.4, 7),
    shape(3, pick([32, 140, 170]), 12, [-52, 48, -36], [27, 23, 50], 0.4, 7),
    shape(2, pick([48, 95, 115]), 5, [88, 32, 42], [27, 38, 44], 0.5, 8),
    shape(1, pick([56, 70, 108]), 6, [-62, -8, 38], [66, 66, 62], -0.25, 8),
    shape(1, pick([56, 70, 108]), 6, [-12, -38, 48], [56, 30, 38], 0.15, 6),
    shape(5, around(9, 6), 2, [-40, -52, -10], [14, 13, 24], 0, 6),
    { ...shape(4, pick([42, 280, 150]), 4, [8, 46, 0], [10, 10, 900], 0, 3), radii: [around(10.5, 2), around(10.5, 2), 900] },
  ];
}

/** Mixes the shapes at a point by how much of a voxel (of `voxel` mm) each fills; returns the label that owns the voxel. */
function paint(shapes: readonly Shape[], [x, y, z]: Triple, voxel: number, texture: number, density: Float32Array, at: number): number {
  let value = -1000;
  let label = 0;
  for (const { centre, radii, turn, hounsfield, texture: amplitude, label: own } of shapes) {
    const dx = x - centre[0];
    const dy = y - centre[1];
    const qx = (dx * Math.cos(turn) + dy * Math.sin(turn)) / radii[0];
    const qy = (dy * Math.cos(turn) - dx * Math.sin(turn)) / radii[1];
    const qz = (z - centre[2]) / radii[2];
    const reach = Math.sqrt(qx * qx + qy * qy + qz * qz);
    // First-order distance to the surface in mm.
    const distance = (reach * (reach - 1)) / Math.max(1e-6, Math.hypot(qx / radii[0], qy / radii[1], qz / radii[2]));
    const share = Math.min(1, Math.max(0, 0.5 - distance / voxel));
    if (share === 0) continue;
    value += share * (hounsfield + amplitude * texture - value);
    if (share > 0.5) label = own;
  }
  density[at] = value;
  return label;
}

/** Gaussian noise that neighbours along i and j share, as reconstruction kernels make it. */
function addNoise(random: Random, density: Float32Array, [ni, nj]: Triple, deviation: number): void {
  const plane = ni * nj;
  const noise = new Float32Array(plane);
  for (let start = 0; start < density.length; start += plane) {
    for (let at = 0; at < plane; at++) noise[at] = random.normal();
    for (let at = 0; at < plane; at++) {
      const sum = (noise[at] as number) + 0.5 * ((noise[(at + 1) % plane] as number) + (noise[(at + ni) % plane] as number));
      density[start + at] = (density[start + at] as number) + (deviation / 1.22) * sum;
    }
  }
}
