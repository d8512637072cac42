import type { Triple } from '../geometry/grid.ts';
import { unreached } from './geodesic.ts';

/** What the person's prompts say of how far a structure reaches: it ends before `time`, or goes on beyond it. */
export interface Hint {
  readonly time: number;
  readonly reaches: boolean;
}

const levels = 96;
/** Structures that people outline have about this radius, mm; a guess that counts little. */
const usualRadius = 13;
const radiusSpread = 1.1;

/**
 * How far a structure reaches from its seeds, as a travel time: of all regions {times < t} the one whose border stands out most from what
 * lies beyond it (contrast of a growing region, Hojjatoleslami and Kittler 1998), as far as it agrees with the hints. `likeness`: how
 * much a voxel's intensity is like the seeds', 0 … 1.
 */
export function reachOf(times: Uint32Array, likeness: Float32Array, size: Triple, spacing: Triple, hints: readonly Hint[]): number {
  const [ni, nj, nk] = size;
  const area: Triple = [spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]];
  const cell = spacing[0] * spacing[1] * spacing[2];
  const last = longest(times);
  if (last === 0) return 1;
  // Short times are told apart better than long ones.
  const level = new Uint8Array(times.length);
  for (let at = 0; at < level.length; at++) {
    level[at] = Math.min(levels - 1, Math.floor(levels * Math.sqrt((times[at] as number) / (last + 1))));
  }
  const volume = new Float64Array(levels + 1);
  const border = new Float64Array(levels + 1);
  const contrast = new Float64Array(levels + 1);
  const edge = (a: number, b: number, axis: 0 | 1 | 2): void => {
    const from = level[a] as number;
    const to = level[b] as number;
    if (from === to) return;
    const first = Math.min(from, to);
    const end = Math.max(from, to);
    const change = ((likeness[from < to ? a : b] as number) - (likeness[from < to ? b : a] as number)) * area[axis];
    // In the border of every region that has the one and not the other.
    border[first + 1] = (border[first + 1] as number) + area[axis];
    border[end + 1] = (border[end + 1] as number) - area[axis];
    contrast[first + 1] = (contrast[first + 1] as number) + change;
    contrast[end + 1] = (contrast[end + 1] as number) - change;
  };
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++) {
        const next = (level[at] as number) + 1;
        volume[next] = (volume[next] as number) + cell;
        if (i + 1 < ni) edge(at, at + 1, 0);
        if (j + 1 < nj) edge(at, at + ni, 1);
        if (k + 1 < nk) edge(at, at + ni * nj, 2);
      }
  let best = { score: -Infinity, level: 1 };
  let [filled, around, against] = [0, 0, 0];
  for (let step = 1; step <= levels; step++) {
    filled += volume[step] as number;
    around += border[step] as number;
    against += contrast[step] as number;
    if (filled < 8 * cell || around <= 0) continue;
    const time = timeOf(step, last);
    const radius = Math.cbrt((filled * 3) / (4 * Math.PI));
    const unusual = Math.log(radius / usualRadius) / radiusSpread;
    let score = (0.02 + Math.max(0, against / around)) * Math.exp(-0.5 * unusual * unusual);
    for (const hint of hints) if (hint.reaches !== time > hint.time) score *= 0.6;
    if (score > best.score) best = { score, level: step };
  }
  return timeOf(best.level, last);
}

const timeOf = (level: number, last: number): number => (last + 1) * (level / levels) ** 2;

function longest(times: Uint32Array): number {
  let last = 0;
  for (const time of times) if (time !== unreached && time > last) last = time;
  return last;
}
