import { StudioError } from '../base/errors.ts';
import { spacing, type Triple, type Volume } from '../geometry/grid.ts';
import { boxSize, expandBox, unionBox, type Box } from './box.ts';
import type { Delta } from './delta.ts';
import { edit, imageOf, tick, type EditTarget } from './editor.ts';
import { forEachRow, labelBox } from './selection.ts';

export interface SeedOptions {
  /** Labels whose voxels are the seeds, at least two of them in the mask; those without voxels take no part. */
  readonly labels: readonly number[];
  /** The one of them that marks what is none of the others: it ends as background. */
  readonly background?: number;
  /** How far beyond the seeds the result may reach, mm. */
  readonly margin: number;
}

const levels = 255;
const unreached = 0xffff_ffff;
const maximumVoxels = 100e6;

/**
 * Grows all seeds at once until they meet: each voxel goes to the seed that it is joined to by the cheapest path, where a step costs
 * its change of intensity (in 1/255 of the box's 1st to 99th percentile) plus one. Shortest-path form of GrowCut (Zhu et al. 2014).
 * Seeds keep their labels. Throws `invalid-argument` for fewer than two labels with voxels, `unsupported` for a region above 100 million voxels.
 */
export function growFromSeeds(target: EditTarget, { labels, background, margin }: SeedOptions): Delta {
  const image = imageOf(target);
  const boxes = [...new Set(labels)].map((label) => labelBox(target.volume, label)).filter((box) => box !== null);
  if (boxes.length < 2)
    throw new StudioError(
      'invalid-argument',
      'Paint seeds of at least two labels first: one for what you want and one for what surrounds it.',
    );
  const { grid, data } = target.volume;
  const reach = spacing(grid).map((step) => Math.ceil(Math.max(0, margin) / step)) as unknown as Triple;
  const box = expandBox(boxes.reduce<Box | null>(unionBox, null) as Box, reach, grid.size);
  const size = boxSize(box);
  if (size[0] * size[1] * size[2] > maximumVoxels)
    throw new StudioError(
      'unsupported',
      'The seeds are too far apart for this tool. Choose a smaller margin or paint them closer together.',
    );
  const owner = new Uint16Array(size[0] * size[1] * size[2]);
  const isSeed = new Set(labels);
  forEachRow(grid.size, box, (at, inBox, length) => {
    for (let i = 0; i < length; i++) {
      const label = data[at + i] as number;
      if (isSeed.has(label)) owner[inBox + i] = label;
    }
  });
  spread(target, owner, size, quantise(image, box));
  return edit(target, (editor) => {
    forEachRow(grid.size, box, (at, inBox, length) => {
      for (let i = 0; i < length;) {
        const from = i;
        const label = owner[inBox + i] as number;
        do i++;
        while (i < length && owner[inBox + i] === label);
        if (label !== 0) editor.write(at + from, at + i, label === background ? 0 : label);
      }
    });
  });
}

/** Intensities of the box as 0..255 between their 1st and 99th percentile (of a sample). */
function quantise(image: Volume, box: Box): Uint8Array {
  const size = boxSize(box);
  const out = new Uint8Array(size[0] * size[1] * size[2]);
  const stride = Math.max(1, Math.floor(out.length / 100_000));
  const sample: number[] = [];
  const { data } = image;
  forEachRow(image.grid.size, box, (at, inBox, length) => {
    for (let i = (stride - (inBox % stride)) % stride; i < length; i += stride) {
      const value = data[at + i] as number;
      if (Number.isFinite(value)) sample.push(value);
    }
  });
  const sorted = Float64Array.from(sample).sort();
  const low = sorted[Math.floor(sorted.length * 0.01)] ?? 0;
  const high = sorted[Math.floor(sorted.length * 0.99)] ?? 1;
  const scale = levels / Math.max(1e-9, high - low);
  forEachRow(image.grid.size, box, (at, inBox, length) => {
    for (let i = 0; i < length; i++) out[inBox + i] = Math.min(levels, Math.max(0, ((data[at + i] as number) - low) * scale));
  });
  return out;
}

/** Dijkstra with one bucket per cost (Dial): costs are small integers. Fills `owner` where it is 0. */
function spread(target: EditTarget, owner: Uint16Array, size: Triple, values: Uint8Array): void {
  const [ni, nj, nk] = size;
  const cost = new Uint32Array(owner.length).fill(unreached);
  const queue = new BucketQueue(owner.length, levels + 2);
  for (let at = 0; at < owner.length; at++) {
    if (owner[at] === 0) continue;
    cost[at] = 0;
    queue.insert(at, 0);
  }
  const relax = (from: number, to: number): void => {
    const next = (cost[from] as number) + 1 + Math.abs((values[from] as number) - (values[to] as number));
    const present = cost[to] as number;
    if (next >= present) return;
    if (present !== unreached) queue.remove(to, present);
    cost[to] = next;
    owner[to] = owner[from] as number;
    queue.insert(to, next);
  };
  let settled = 0;
  for (let at = queue.takeCheapest(); at >= 0; at = queue.takeCheapest()) {
    if ((settled++ & 0xffff) === 0) tick(target, 'Growing from seeds', settled / owner.length);
    const i = at % ni;
    const row = (at - i) / ni;
    const j = row % nj;
    const k = (row - j) / nj;
    if (i > 0) relax(at, at - 1);
    if (i + 1 < ni) relax(at, at + 1);
    if (j > 0) relax(at, at - ni);
    if (j + 1 < nj) relax(at, at + ni);
    if (k > 0) relax(at, at - ni * nj);
    if (k + 1 < nk) relax(at, at + ni * nj);
  }
}

/** Voxels by cost, in circular buckets of doubly linked lists: all costs in it lie within `span` of each other. */
class BucketQueue {
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #span: number;
  #cheapest = 0;
  #count = 0;

  constructor(voxels: number, span: number) {
    this.#head = new Int32Array(span).fill(-1);
    this.#next = new Int32Array(voxels);
    this.#previous = new Int32Array(voxels);
    this.#span = span;
  }

  insert(voxel: number, cost: number): void {
    const bucket = cost % this.#span;
    const head = this.#head[bucket] as number;
    this.#next[voxel] = head;
    this.#previous[voxel] = -1;
    if (head >= 0) this.#previous[head] = voxel;
    this.#head[bucket] = voxel;
    this.#count++;
  }

  remove(voxel: number, cost: number): void {
    const next = this.#next[voxel] as number;
    const previous = this.#previous[voxel] as number;
    if (previous >= 0) this.#next[previous] = next;
    else this.#head[cost % this.#span] = next;
    if (next >= 0) this.#previous[next] = previous;
    this.#count--;
  }

  /** −1 when empty. */
  takeCheapest(): number {
    if (this.#count === 0) return -1;
    while ((this.#head[this.#cheapest % this.#span] as number) < 0) this.#cheapest++;
    const voxel = this.#head[this.#cheapest % this.#span] as number;
    this.remove(voxel, this.#cheapest);
    return voxel;
  }
}
