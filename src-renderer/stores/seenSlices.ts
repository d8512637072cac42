import { lpsToIjk } from '#shared/geometry/affine.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import type { Box, LabelMiddle } from '#shared/segmentation/index.ts';
import { axisDirection, dot, screenToWorld, type ViewFrame } from '../../src-shared/geometry/viewPlane.ts';

/** A part of a slice that a view has drawn. */
interface Shown {
  readonly at: number;
  /** Voxel indices of the viewport's corners; the slice's own axis means nothing here. */
  readonly lower: Triple;
  readonly upper: Triple;
  /** Labels that were hidden. */
  readonly hidden: ReadonlySet<number>;
}

/** Parts that are remembered of one slice. */
const partsOfSlice = 8;
const axes = [0, 1, 2] as const;

/**
 * What the person was shown of a mask: which slices, which part of them, with which labels, and since when each label has been the same
 * there. Slices along the image's axes count; an oblique plane has drawn the mask, but no slice of it.
 */
export class SeenSlices {
  readonly #grid: Grid;
  /** Where slices of an axis begin in what is kept by slice. */
  readonly #offsets: Triple;
  readonly #shown = new Map<number, readonly Shown[]>();
  /** By label, the time of its last change in each slice. */
  readonly #changes = new Map<number, Uint32Array>();
  #time = 0;
  #drawnAt = 0;
  #changedAt = 0;
  /** In the middle of what changed last. */
  #lastChange: Triple | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(grid: Grid) {
    this.#grid = grid;
    this.#offsets = [0, grid.size[0], grid.size[0] + grid.size[1]];
  }

  /** A slice view has drawn the mask as it is now. */
  drawn(frame: ViewFrame, hidden: ReadonlySet<number>): void {
    this.#drawnAt = ++this.#time;
    this.#remember(frame, hidden);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** These labels changed in the box. */
  changed({ lower, upper }: Box, labels: ReadonlySet<number>): void {
    const at = (this.#changedAt = ++this.#time);
    this.#lastChange = [(lower[0] + upper[0]) >> 1, (lower[1] + upper[1]) >> 1, (lower[2] + upper[2]) >> 1];
    for (const label of labels) {
      const times = this.#timesOf(label);
      for (const axis of axes) times.fill(at, this.#offsets[axis] + lower[axis], this.#offsets[axis] + upper[axis]);
    }
  }

  /** Labels whose middle slice was in no view since it last changed there, in the order given. */
  unseen(middles: ReadonlyMap<number, LabelMiddle>): number[] {
    return [...middles].filter(([label, middle]) => !axes.some((axis) => this.#isSeen(label, axis, middle[axis]))).map(([label]) => label);
  }

  /** A voxel of the last change, where no view has drawn the mask since; else null. */
  get undrawnChange(): Triple | null {
    return this.#changedAt > this.#drawnAt ? this.#lastChange : null;
  }

  /** No view has drawn the mask yet. */
  get neverDrawn(): boolean {
    return this.#drawnAt === 0;
  }

  /** Resolves with the next drawing, or without one after so many milliseconds: views draw in the frame after a change. */
  nextDrawing(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(done);
        resolve();
      }, milliseconds);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.add(done);
    });
  }

  #isSeen(label: number, axis: 0 | 1 | 2, voxel: Triple): boolean {
    const at = this.#offsets[axis] + voxel[axis];
    const changed = this.#changes.get(label)?.[at] ?? 0;
    const across = axes.filter((other) => other !== axis);
    return (this.#shown.get(at) ?? []).some(
      (part) =>
        part.at > changed &&
        !part.hidden.has(label) &&
        across.every((other) => voxel[other] >= part.lower[other] && voxel[other] <= part.upper[other]),
    );
  }

  #remember(frame: ViewFrame, hidden: ReadonlySet<number>): void {
    const axis = axes.find((each) => Math.abs(dot(axisDirection(this.#grid.affine, each), frame.basis.normal)) > 0.9999);
    if (axis === undefined) return;
    const slice = Math.round(lpsToIjk(this.#grid, frame.center)[axis]);
    if (slice < 0 || slice >= this.#grid.size[axis]) return;
    const [a, b] = [
      lpsToIjk(this.#grid, screenToWorld(frame, 0, 0)),
      lpsToIjk(this.#grid, screenToWorld(frame, frame.width, frame.height)),
    ];
    const part: Shown = {
      at: this.#time,
      lower: [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.min(a[2], b[2])],
      upper: [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.max(a[2], b[2])],
      hidden,
    };
    const key = this.#offsets[axis] + slice;
    const across = axes.filter((each) => each !== axis);
    const others = (this.#shown.get(key) ?? []).filter((each) => !covers(part, each, across));
    this.#shown.set(key, [...others, part].slice(-partsOfSlice));
  }

  #timesOf(label: number): Uint32Array {
    let times = this.#changes.get(label);
    if (times === undefined) {
      const [ni, nj, nk] = this.#grid.size;
      this.#changes.set(label, (times = new Uint32Array(ni + nj + nk)));
    }
    return times;
  }
}

/** Whether one part shows all that another does. */
function covers(one: Shown, other: Shown, across: readonly (0 | 1 | 2)[]): boolean {
  return (
    across.every((axis) => one.lower[axis] <= other.lower[axis] && one.upper[axis] >= other.upper[axis]) &&
    [...one.hidden].every((label) => other.hidden.has(label))
  );
}
