import { spacing, type Grid } from '../geometry/grid.ts';
import { smoothed } from './features.ts';
import { seedsOf, type Prompt } from './prompt.ts';
import { about, normalised, referenceOf } from './region.ts';
import { likeness, spread } from './spread.ts';

/** What a prompt network takes, in the order of its input. */
export const promptChannels = ['image', 'like the prompts', 'positive prompts', 'negative prompts', 'proposal', 'ways'] as const;

/** Voxels of the cube after which a prompt is hardly seen any more. */
const reach = 2;

/**
 * The input of a prompt network, channel by channel: the image between its percentiles; the same about the intensities that the prompts lie on;
 * closeness to positive and to negative prompts; what is proposed so far; and how far the structure reaches by ways through what looks alike.
 * `grid` of equal voxels; `slice`: where a whole slice is known, 1 for what belongs in it and -1 for what does not.
 */
export function networkInput(
  values: Float32Array,
  grid: Grid,
  prompts: readonly Prompt[],
  before: Uint8Array | null,
  slice: Int8Array | null = null,
): Float32Array {
  const { size } = grid;
  const step = spacing(grid);
  const drawn = seedsOf(prompts, grid, step[0]);
  const signs = slice === null ? drawn : drawn.map((sign, at) => (sign === 0 ? (slice[at] as number) : sign));
  const plain = normalised(values);
  const chosen: number[] = [];
  const from = signs.includes(1) ? signs : (before ?? signs);
  for (let at = 0; at < from.length; at++) if (from[at] === 1) chosen.push(at);
  const sigma = step[0] * 0.7;
  const own = about(plain, referenceOf(smoothed(plain, size, step, sigma), size, chosen));
  const like = likeness(smoothed(own, size, step, sigma));
  const ways = spread(like, like, prompts, signs, signs, { grid, spacing: step }).prior;
  const input = new Float32Array(promptChannels.length * plain.length);
  const channels = [plain, own, closeness(signs, 1, grid), closeness(signs, -1, grid), before, ways];
  channels.forEach((channel, n) => {
    if (channel !== null) input.set(channel, n * plain.length);
  });
  return input;
}

/** 1 at prompts of a sign, falling off around them. */
function closeness(signs: Int8Array, sign: 1 | -1, { size: [ni, nj, nk] }: Grid): Float32Array {
  const out = new Float32Array(signs.length);
  const far = 3 * reach;
  for (let at = 0; at < signs.length; at++) {
    if (signs[at] !== sign) continue;
    const [x, y, z] = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))];
    for (let k = Math.max(0, z - far); k <= Math.min(nk - 1, z + far); k++)
      for (let j = Math.max(0, y - far); j <= Math.min(nj - 1, y + far); j++)
        for (let i = Math.max(0, x - far); i <= Math.min(ni - 1, x + far); i++) {
          const to = i + ni * (j + nj * k);
          const [a, b, c] = [i - x, j - y, k - z];
          out[to] = Math.max(out[to] as number, near[a * a + b * b + c * c] as number);
        }
  }
  return out;
}

/** By squared distance in voxels. */
const near = Float32Array.from({ length: 3 * (3 * reach) ** 2 + 1 }, (_, square) => Math.exp((-0.5 * square) / (reach * reach)));
