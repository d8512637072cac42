import { applyAffine } from '#shared/geometry/affine.ts';
import { splitIgnored } from '#shared/domain/labelSet.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import type { LabelMiddle } from '#shared/segmentation/index.ts';
import type { MaskWork } from '../work/work.ts';
import type { Editing } from './editing.svelte.ts';
import { SeenSlices } from './seenSlices.ts';
import type { ViewerState } from './viewer.svelte.ts';

/** What a person was not shown of a mask before it is accepted. */
export interface Unseen {
  /** Labels whose middle slice was in no slice view, or changed since. Without any, the mask as such was not drawn since it changed. */
  readonly labels: readonly number[];
  /** Where to look, for each image axis that a view may look along. */
  readonly next: LabelMiddle;
}

export interface Review {
  /** Of `Editing`: of which mask this is said. */
  readonly revision: number;
  /** Null where all of it was looked at. */
  readonly unseen: Unseen | null;
}

/** Views draw what has changed in the next frame; one that cannot be seen never does. */
const drawingMilliseconds = 250;

/** Whether the mask of an open case was looked at: each of its labels in its middle slice. */
export class MaskReview {
  readonly seen: SeenSlices;
  readonly #editing: Editing;
  readonly #work: MaskWork;
  readonly #viewer: ViewerState;

  constructor(editing: Editing, work: MaskWork, viewer: ViewerState) {
    this.seen = new SeenSlices(editing.mask.grid);
    this.#editing = editing;
    this.#work = work;
    this.#viewer = viewer;
  }

  async check(): Promise<Review> {
    const { revision } = this.#editing;
    const middles = new Map(await this.#work.middles());
    const { ignore } = splitIgnored({ labels: this.#editing.labels });
    if (ignore !== undefined) middles.delete(ignore); // it says that nobody looked
    if (this.#unseenOf(middles) !== null && !this.seen.neverDrawn) await this.seen.nextDrawing(drawingMilliseconds);
    return { revision, unseen: this.#unseenOf(middles) };
  }

  /** Shows the middle slice of the first label that was not shown, or where the mask changed unseen. */
  show({ labels: [first], next }: Unseen): void {
    const axis = this.#viewer.axisOf(this.#viewer.straightView()) ?? 2;
    if (first !== undefined && this.#editing.hidden.has(first)) this.#editing.toggleHidden(first);
    this.#viewer.jumpTo(applyAffine(this.#editing.mask.grid.affine, next[axis]));
  }

  #unseenOf(middles: ReadonlyMap<number, LabelMiddle>): Unseen | null {
    const { seen } = this;
    const labels = seen.unseen(middles);
    const place = seen.undrawnChange ?? (seen.neverDrawn ? middleVoxel(this.#editing.mask.grid) : null);
    const next = middles.get(labels[0] ?? 0) ?? (place === null ? null : ([place, place, place] as const));
    return next === null ? null : { labels, next };
  }
}

const middleVoxel = ({ size }: Grid): Triple => [size[0] >> 1, size[1] >> 1, size[2] >> 1];
