import type { DisposableStore } from '#shared/base/disposable.ts';
import type { Surface } from '#shared/geometry/surfaceNets.ts';

/** Between two surfaces that are handed to the GPU: vtk lays each out for it, which takes a while for a liver. */
const interval = 50;

/** The surfaces of the 3D view, handed to it one at a time. */
export class SurfaceLayout {
  /** By label value. */
  surfaces = $state.raw<ReadonlyMap<number, Surface>>(new Map());
  /** Some are still to come. */
  busy = $state(false);

  /** One after the other, and none while `isWaiting`. Ends with the scope. */
  async show(made: ReadonlyMap<number, Surface>, isWaiting: () => boolean, scope: DisposableStore): Promise<void> {
    let ended = false;
    scope.add({
      dispose: () => {
        ended = true;
      },
    });
    this.surfaces = new Map([...this.surfaces].filter(([label]) => made.has(label)));
    const fresh = [...made].filter(([label, surface]) => this.surfaces.get(label) !== surface);
    this.busy = fresh.length > 0;
    for (const [label, surface] of fresh) {
      do
        await new Promise((done) => {
          setTimeout(done, interval);
        });
      while (!ended && isWaiting());
      if (ended) return;
      this.surfaces = new Map([...this.surfaces, [label, surface]]);
    }
    this.busy = false;
  }
}
