import { untrack } from 'svelte';
import type { DisposableStore } from '#shared/base/disposable.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import colorMaps from '../../resources/viewer/colorMaps.json' with { type: 'json' };
import type { CaseImages } from '../stores/caseImages.svelte.ts';
import { IntensityLayer, type ColorMap } from '../vtk/layers.ts';
import { scoped } from './effects.svelte.ts';
import type { SceneStores } from './scene.svelte.ts';

/** The images of the open case as layers: which is shown, beside it and over it, with their windows and colours. */
export class ImageLayers {
  /** The leading image. */
  #leading = $state.raw<IntensityLayer | null>(null);
  /** Other images of the case that were to be seen, by their place among them. */
  #others = $state.raw<ReadonlyMap<number, IntensityLayer>>(new Map());
  /** What lies over the shown image. */
  blend = $state.raw<IntensityLayer | null>(null);
  readonly #stores: SceneStores;
  readonly #touch: () => void;

  /** `touch` has every view drawn again. */
  constructor(stores: SceneStores, touch: () => void) {
    this.#stores = stores;
    this.#touch = touch;
  }

  get #images(): CaseImages | undefined {
    return this.#stores.session?.images;
  }

  /** The image that is in the views; null while it is not here. */
  get shown(): IntensityLayer | null {
    return this.#at(this.#images?.shown ?? 0);
  }

  /** Of the view that shows another image of the case. */
  get beside(): IntensityLayer | null {
    return this.#at(this.#images?.beside ?? 0);
  }

  #at(index: number): IntensityLayer | null {
    return index === 0 ? this.#leading : (this.#others.get(index) ?? null);
  }

  /** Every image layer that there is, with the place of its image. */
  #all(): readonly (readonly [number, IntensityLayer])[] {
    return [
      ...(this.#leading === null ? [] : [[0, this.#leading] as const]),
      ...this.#others,
      ...(this.blend === null ? [] : [[this.#images?.blend?.index ?? 0, this.blend] as const]),
    ];
  }

  showLeading(volume: Volume, scope: DisposableStore): void {
    this.#leading = scope.add(new IntensityLayer(volume));
    scope.add({
      dispose: () => {
        this.#leading = null;
      },
    });
  }

  /** To be called inside an effect: follows the stores. */
  follow(): void {
    const { appearance, viewer } = this.#stores;
    scoped((scope) => {
      const images = this.#images;
      if (images !== undefined) this.#showOthers(images, scope);
    });
    scoped((scope) => {
      const images = this.#images;
      const index = images?.blend?.index;
      const volume = index === undefined ? undefined : images?.read[index]?.volume;
      if (volume !== undefined) untrack(() => this.#showBlend(volume, scope));
    });
    this.#drawnAgain(() => {
      for (const [index, layer] of this.#all()) {
        const { center, width } = this.#images?.windowOf(index) ?? viewer.window;
        layer.setWindow(center, width);
      }
    });
    this.#drawnAgain(() => {
      const map = pointsOf(appearance.colorMap);
      for (const [, layer] of this.#all()) if (layer !== this.blend) layer.setColorMap(map);
    });
    this.#drawnAgain(() => {
      const blend = this.#images?.blend ?? null;
      if (blend === null) return;
      this.blend?.setColorMap(pointsOf(blend.colorMap));
      this.blend?.setOpacity(blend.opacity);
    });
    this.#drawnAgain(() => {
      for (const [, layer] of this.#all()) layer.setSmooth(appearance.smooth);
    });
  }

  #drawnAgain(change: () => void): void {
    $effect(() => {
      change();
      this.#touch();
    });
  }

  /** An image gets its layer when it is first to be seen, and keeps it as long as the case is open. */
  #showOthers(images: CaseImages, scope: DisposableStore): void {
    const drawnFrom = new Map<IntensityLayer, Volume>();
    scope.add({
      dispose: $effect.root(() => {
        $effect(() => {
          for (const index of [images.shown, images.beside ?? 0]) {
            const volume = images.read[index]?.volume;
            const before = untrack(() => this.#others.get(index));
            if (index === 0 || volume === undefined || (before !== undefined && drawnFrom.get(before) === volume)) continue;
            const layer = new IntensityLayer(volume);
            drawnFrom.set(layer, volume);
            this.#others = new Map([...untrack(() => this.#others), [index, layer]]);
            before?.dispose(); // it was placed anew
            this.#touch();
          }
        });
      }),
    });
    scope.add({
      dispose: () => {
        for (const layer of this.#others.values()) layer.dispose();
        this.#others = new Map();
      },
    });
  }

  #showBlend(volume: Volume, scope: DisposableStore): void {
    this.blend = scope.add(new IntensityLayer(volume, true));
    scope.add({
      dispose: () => {
        this.blend = null;
        this.#touch();
      },
    });
    this.#touch();
  }
}

function pointsOf(colorMap: string): ColorMap {
  return ((colorMaps as Record<string, { points: unknown }>)[colorMap] ?? colorMaps.grey).points as ColorMap;
}
