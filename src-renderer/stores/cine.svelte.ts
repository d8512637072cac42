import type { Orientation } from '../../src-shared/geometry/viewPlane.ts';
import type { ViewerState } from './viewer.svelte.ts';

/** Plays the slices of a view, again from the first after the last. */
export class Cine {
  readonly #viewer: ViewerState;
  #timer: ReturnType<typeof setInterval> | undefined;
  playing = $state<Orientation | null>(null);
  /** Slices a second. */
  speed = $state(12);

  constructor(viewer: ViewerState) {
    this.#viewer = viewer;
  }

  toggle(orientation: Orientation): void {
    const same = this.playing === orientation;
    this.stop();
    if (same || this.#viewer.sliceNumber(orientation) === null) return; // An oblique view has no slices to count.
    this.playing = orientation;
    this.#timer = setInterval(() => {
      const slice = this.#viewer.sliceNumber(orientation);
      if (slice === null) this.stop();
      else this.#viewer.showSlice(orientation, slice.number === slice.count ? 1 : slice.number + 1);
    }, 1000 / this.speed);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.playing = null;
  }
}
