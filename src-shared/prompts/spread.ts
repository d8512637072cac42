import { reachOf, type Hint } from './extent.ts';
import { costsOf, Geodesic, unreached } from './geodesic.ts';
import { seedsOf, voxelAt, type Prompt } from './prompt.ts';
import { alike, type Region } from './region.ts';

/** How much each voxel's intensity, as `about` has it, is like that of the prompts' voxels. */
export const likeness = (smooth: Float32Array): Float32Array => smooth.map((value) => Math.exp(-0.5 * (value / alike) ** 2));

/** Where the structure reaches by ways through what looks like it, between what belongs and what does not. */
export function spread(
  looks: Float32Array,
  like: Float32Array,
  prompts: readonly Prompt[],
  drawn: Int8Array,
  signs: Int8Array,
  region: Pick<Region, 'grid' | 'spacing'>,
): { readonly sure: Uint8Array; readonly prior: Float32Array } {
  const { size } = region.grid;
  const inwards = new Geodesic(costsOf(looks), size, region.spacing, (at) => signs[at] === -1);
  const hints: Hint[] = [];
  for (const prompt of prompts) {
    const own = seedsOf([prompt], region.grid, Math.min(...region.spacing));
    const at: number[] = [];
    for (let n = 0; n < own.length; n++) if (own[n] === 1 && drawn[n] === 1) at.push(n);
    if (prompt.kind === 'click') {
      const voxel = voxelAt(region.grid, prompt.point);
      const around = [voxel - 1, voxel + 1].map((n) => inwards.times[n] ?? unreached);
      const time = Math.min(...around);
      if (time !== unreached) hints.push({ time, reaches: prompt.positive });
    }
    inwards.add(at);
  }
  // What was said otherwise than by prompts.
  const rest: number[] = [];
  for (let n = 0; n < signs.length; n++) if (signs[n] === 1 && drawn[n] === 1) rest.push(n);
  inwards.add(rest);
  const outwards = new Geodesic(costsOf(looks, true), size, region.spacing, (at) => signs[at] === 1);
  const against: number[] = [];
  for (let at = 0; at < signs.length; at++) if (signs[at] === -1) against.push(at);
  outwards.add(against);
  const reach = reachOf(inwards.times, like, size, region.spacing, hints);
  const sure = new Uint8Array(signs.length);
  const prior = new Float32Array(signs.length);
  for (let at = 0; at < signs.length; at++) {
    const [to, from] = [inwards.times[at] as number, Math.min(reach, outwards.times[at] as number)];
    if (to < from) sure[at] = 1;
    prior[at] = from + to === 0 ? 0.5 : from / (from + to);
  }
  return { sure, prior };
}
