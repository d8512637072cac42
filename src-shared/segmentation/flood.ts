import { StudioError } from '../base/errors.ts';
import type { IjkPoint, Triple } from '../geometry/grid.ts';
import { unionBox, wholeBox, type Box } from './box.ts';
import type { Delta } from './delta.ts';
import { checkLabel, edit, imageOf, tick, type EditTarget } from './editor.ts';
import { forEachRow } from './selection.ts';

/** Gives the connected region (face neighbours) that has the seed's label another one. `plane`: only within the slice across that axis. */
export function floodFill(target: EditTarget, seed: IjkPoint, label: number, plane?: 0 | 1 | 2): Delta {
  const { data } = target.volume;
  const at = seedIndex(target, seed);
  const from = data[at] as number;
  const fill = (start: number, length: number, members: Uint8Array): void => {
    for (let n = start; n < start + length; n++) members[n] = data[n] === from ? 1 : 0;
  };
  return floodWith(target, seed, label, plane, fill);
}

/** Gives the connected region (face neighbours) around the seed whose intensities lie in [low, high] the label. */
export function regionGrow(target: EditTarget, seed: IjkPoint, label: number, low: number, high: number, plane?: 0 | 1 | 2): Delta {
  const values = imageOf(target).data;
  const fill = (start: number, length: number, members: Uint8Array): void => {
    for (let n = start; n < start + length; n++) {
      const value = values[n] as number;
      members[n] = value >= low && value <= high ? 1 : 0;
    }
  };
  return floodWith(target, seed, label, plane, fill);
}

function seedIndex(target: EditTarget, seed: IjkPoint): number {
  const { size } = target.volume.grid;
  if (seed.some((n, axis) => !Number.isInteger(n) || n < 0 || n >= (size[axis] as number))) throw new StudioError('invalid-argument', 'Click inside the image to start from there.');
  return seed[0] + size[0] * (seed[1] + size[1] * seed[2]);
}

function floodWith(target: EditTarget, seed: IjkPoint, label: number, plane: 0 | 1 | 2 | undefined, fill: (start: number, length: number, members: Uint8Array) => void): Delta {
  checkLabel(target.volume, label);
  const { size } = target.volume.grid;
  const at = seedIndex(target, seed);
  const whole = wholeBox(size);
  const pick = (values: Triple, value: number): Triple => values.map((n, axis) => (axis === plane ? value : n)) as unknown as Triple;
  const box: Box = plane === undefined ? whole : { lower: pick(whole.lower, seed[plane]), upper: pick(whole.upper, seed[plane] + 1) };
  const flood = new Flood(target, size, box, fill);
  flood.run(at);
  const { members, touched } = flood;
  if (touched === null) return edit(target, () => undefined);
  return edit(target, (editor) => {
    forEachRow(size, touched, (row, _inBox, length) => {
      for (let i = 0; i < length; ) {
        const from = i;
        const reached = members[row + i] === 2;
        do i++;
        while (i < length && (members[row + i] === 2) === reached);
        if (reached) editor.write(row + from, row + i, label);
      }
    });
  });
}

/** Run by run along i. Membership is worked out slice by slice when the flood first gets there, so that a small region costs little. */
class Flood {
  /** 1: belongs; 2: reached. */
  readonly members: Uint8Array;
  touched: Box | null = null;
  readonly #target: EditTarget;
  readonly #size: Triple;
  readonly #box: Box;
  readonly #fill: (start: number, length: number, members: Uint8Array) => void;
  readonly #ready: Uint8Array;
  #stack = new Float64Array(1024);
  #height = 0;
  #steps = 0;

  constructor(target: EditTarget, size: Triple, box: Box, fill: (start: number, length: number, members: Uint8Array) => void) {
    this.#target = target;
    this.#size = size;
    this.#box = box;
    this.#fill = fill;
    this.members = new Uint8Array(size[0] * size[1] * size[2]);
    this.#ready = new Uint8Array(size[2]);
  }

  run(seed: number): void {
    const { lower, upper } = this.#box;
    const [ni, nj] = this.#size;
    const { members } = this;
    this.#prepare(Math.floor(seed / (ni * nj)));
    this.#push(seed);
    while (this.#height > 0) {
      const at = this.#stack[--this.#height] as number;
      if (members[at] !== 1) continue;
      const row = Math.floor(at / ni);
      const [j, k] = [row % nj, Math.floor(row / nj)];
      const start = row * ni;
      let from = at;
      let to = at + 1;
      while (from > start + lower[0] && members[from - 1] === 1) from--;
      while (to < start + upper[0] && members[to] === 1) to++;
      members.fill(2, from, to);
      this.#grow(from - start, to - start, j, k);
      if (j > lower[1]) this.#scan(from - ni, to - ni);
      if (j + 1 < upper[1]) this.#scan(from + ni, to + ni);
      if (k > lower[2]) this.#scanSlice(from - ni * nj, to - ni * nj, k - 1);
      if (k + 1 < upper[2]) this.#scanSlice(from + ni * nj, to + ni * nj, k + 1);
      if ((++this.#steps & 0xfff) === 0) tick(this.#target, 'Growing the region', 0.5);
    }
  }

  #prepare(k: number): void {
    if (this.#ready[k] === 1) return;
    this.#ready[k] = 1;
    const { lower, upper } = this.#box;
    const slice: Box = { lower: [lower[0], lower[1], k], upper: [upper[0], upper[1], k + 1] };
    forEachRow(this.#size, slice, (at, _inBox, length) => this.#fill(at, length, this.members));
  }

  #scanSlice(from: number, to: number, k: number): void {
    this.#prepare(k);
    this.#scan(from, to);
  }

  /** Pushes the first voxel of every run that is not reached yet. */
  #scan(from: number, to: number): void {
    const { members } = this;
    let before = false;
    for (let at = from; at < to; at++) {
      const open = members[at] === 1;
      if (open && !before) this.#push(at);
      before = open;
    }
  }

  #push(at: number): void {
    if (this.#height === this.#stack.length) {
      const larger = new Float64Array(this.#stack.length * 2);
      larger.set(this.#stack);
      this.#stack = larger;
    }
    this.#stack[this.#height++] = at;
  }

  #grow(i0: number, i1: number, j: number, k: number): void {
    const t = this.touched;
    if (t !== null && i0 >= t.lower[0] && i1 <= t.upper[0] && j >= t.lower[1] && j < t.upper[1] && k >= t.lower[2] && k < t.upper[2]) return;
    this.touched = unionBox(t, { lower: [i0, j, k], upper: [i1, j + 1, k + 1] });
  }
}
