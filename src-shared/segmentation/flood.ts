import { StudioError } from '../base/errors.ts';
import type { IjkPoint, Triple } from '../geometry/grid.ts';
import { wholeBox, type Box } from './box.ts';
import type { Delta } from './delta.ts';
import { checkLabel, edit, imageOf, tick, type EditTarget } from './editor.ts';

/** Whether each voxel of [from, to) belongs; `emit` gets the runs that do, in order. */
type FindRuns = (from: number, to: number, emit: (start: number, end: number) => void) => void;

/** Gives the connected region (face neighbours) that has the seed's label another one. `plane`: only within the slice across that axis. */
export function floodFill(target: EditTarget, seed: IjkPoint, label: number, plane?: 0 | 1 | 2): Delta {
  const { data } = target.volume;
  const present = data[seedIndex(target, seed)] as number;
  return flood(target, seed, label, plane, (from, to, emit) => {
    for (let at = from; at < to; at++) {
      if (data[at] !== present) continue;
      const start = at;
      do at++;
      while (at < to && data[at] === present);
      emit(start, at);
    }
  });
}

/** Gives the connected region (face neighbours) around the seed whose intensities lie in [low, high] the label. */
export function regionGrow(target: EditTarget, seed: IjkPoint, label: number, low: number, high: number, plane?: 0 | 1 | 2): Delta {
  const values = imageOf(target).data;
  return flood(target, seed, label, plane, (from, to, emit) => {
    for (let at = from; at < to; at++) {
      if (!((values[at] as number) >= low && (values[at] as number) <= high)) continue;
      const start = at;
      do at++;
      while (at < to && (values[at] as number) >= low && (values[at] as number) <= high);
      emit(start, at);
    }
  });
}

function seedIndex(target: EditTarget, seed: IjkPoint): number {
  const { size } = target.volume.grid;
  if (seed.some((n, axis) => !Number.isInteger(n) || n < 0 || n >= (size[axis] as number)))
    throw new StudioError('invalid-argument', 'Click inside the image to start from there.');
  return seed[0] + size[0] * (seed[1] + size[1] * seed[2]);
}

function flood(target: EditTarget, seed: IjkPoint, label: number, plane: 0 | 1 | 2 | undefined, find: FindRuns): Delta {
  checkLabel(target.volume, label);
  const { size } = target.volume.grid;
  seedIndex(target, seed);
  const whole = wholeBox(size);
  const pick = (values: Triple, value: number): Triple => values.map((n, axis) => (axis === plane ? value : n)) as unknown as Triple;
  const box: Box = plane === undefined ? whole : { lower: pick(whole.lower, seed[plane]), upper: pick(whole.upper, seed[plane] + 1) };
  const reached = new Flood(target, size, box, find).run(seed);
  return edit(target, (editor) => {
    for (const slice of reached) slice?.forEachReached((start, end) => editor.write(start, end, label));
  });
}

/** The runs of one slice, by row, with a mark for those that the flood has reached and a stack of those that are open. */
class SliceRuns {
  /** Index of each row's first run. */
  readonly #rowStart: Uint32Array;
  readonly #start: Uint32Array;
  readonly #end: Uint32Array;
  readonly #reached: Uint8Array;
  readonly #stack: Uint32Array;
  /** Runs that are reached but not yet looked around from. */
  open = 0;
  readonly #lookedAt: Uint32Array;
  readonly #origin: number;

  constructor(size: Triple, box: Box, k: number, find: FindRuns) {
    const [ni, nj] = size;
    this.#origin = ni * nj * k;
    this.#rowStart = new Uint32Array(nj + 1);
    let [start, end] = [new Uint32Array(1024), new Uint32Array(1024)];
    let count = 0;
    const emit = (from: number, to: number): void => {
      if (count === start.length) [start, end] = [larger(start), larger(end)];
      start[count] = from - this.#origin;
      end[count++] = to - this.#origin;
    };
    for (let j = 0; j < nj; j++) {
      this.#rowStart[j] = count;
      const row = this.#origin + ni * j;
      if (j >= box.lower[1] && j < box.upper[1]) find(row + box.lower[0], row + box.upper[0], emit);
    }
    this.#rowStart[nj] = count;
    [this.#start, this.#end] = [start, end];
    this.#reached = new Uint8Array(count);
    this.#stack = new Uint32Array(count);
    this.#lookedAt = this.#rowStart.slice();
  }

  /** Marks every run of row j that shares a place with [from, to), in-slice indices of that row; the new ones are open. */
  reach(j: number, from: number, to: number): void {
    const first = this.#rowStart[j] as number;
    const last = this.#rowStart[j + 1] as number;
    // From where the row was last looked at: mostly a step or two away.
    let run = Math.min(this.#lookedAt[j] as number, last);
    while (run > first && (this.#end[run - 1] as number) > from) run--;
    while (run < last && (this.#end[run] as number) <= from) run++;
    this.#lookedAt[j] = run;
    for (; run < last && (this.#start[run] as number) < to; run++) {
      if (this.#reached[run] === 1) continue;
      this.#reached[run] = 1;
      // A run is opened once, so the stack never holds more than there are.
      this.#stack[this.open++] = run;
    }
  }

  /** An open run, no longer open then; −1 when there is none. */
  take(): number {
    return this.open === 0 ? -1 : (this.#stack[--this.open] as number);
  }

  startOf(run: number): number {
    return this.#start[run] as number;
  }

  endOf(run: number): number {
    return this.#end[run] as number;
  }

  forEachReached(visit: (start: number, end: number) => void): void {
    for (let run = 0; run < this.#reached.length; run++) {
      if (this.#reached[run] === 1) visit(this.#origin + (this.#start[run] as number), this.#origin + (this.#end[run] as number));
    }
  }
}

function larger(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const copy = new Uint32Array(array.length * 2);
  copy.set(array);
  return copy;
}

/**
 * Goes from run to run, a slice at a time and up and down through the slices, so that what it looks at stays in the processor's cache.
 * A slice's runs are found when the flood first gets there, so that a small region costs little.
 */
class Flood {
  readonly #target: EditTarget;
  readonly #size: Triple;
  readonly #box: Box;
  readonly #find: FindRuns;
  readonly #slices: (SliceRuns | undefined)[];

  constructor(target: EditTarget, size: Triple, box: Box, find: FindRuns) {
    this.#target = target;
    this.#size = size;
    this.#box = box;
    this.#find = find;
    this.#slices = new Array<SliceRuns | undefined>(size[2]);
  }

  run([i, j, k]: Triple): readonly (SliceRuns | undefined)[] {
    const [ni] = this.#size;
    const { lower, upper } = this.#box;
    this.#slice(k).reach(j, ni * j + i, ni * j + i + 1);
    let [slice, step] = [k, 1];
    // Slices passed without finding anything open: once all of them, the flood has ended.
    for (let idle = 0; idle <= 2 * (upper[2] - lower[2]); idle++) {
      if ((this.#slices[slice]?.open ?? 0) > 0) {
        tick(this.#target, 'Growing the region', 0.5);
        this.#drain(slice);
        idle = 0;
      }
      if (slice + step < lower[2] || slice + step >= upper[2]) step = -step;
      else slice += step;
    }
    return this.#slices;
  }

  #drain(k: number): void {
    const [ni] = this.#size;
    const { lower, upper } = this.#box;
    const here = this.#slice(k);
    const below = k > lower[2] ? this.#slice(k - 1) : null;
    const above = k + 1 < upper[2] ? this.#slice(k + 1) : null;
    for (let run = here.take(); run >= 0; run = here.take()) {
      const [from, to] = [here.startOf(run), here.endOf(run)];
      const row = Math.floor(from / ni);
      if (row > lower[1]) here.reach(row - 1, from - ni, to - ni);
      if (row + 1 < upper[1]) here.reach(row + 1, from + ni, to + ni);
      below?.reach(row, from, to);
      above?.reach(row, from, to);
    }
  }

  #slice(k: number): SliceRuns {
    return (this.#slices[k] ??= new SliceRuns(this.#size, this.#box, k, this.#find));
  }
}
