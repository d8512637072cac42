import { voxelAt, type Prompt, pointsOf } from './prompt.ts';
import type { PromptCase } from './propose.ts';
import { inBox, type PromptProposal } from './proposal.ts';
import { boxSize, expandBox } from '../segmentation/box.ts';
import { forEachRow } from '../segmentation/selection.ts';
import type { Triple } from '../geometry/grid.ts';

/** Larger boxes stay as they are: they would take longer than a person waits. */
const mostVoxels = 40e6;
const sweeps = 14;
const trust = 0.1;
const bins = 64;

/**
 * A proposal that was found on coarser voxels, drawn again along its border at the image's own: voxels that lie within a coarse one of the
 * border go with their neighbours of like intensity, and with the side whose intensities are more like theirs. Deeper voxels and those that
 * were pointed at stay. Answers with the proposal itself where it has nothing to add. A generator, as `propose`.
 */
export function* sharpen(
  { image, mask }: PromptCase,
  proposal: PromptProposal,
  prompts: readonly Prompt[],
  barred: Uint8Array,
): Generator<void, PromptProposal> {
  const { factor } = proposal;
  if (Math.max(...factor) === 1) return proposal;
  const { size } = image.grid;
  const box = expandBox(proposal.box, factor, size);
  const [width, height, depth] = boxSize(box);
  const count = width * height * depth;
  if (count > mostVoxels) return proposal;
  const bits = inBox(proposal, box);
  const band = borderOf(bits, [width, height, depth], factor);
  yield;
  const values = new Float32Array(count);
  forEachRow(size, box, (at, inRow, length) => {
    for (let i = 0; i < length; i++) {
      values[inRow + i] = image.data[at + i] as number;
      if (barred[mask.data[at + i] as number] === 1) {
        band[inRow + i] = 0;
        bits[inRow + i] = 0;
      }
    }
  });
  for (const prompt of prompts)
    for (const point of pointsOf(prompt)) {
      const at = voxelAt(image.grid, point);
      if (at < 0) continue;
      const [i, j, k] = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
      const own = i - box.lower[0] + width * (j - box.lower[1] + height * (k - box.lower[2]));
      if (own >= 0 && own < count) band[own] = 0;
    }
  yield;
  const prior = sidesOf(values, bits, band);
  const places: number[] = [];
  for (let at = 0; at < count; at++) if (band[at] === 1) places.push(at);
  const jump = jumpOf(values, places, width);
  const chance = Float32Array.from(bits);
  for (const at of places) chance[at] = prior(at);
  yield;
  const strides = [1, -1, width, -width, width * height, -width * height];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const at of places) {
      const value = values[at] as number;
      let sum = trust * prior(at);
      let weights = trust;
      for (const stride of strides) {
        const other = at + stride;
        if (other < 0 || other >= count) continue;
        const change = ((values[other] as number) - value) / jump;
        const weight = 1 / (1 + change * change);
        sum += weight * (chance[other] as number);
        weights += weight;
      }
      chance[at] = sum / weights;
    }
    yield;
  }
  for (const at of places) bits[at] = (chance[at] as number) > 0.5 ? 1 : 0;
  return { box, bits, factor: [1, 1, 1] };
}

/** 1 within `reach` voxels of a border between ones and zeros, along each axis in turn. */
function borderOf(bits: Uint8Array, size: Triple, reach: Triple): Uint8Array {
  const ones = spreadOnes(bits, size, reach);
  const zeros = spreadOnes(
    bits.map((bit) => 1 - bit),
    size,
    reach,
  );
  return ones.map((one, at) => one & (zeros[at] as number));
}

function spreadOnes(bits: Uint8Array, [ni, nj, nk]: Triple, reach: Triple): Uint8Array {
  let from = bits;
  for (const [axis, count, stride] of [
    [0, ni, 1],
    [1, nj, ni],
    [2, nk, ni * nj],
  ] as const) {
    const out = new Uint8Array(from.length);
    const block = count * stride;
    for (let base = 0; base < from.length; base += block)
      for (let start = base; start < base + stride; start++) {
        // How far the last one is behind; then, from the other end, ahead.
        let away = Infinity;
        for (let n = 0, at = start; n < count; n++, at += stride) {
          away = from[at] === 1 ? 0 : away + 1;
          if (away <= reach[axis]) out[at] = 1;
        }
        away = Infinity;
        for (let n = count - 1, at = start + n * stride; n >= 0; n--, at -= stride) {
          away = from[at] === 1 ? 0 : away + 1;
          if (away <= reach[axis]) out[at] = 1;
        }
      }
    from = out;
  }
  return from;
}

/** For a voxel of the border, how much its intensity is like those inside rather than those outside of it: of histograms on both sides. */
function sidesOf(values: Float32Array, bits: Uint8Array, band: Uint8Array): (at: number) => number {
  const stride = Math.max(1, Math.floor(values.length / 200_000));
  const some = Float32Array.from({ length: Math.ceil(values.length / stride) }, (_, n) => values[n * stride] as number).sort();
  const low = some[Math.floor(some.length * 0.01)] ?? 0;
  const scale = bins / Math.max(1e-6, (some[Math.floor(some.length * 0.99)] ?? 1) - low);
  const binOf = (value: number): number => Math.min(bins - 1, Math.max(0, Math.floor((value - low) * scale)));
  const counts = [new Float64Array(bins).fill(1), new Float64Array(bins).fill(1)] as const;
  for (let at = 0; at < values.length; at += 3) {
    if (band[at] === 1) continue;
    const side = counts[bits[at] === 1 ? 1 : 0];
    const bin = binOf(values[at] as number);
    side[bin] = (side[bin] as number) + 1;
  }
  const total = counts.map((side) => side.reduce((sum, n) => sum + n, 0));
  const inside = Float64Array.from({ length: bins }, (_, bin) => {
    const [out, own] = [(counts[0][bin] as number) / (total[0] as number), (counts[1][bin] as number) / (total[1] as number)];
    return own / (own + out);
  });
  return (at) => inside[binOf(values[at] as number)] as number;
}

/** Mean change of intensity from voxel to voxel along i, in the border. */
function jumpOf(values: Float32Array, places: readonly number[], width: number): number {
  let sum = 0;
  for (const at of places) if (at % width > 0) sum += Math.abs((values[at] as number) - (values[at - 1] as number));
  return Math.max(1e-6, sum / Math.max(1, places.length));
}
