import { slicesOn, type SlicePlane } from '#shared/prompts/slab.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Activities } from './activities.svelte.ts';
import type { Editing } from './editing.svelte.ts';
import type { Prompting } from './prompting.svelte.ts';
import type { ViewerState } from './viewer.svelte.ts';

/** Along a view's normal, away from the person, or towards them. */
export type SliceDirection = 1 | -1;

/** A slice that was taken, as the step of undo number `step`, from the one before it. */
interface Taken {
  readonly step: number;
  readonly from: SlicePlane;
  readonly direction: SliceDirection;
}

/** A person goes from a slice whose mask is right through the ones beside it, in either direction. */
interface Walk {
  readonly label: number;
  /** The last slice in each direction whose mask the person has taken. */
  readonly last: Record<SliceDirection, SlicePlane>;
  readonly direction: SliceDirection;
}

/** Through the slices: from one whose mask is right, the next one is proposed; the same key takes it and proposes the one after that. */
export class ThroughSlices {
  readonly #editing: Editing;
  readonly #prompting: Prompting;
  readonly #viewer: ViewerState;
  readonly #activities: Activities;
  /** While a slice is proposed, or asked for. */
  #walk: Walk | null = null;
  #taken: Taken[] = [];

  constructor(parts: {
    readonly editing: Editing;
    readonly prompting: Prompting;
    readonly viewer: ViewerState;
    readonly activities: Activities;
  }) {
    this.#editing = parts.editing;
    this.#prompting = parts.prompting;
    this.#viewer = parts.viewer;
    this.#activities = parts.activities;
  }

  /**
   * Takes the proposed slice and proposes the next one; in the other direction drops it, and goes on from the last slice there. Where no
   * slice is proposed it begins at the one that is shown. Nothing happens while one is worked out: what nobody has seen is not taken.
   */
  async step(direction: SliceDirection): Promise<void> {
    const [editing, prompting, viewer] = [this.#editing, this.#prompting, this.#viewer];
    const isProposed = prompting.slice !== null;
    if (isProposed && prompting.busy) return;
    const plane = viewer.plane(viewer.active);
    if (plane === null) return;
    let walk = this.#walk;
    if (!isProposed || walk === null) {
      this.#taken = [];
      walk = { label: editing.activeLabel, last: { [1]: plane, [-1]: plane }, direction };
    } else if (walk.direction === direction) walk = this.#take(walk);
    else prompting.drop();
    await this.#propose({ ...walk, direction });
  }

  /** Takes the proposed slice, or drops it, and stays there. */
  settle(keep: boolean): void {
    if (keep && this.#walk !== null) {
      const before = this.#editing.undoCount;
      this.#take(this.#walk);
      this.#activities.say(before === this.#editing.undoCount ? 'The slice was like that already.' : 'The slice is taken.');
    } else this.#prompting.drop();
    this.#walk = null;
  }

  /** Drops the proposed slice, and takes the last one that was taken back: the view shows the one before it. False where no slice is proposed. */
  back(): boolean {
    if (this.#prompting.slice === null) return false;
    this.#prompting.drop();
    this.#walk = null;
    const last = this.#taken.pop();
    if (last === undefined || last.step !== this.#editing.undoCount) return true;
    this.#editing.undo();
    this.#viewer.showPlane(last.from);
    return true;
  }

  #take(walk: Walk): Walk {
    const { direction } = walk;
    const from = walk.last[direction];
    const before = this.#editing.undoCount;
    const changed = this.#prompting.accept();
    if (this.#editing.undoCount > before) this.#taken.push({ step: this.#editing.undoCount, from, direction });
    this.#activities.spoken = `Slice taken: ${changed.toLocaleString('en')} voxels changed`;
    return { ...walk, last: { ...walk.last, [direction]: slicesOn(this.#editing.mask.grid, from, direction) } };
  }

  async #propose(walk: Walk): Promise<void> {
    const from = walk.last[walk.direction];
    this.#walk = walk;
    const kind = await this.#prompting.carry(from, walk.direction, walk.label);
    if (kind === 'found') this.#viewer.showPlane(slicesOn(this.#editing.mask.grid, from, walk.direction));
    if (kind === 'found' || kind === null) return;
    this.#walk = null;
    const name = `“${this.#editing.label(walk.label)?.name ?? ''}”`;
    if (kind === 'empty') throw new StudioError('conflict', `${name} is not in this slice. Paint it here first, and go on from that.`);
    const count = this.#taken.length;
    const taken = count === 0 ? '' : ` ${String(count)} ${count === 1 ? 'slice was' : 'slices were'} taken.`;
    this.#activities.say(kind === 'image ends' ? `The image ends here.${taken}` : `Nothing of ${name} is found in the next slice.${taken}`);
  }
}
