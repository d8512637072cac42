import { throwIfCancelled, type Cancellation } from '../base/cancellation.ts';
import type { Triple } from '../geometry/grid.ts';
import { boxSize, expandBox, type Box } from '../segmentation/box.ts';
import { forEachRow } from '../segmentation/selection.ts';
import { borrowed } from './borrowed.ts';

export interface WalkerInput {
  /** Intensities, whose jumps keep the walker from crossing. */
  readonly values: Float32Array;
  readonly size: Triple;
  readonly spacing: Triple;
  /** 1: certainly inside, −1: certainly not, 0: to be found. */
  readonly seeds: Int8Array;
  /** What each voxel looks like, 0 … 1, and how much that counts against its neighbours. */
  readonly prior: Float32Array;
  readonly trust: number;
  readonly cancellation: Cancellation;
  /** Where the search begins: the answer of the prompt before. */
  readonly start?: Float32Array | undefined;
}

const most = 80;
const tolerance = 3e-3;

/**
 * Probability that a random walker from each voxel comes first to a seed inside (Grady 2006), with a prior for each voxel (Grady 2005):
 * the minimum of Σ w (xᵢ − xⱼ)² + trust Σ (xᵢ − priorᵢ)², found by conjugate gradients. Neighbours further apart weigh less.
 */
export function randomWalker(input: WalkerInput): Float32Array {
  const { size, seeds, values } = input;
  const out = new Float32Array(seeds.length);
  for (let at = 0; at < out.length; at++) if (seeds[at] === 1) out[at] = 1;
  const box = openBox(seeds, size);
  if (box === null) return out;
  // Only what is open is worked out, and what lies beside it counts.
  const own = walk(
    {
      ...input,
      values: cutOut(values, size, box),
      size: boxSize(box),
      seeds: cutOut(seeds, size, box),
      prior: cutOut(input.prior, size, box),
      start: input.start && cutOut(input.start, size, box),
    },
    typicalJump(values, [1, size[0], size[0] * size[1]]),
  );
  forEachRow(size, box, (at, inBox, length) => {
    for (let i = 0; i < length; i++) out[at + i] = own[inBox + i] as number;
  });
  return out;
}

/** The box of what is neither certainly inside nor certainly not, and one voxel more; null where there is nothing. */
function openBox(seeds: Int8Array, size: Triple): Box | null {
  const [ni, nj, nk] = size;
  const lower: [number, number, number] = [ni, nj, nk];
  const upper: [number, number, number] = [0, 0, 0];
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++) {
        if (seeds[at] !== 0) continue;
        if (i < lower[0]) lower[0] = i;
        if (j < lower[1]) lower[1] = j;
        if (k < lower[2]) lower[2] = k;
        if (i >= upper[0]) upper[0] = i + 1;
        if (j >= upper[1]) upper[1] = j + 1;
        if (k >= upper[2]) upper[2] = k + 1;
      }
  return upper[0] === 0 ? null : expandBox({ lower, upper }, [1, 1, 1], size);
}

function cutOut<T extends Float32Array | Int8Array>(values: T, size: Triple, box: Box): T {
  const [width, height, depth] = boxSize(box);
  const out = new (values.constructor as new (length: number) => T)(width * height * depth);
  forEachRow(size, box, (at, inBox, length) => out.set(values.subarray(at, at + length), inBox));
  return out;
}

function walk(input: WalkerInput, jump: number): Float32Array {
  const { size, seeds, prior, trust } = input;
  const [ni, nj] = size;
  const strides: Triple = [1, ni, ni * nj];
  const voxels = seeds.length;
  const x = new Float32Array(voxels);
  return borrowed(7, voxels, (arrays) => {
    const [wi, wj, wk, diagonal, product, residual, direction] = arrays as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const weights = edgeWeights(input, strides, jump, [wi, wj, wk]);
    diagonal.fill(trust);
    for (const axis of [0, 1, 2] as const) {
      const [weight, stride] = [weights[axis], strides[axis]];
      for (let at = 0; at + stride < voxels; at++) {
        const w = weight[at] as number;
        diagonal[at] = (diagonal[at] as number) + w;
        diagonal[at + stride] = (diagonal[at + stride] as number) + w;
      }
    }
    for (let at = 0; at < voxels; at++) x[at] = seeds[at] === 0 ? ((input.start ?? prior)[at] as number) : seeds[at] === 1 ? 1 : 0;
    const open = openPlaces(seeds);
    // Seeds are held by leaving them out of every step.
    multiply(weights, diagonal, strides, open, x, product);
    direction.fill(0);
    let energy = 0;
    let scale = 0;
    for (let n = 0; n < open.length; n++) {
      const at = open[n] as number;
      const r = trust * (prior[at] as number) - (product[at] as number);
      residual[at] = r;
      direction[at] = r / (diagonal[at] as number);
      energy += (r * r) / (diagonal[at] as number);
      scale += diagonal[at] as number;
    }
    for (let round = 0; round < most && energy > tolerance * tolerance * scale * 0.01; round++) {
      throwIfCancelled(input.cancellation);
      const along = multiply(weights, diagonal, strides, open, direction, product);
      const step = energy / Math.max(1e-30, along);
      let next = 0;
      for (let n = 0; n < open.length; n++) {
        const at = open[n] as number;
        x[at] = (x[at] as number) + step * (direction[at] as number);
        const r = (residual[at] as number) - step * (product[at] as number);
        residual[at] = r;
        next += (r * r) / (diagonal[at] as number);
      }
      const turn = next / energy;
      energy = next;
      for (let n = 0; n < open.length; n++) {
        const at = open[n] as number;
        direction[at] = (residual[at] as number) / (diagonal[at] as number) + turn * (direction[at] as number);
      }
    }
    return x;
  });
}

function openPlaces(seeds: Int8Array): Int32Array {
  let count = 0;
  for (let at = 0; at < seeds.length; at++) if (seeds[at] === 0) count++;
  const places = new Int32Array(count);
  for (let at = 0, n = 0; n < count; at++) if (seeds[at] === 0) places[n++] = at;
  return places;
}

/** Writes the matrix times a vector for the open voxels, and answers with the product of both there. Weights of edges that leave the box are 0. */
function multiply(
  [wi, wj, wk]: Weights,
  diagonal: Float32Array,
  [, row, slice]: Triple,
  open: Int32Array,
  vector: Float32Array,
  product: Float32Array,
): number {
  let along = 0;
  const { length } = vector;
  for (let n = 0; n < open.length; n++) {
    const at = open[n] as number;
    const own = vector[at] as number;
    let sum = (diagonal[at] as number) * own;
    if (at + 1 < length) sum -= (wi[at] as number) * (vector[at + 1] as number);
    if (at + row < length) sum -= (wj[at] as number) * (vector[at + row] as number);
    if (at + slice < length) sum -= (wk[at] as number) * (vector[at + slice] as number);
    if (at >= 1) sum -= (wi[at - 1] as number) * (vector[at - 1] as number);
    if (at >= row) sum -= (wj[at - row] as number) * (vector[at - row] as number);
    if (at >= slice) sum -= (wk[at - slice] as number) * (vector[at - slice] as number);
    product[at] = sum;
    along += own * sum;
  }
  return along;
}

type Weights = readonly [Float32Array, Float32Array, Float32Array];

/** By axis, the weight of the edge to the next voxel along it; 0 at the last one. */
function edgeWeights({ values, size, spacing }: WalkerInput, strides: Triple, jump: number, into: Weights): Weights {
  const finest = Math.min(...spacing);
  const [ni, nj, nk] = size;
  for (const axis of [0, 1, 2] as const) {
    const weight = into[axis].fill(0);
    const stride = strides[axis];
    const near = (finest / spacing[axis]) ** 2;
    const [ei, ej, ek] = [ni - (axis === 0 ? 1 : 0), nj - (axis === 1 ? 1 : 0), nk - (axis === 2 ? 1 : 0)];
    for (let k = 0; k < ek; k++)
      for (let j = 0; j < ej; j++) {
        const row = ni * (j + nj * k);
        for (let at = row; at < row + ei; at++) {
          const change = ((values[at + stride] as number) - (values[at] as number)) / jump;
          weight[at] = near * (Math.exp(-0.5 * change * change) + 1e-3);
        }
      }
  }
  return into;
}

/** Root mean square of the change from voxel to voxel. */
function typicalJump(values: Float32Array, strides: Triple): number {
  let [sum, count] = [0, 0];
  for (const stride of strides)
    for (let at = 0; at + stride < values.length; at += 7) {
      const change = (values[at + stride] as number) - (values[at] as number);
      sum += change * change;
      count++;
    }
  return Math.max(1e-6, Math.sqrt(sum / Math.max(1, count)));
}
