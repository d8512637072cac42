import { squaredDistanceTransform } from '../domain/distanceTransform.ts';
import { spacing, type Triple } from '../geometry/grid.ts';
import { boxSize } from './box.ts';
import type { Delta } from './delta.ts';
import { checkLabel, edit, tick, type EditTarget } from './editor.ts';
import { labelBox, selectLabel, writeSelection, type Selection } from './selection.ts';

interface Contour {
  /** Signed distance in mm, negative inside, x fastest. */
  readonly distance: Float64Array;
  /** Centre of mass in pixels. */
  readonly centre: readonly [number, number];
}

/**
 * Fills the slices across `axis` that lie between two slices with the label: shape-based interpolation of signed distances (Raya and
 * Udupa 1990). The two outlines are moved onto a common centre first, so that shapes that wander are followed, unless they lie over each other
 * better as they are: where one of several pieces ends, the centre jumps and the others do not.
 */
export function interpolateSlices(target: EditTarget, label: number, axis: 0 | 1 | 2): Delta {
  checkLabel(target.volume, label);
  const box = labelBox(target.volume, label);
  if (box === null) return edit(target, () => undefined);
  const selection = selectLabel(target.volume, box, label);
  const slices = new Slices(selection, axis, spacing(target.volume.grid));
  const filled = Array.from({ length: slices.count }, (_, n) => n).filter((n) => slices.isFilled(n));
  for (let n = 0; n + 1 < filled.length; n++) {
    const [from, to] = [filled[n] as number, filled[n + 1] as number];
    tick(target, 'Interpolating', n / filled.length);
    if (to - from < 2) continue;
    const [a, b] = [slices.contour(from), slices.contour(to)];
    const moved = [b.centre[0] - a.centre[0], b.centre[1] - a.centre[1]] as const;
    const shift = slices.overlap(a, b, [0, 0]) > slices.overlap(a, b, moved) ? ([0, 0] as const) : moved;
    for (let at = from + 1; at < to; at++) slices.blend(at, a, b, (at - from) / (to - from), shift);
  }
  return edit(target, (editor) => writeSelection(target, editor, selection, label));
}

/** A selection seen as slices across an axis, x and y being its other two axes in order. */
class Slices {
  readonly count: number;
  readonly #mask: Uint8Array;
  readonly #width: number;
  readonly #height: number;
  readonly #strideX: number;
  readonly #strideY: number;
  readonly #strideSlice: number;
  readonly #step: Triple;

  constructor({ box, mask }: Selection, axis: 0 | 1 | 2, millimetres: Triple) {
    const size = boxSize(box);
    const strides = [1, size[0], size[0] * size[1]];
    const [x, y] = ([0, 1, 2] as const).filter((n) => n !== axis) as [0 | 1, 1 | 2];
    this.#mask = mask;
    this.count = size[axis];
    this.#width = size[x];
    this.#height = size[y];
    this.#strideX = strides[x] as number;
    this.#strideY = strides[y] as number;
    this.#strideSlice = strides[axis] as number;
    this.#step = [millimetres[x], millimetres[y], 1];
  }

  #index(slice: number, x: number, y: number): number {
    return slice * this.#strideSlice + y * this.#strideY + x * this.#strideX;
  }

  isFilled(slice: number): boolean {
    for (let y = 0; y < this.#height; y++)
      for (let x = 0; x < this.#width; x++) if (this.#mask[this.#index(slice, x, y)] === 1) return true;
    return false;
  }

  /** With a margin of one pixel, so that there is an outside. */
  contour(slice: number): Contour {
    const [width, height] = [this.#width + 2, this.#height + 2];
    const inside = new Uint8Array(width * height);
    let [sumX, sumY, count] = [0, 0, 0];
    for (let y = 0; y < this.#height; y++) {
      for (let x = 0; x < this.#width; x++) {
        if (this.#mask[this.#index(slice, x, y)] !== 1) continue;
        inside[(y + 1) * width + x + 1] = 1;
        sumX += x;
        sumY += y;
        count++;
      }
    }
    const toInside = squaredDistanceTransform(inside, [width, height, 1], this.#step);
    const toOutside = squaredDistanceTransform(
      inside.map((value) => 1 - value),
      [width, height, 1],
      this.#step,
    );
    // The outline runs halfway between the centres of the last pixel inside and the first outside.
    const half = (this.#step[0] + this.#step[1]) / 4;
    const distance = toInside.map((squared, at) => (squared > 0 ? Math.sqrt(squared) - half : half - Math.sqrt(toOutside[at] as number)));
    return { distance, centre: [sumX / count, sumY / count] };
  }

  #sample({ distance }: Contour, x: number, y: number): number {
    const [width, height] = [this.#width + 2, this.#height + 2];
    const px = Math.min(width - 1.000001, Math.max(0, x + 1));
    const py = Math.min(height - 1.000001, Math.max(0, y + 1));
    const [left, top] = [Math.floor(px), Math.floor(py)];
    const [fx, fy] = [px - left, py - top];
    const at = top * width + left;
    const upper = (distance[at] as number) * (1 - fx) + (distance[at + 1] as number) * fx;
    const lower = (distance[at + width] as number) * (1 - fx) + (distance[at + width + 1] as number) * fx;
    const clamped = Math.hypot((x + 1 - px) * this.#step[0], (y + 1 - py) * this.#step[1]);
    return upper * (1 - fy) + lower * fy + clamped;
  }

  /** Pixels that lie in `a` and, moved by `shift`, in `b`. */
  overlap(a: Contour, b: Contour, [dx, dy]: readonly [number, number]): number {
    let count = 0;
    for (let y = 0; y < this.#height; y++)
      for (let x = 0; x < this.#width; x++) if (this.#sample(a, x, y) < 0 && this.#sample(b, x + dx, y + dy) < 0) count++;
    return count;
  }

  /** Fills a slice at fraction `t` of the way from `a` to `b`, which lies `shift` beside it. */
  blend(slice: number, a: Contour, b: Contour, t: number, [dx, dy]: readonly [number, number]): void {
    for (let y = 0; y < this.#height; y++) {
      for (let x = 0; x < this.#width; x++) {
        const distance = (1 - t) * this.#sample(a, x - t * dx, y - t * dy) + t * this.#sample(b, x + (1 - t) * dx, y + (1 - t) * dy);
        if (distance < 0) this.#mask[this.#index(slice, x, y)] = 1;
      }
    }
  }
}
