const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What the person has done to a mask, as whole masks: nothing of it may ever be lost. */
export class Intent {
  /** The mask after each step; the first is the empty one. */
  states: Uint8Array[];
  steps: string[] = [];
  done = 0;
  stroke: string | null = null;
  mask: Uint8Array;
  /** Every mask since all was last saved: with a full disk, what is saved is one of them. */
  trail: Uint8Array[] = [];

  constructor(empty: Uint8Array) {
    this.states = [empty];
    this.mask = empty;
    this.trail = [empty];
  }

  get present(): Uint8Array {
    return this.states[this.done] as Uint8Array;
  }

  /** The window has changed the mask to this. */
  drawn(mask: Uint8Array): void {
    this.mask = mask;
    this.trail.push(mask);
  }

  /** What was drawn is a step, unless nothing came of it. */
  step(name: string): void {
    this.stroke = null;
    if (same(this.mask, this.present)) return;
    this.states.splice(this.done + 1, Infinity, this.mask);
    this.steps.splice(this.done, Infinity, name);
    this.done++;
  }

  /** A window goes: its open stroke is a step. */
  finishStroke(): void {
    if (this.stroke !== null) this.step(this.stroke);
  }

  move(by: 1 | -1): void {
    if (this.states[this.done + by] === undefined) return;
    this.done += by;
    this.drawn(this.present);
  }

  cancel(): void {
    this.stroke = null;
    this.drawn(this.present);
  }

  saved(): void {
    this.trail = [this.mask];
  }

  /** What differs between this and what is shown or stored; null where nothing does. */
  difference(
    seen: { readonly mask: Uint8Array; readonly steps: readonly string[]; readonly done: number },
    stroking: boolean,
  ): string | null {
    if (!same(seen.mask, this.mask)) {
      const count = this.mask.reduce((sum, label, at) => sum + (label === seen.mask[at] ? 0 : 1), 0);
      return `${count} voxels differ`;
    }
    // The step of an open stroke is not there yet.
    if (!stroking && (seen.steps.join() !== this.steps.join() || seen.done !== this.done))
      return `steps ${seen.steps.join()} of which ${seen.done}, wanted ${this.steps.join()} of which ${this.done}`;
    return null;
  }

  knows(mask: Uint8Array): boolean {
    return this.trail.some((each) => same(each, mask));
  }
}
