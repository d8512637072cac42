import { untrack } from 'svelte';
import { DisposableStore, type Disposable } from '#shared/base/disposable.ts';
import type { Surface } from '#shared/geometry/surfaceNets.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { toExtent, type Box } from '#shared/segmentation/box.ts';
import colorMaps from '../../resources/viewer/colorMaps.json' with { type: 'json' };
import type { Appearance, OverlayName } from '../stores/appearance.svelte.ts';
import type { CaseSession } from '../stores/caseSession.svelte.ts';
import { proposedValue, removedValue, type Prompting } from '../stores/prompting.svelte.ts';
import type { LeftStrokes } from '../stores/leftStrokes.ts';
import type { ViewerState } from '../stores/viewer.svelte.ts';
import { HeatLayer, IntensityLayer, LabelLayer, type ColorMap, type LabelLook, type Layer } from '../vtk/layers.ts';
import { RenderContext } from '../vtk/renderContext.ts';
import { SceneView } from '../vtk/sceneView.ts';
import { SliceView } from '../vtk/sliceView.ts';
import type { ViewFrame } from '../../src-shared/geometry/viewPlane.ts';
import { differenceLooks, updateDifference, wholeDifference } from './difference.ts';

/** What a scene shows. */
export interface SceneStores {
  readonly session: CaseSession | null;
  readonly viewer: ViewerState;
  readonly appearance: Appearance;
}

/** Where unsaved strokes took a label away. */
const erasedColor = '#ffffff';

/** Between two surfaces that are handed to the GPU: vtk lays each out for it, which takes a while for a liver. */
const surfaceInterval = 50;

/**
 * What is drawn: the layers of the open case over one GL context. It follows the stores by itself; what it makes for a case, a
 * prediction or a view lies in a scope that goes with it.
 */
export class Scene implements Disposable {
  readonly context: RenderContext;
  /** The leading image. */
  intensity = $state.raw<IntensityLayer | null>(null);
  /** Other images of the case that were to be seen, by their place among them. */
  #others = $state.raw<ReadonlyMap<number, IntensityLayer>>(new Map());
  /** What lies over the shown image. */
  blend = $state.raw<IntensityLayer | null>(null);
  mask = $state.raw<LabelLayer | null>(null);
  prediction = $state.raw<LabelLayer | null>(null);
  difference = $state.raw<LabelLayer | null>(null);
  uncertainty = $state.raw<HeatLayer | null>(null);
  strokes = $state.raw<LabelLayer | null>(null);
  prompts = $state.raw<LabelLayer | null>(null);
  /** By label value, for the 3D view. */
  surfaces = $state.raw<ReadonlyMap<number, Surface>>(new Map());
  /** Slices [first, end) of the image that can be drawn; null once all of them can. */
  loaded = $state.raw<readonly [number, number] | null>(null);
  /** Grows with every change that views have to draw. */
  version = $state(0);
  #layingOut = $state(false);
  /** The difference is worked out once it was asked for. */
  #differenceAsked = $state(false);
  /** Slice that is shown first. */
  #middle = 0;
  readonly #stores: SceneStores;
  readonly #scope = new DisposableStore();
  readonly #maskListeners = new Set<(grid: Grid, box: Box) => void>();

  constructor(stores: SceneStores) {
    this.#stores = stores;
    this.context = this.#scope.add(new RenderContext());
    this.#scope.add({ dispose: $effect.root(() => this.#follow()) });
  }

  dispose(): void {
    this.#scope.dispose();
  }

  get appearance(): Appearance {
    return this.#stores.appearance;
  }

  readonly labelLooks = $derived.by((): readonly LabelLook[] => {
    const editing = this.#stores.session?.editing;
    if (editing === undefined) return [];
    const { labels, removedLabels, hidden } = editing;
    return [...labels, ...removedLabels].map(({ value, color }) => ({ value, color, visible: !hidden.has(value) }));
  });

  /** 0 … 1 while surfaces are on their way; else null. */
  get surfacesProgress(): number | null {
    return this.#stores.session?.surfacesProgress ?? (this.#layingOut ? 1 : null);
  }

  colorOf(label: number): string {
    return this.labelLooks.find((look) => look.value === label)?.color ?? '#ffffff';
  }

  /** A slice view inside `container`; hand it back with `unmount`. */
  mountSlice(container: HTMLElement): SliceView {
    return this.#scope.add(new SliceView(this.context, container, (frame) => this.#sawSlice(frame)));
  }

  /** A 3D view inside `container`; hand it back with `unmount`. */
  mountVolume(container: HTMLElement): SceneView {
    return this.#scope.add(new SceneView(this.context, container));
  }

  unmount(view: SliceView | SceneView): void {
    this.#scope.release(view);
  }

  /** The image that is in the views; null while it is not here. */
  get shown(): IntensityLayer | null {
    return this.#imageLayer(this.#stores.session?.images.shown ?? 0);
  }

  #imageLayer(index: number): IntensityLayer | null {
    return index === 0 ? this.intensity : (this.#others.get(index) ?? null);
  }

  /** Bottom to top; those that are to be seen go to the GPU. `beside`: of the view that shows another image of the case. */
  layers(beside = false): readonly Layer[] {
    const { images } = this.#stores.session ?? {};
    const image = beside ? this.#imageLayer(images?.beside ?? 0) : this.shown;
    const overlays: readonly (readonly [OverlayName, Layer | null])[] = [
      ['uncertainty', this.uncertainty],
      ['prediction', this.prediction],
      ['mask', this.mask],
      ['difference', this.difference],
      ['strokes', this.strokes],
      ['prompts', this.prompts],
    ];
    const present: Layer[] = [image, beside ? null : this.blend].filter((layer) => layer !== null);
    for (const [name, layer] of overlays) {
      if (layer === null) continue;
      layer.visible = this.appearance.looks[name].visible;
      present.push(layer);
    }
    for (const layer of present) if (layer.visible) this.#upload(layer);
    return present;
  }

  #upload(layer: Layer): void {
    layer.upload ??= this.context.upload(layer.image, this.#middle, () => {
      if (layer === this.shown) this.#showLoaded(layer);
      this.#touch();
    });
  }

  #showLoaded(layer: Layer): void {
    this.loaded = isLoaded(layer) ? null : (layer.upload?.loaded ?? [0, 0]);
  }

  /** A view has drawn a slice: where image and mask are in it, the person was shown it. */
  #sawSlice(frame: ViewFrame): void {
    const { session, appearance } = this.#stores;
    const { visible, opacity, outline } = appearance.looks.mask;
    if (session === null || this.mask === null || this.loaded !== null || !isLoaded(this.mask)) return;
    if (visible && (opacity > 0 || outline > 0)) session.review.seen.drawn(frame, session.editing.hidden);
  }

  /** Calls `listener` with every box of the mask that changed; returns what stops it. */
  onMask(listener: (grid: Grid, box: Box) => void): () => void {
    this.#maskListeners.add(listener);
    return () => this.#maskListeners.delete(listener);
  }

  #follow(): void {
    const { appearance, viewer } = this.#stores;
    scoped((scope) => {
      const { session } = this.#stores;
      if (session !== null) untrack(() => this.#showCase(session, scope));
    });
    scoped((scope) => {
      const { session } = this.#stores;
      if (session !== null) this.#showOthers(session, scope);
    });
    scoped((scope) => {
      const { images } = this.#stores.session ?? {};
      const index = images?.blend?.index;
      const volume = index === undefined ? undefined : images?.read[index]?.volume;
      if (volume !== undefined) untrack(() => this.#showBlend(volume, scope));
    });
    scoped((scope) => {
      const { session } = this.#stores;
      if (session === null) return;
      const { predictedLabels, uncertainty } = session;
      untrack(() => this.#showPrediction(predictedLabels, uncertainty, scope));
    });
    scoped((scope) => {
      const strokes = this.#stores.session?.strokes ?? null;
      if (strokes !== null) untrack(() => this.#showStrokes(strokes, scope));
    });
    scoped((scope) => {
      const prompting = this.#stores.session?.prompting;
      const layer = prompting?.layer ?? null;
      if (prompting !== undefined && layer !== null) untrack(() => this.#showPrompts(prompting, layer, scope));
    });
    $effect(() => {
      if (appearance.looks.difference.visible) this.#differenceAsked = true;
    });
    scoped((scope) => {
      const { session } = this.#stores;
      const predicted = session?.predictedLabels ?? null;
      if (session === null || predicted === null || !this.#differenceAsked) return;
      void untrack(() => this.#showDifference(session, predicted, scope));
    });
    scoped((scope) => {
      const made = this.#stores.session?.surfaces ?? new Map<number, Surface>();
      void untrack(() => this.#layOutSurfaces(made, scope));
    });
    $effect(() => {
      const layer = this.shown;
      // What is on the GPU of the image before says nothing of this one.
      if (layer !== null && layer.upload !== null) untrack(() => this.#showLoaded(layer));
    });
    this.#drawnAgain(() => {
      const { images } = this.#stores.session ?? {};
      for (const [index, layer] of this.#imageLayers()) {
        const { center, width } = images?.windowOf(index) ?? viewer.window;
        layer.setWindow(center, width);
      }
    });
    this.#drawnAgain(() => {
      const map = pointsOf(appearance.colorMap);
      for (const [, layer] of this.#imageLayers()) if (layer !== this.blend) layer.setColorMap(map);
    });
    this.#drawnAgain(() => {
      const blend = this.#stores.session?.images.blend ?? null;
      if (blend === null) return;
      this.blend?.setColorMap(pointsOf(blend.colorMap));
      this.blend?.setOpacity(blend.opacity);
    });
    this.#drawnAgain(() => {
      for (const [, layer] of this.#imageLayers()) layer.setSmooth(appearance.smooth);
    });
    this.#drawnAgain(() => {
      this.mask?.setLooks(this.labelLooks);
      this.prediction?.setLooks(this.labelLooks);
      this.strokes?.setLooks(this.#strokeLooks);
      this.prompts?.setLooks([
        { value: proposedValue, color: this.colorOf(this.#stores.session?.prompting.label ?? 0), visible: true },
        { value: removedValue, color: erasedColor, visible: true },
      ]);
    });
    this.#drawnAgain(() => {
      const { looks } = appearance;
      this.mask?.setStyle(looks.mask);
      this.prediction?.setStyle(looks.prediction);
      this.difference?.setStyle(looks.difference);
      this.strokes?.setStyle(looks.strokes);
      this.prompts?.setStyle(looks.prompts);
      this.uncertainty?.setStrength(looks.uncertainty.opacity);
    });
  }

  #drawnAgain(change: () => void): void {
    $effect(() => {
      change();
      this.#touch();
    });
  }

  #showCase({ editing }: CaseSession, scope: DisposableStore): void {
    const { image, mask } = editing;
    this.#middle = Math.floor(image.grid.size[2] / 2);
    const labelLayer = scope.add(new LabelLayer(mask));
    this.intensity = scope.add(new IntensityLayer(image));
    this.loaded = [0, 0];
    this.mask = labelLayer;
    const stop = editing.onChange((box) => {
      labelLayer.markUpdated(toExtent(box));
      for (const listener of this.#maskListeners) listener(mask.grid, box);
    });
    const drawn = this.context.onFrame(() => {
      drawn();
      performance.measure('first-slice', 'case-read');
    });
    scope.add({
      dispose: () => {
        stop();
        drawn();
        this.intensity = null;
        this.loaded = null;
        this.mask = null;
        this.#touch();
      },
    });
    this.#touch();
  }

  /** Every image layer that there is, with the place of its image. */
  #imageLayers(): readonly (readonly [number, IntensityLayer])[] {
    const { images } = this.#stores.session ?? {};
    return [
      ...(this.intensity === null ? [] : [[0, this.intensity] as const]),
      ...this.#others,
      ...(this.blend === null ? [] : [[images?.blend?.index ?? 0, this.blend] as const]),
    ];
  }

  /** An image gets its layer when it is first to be seen, and keeps it as long as the case is open. */
  #showOthers({ images }: CaseSession, scope: DisposableStore): void {
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

  #showPrediction(labels: Volume<Uint8Array> | null, uncertainty: Volume<Uint8Array> | null, scope: DisposableStore): void {
    this.#differenceAsked = this.appearance.looks.difference.visible;
    this.prediction = labels === null ? null : scope.add(new LabelLayer(labels));
    this.uncertainty = uncertainty === null ? null : scope.add(new HeatLayer(uncertainty, this.appearance.looks.uncertainty.opacity));
    scope.add({
      dispose: () => {
        this.prediction = null;
        this.uncertainty = null;
        this.#touch();
      },
    });
    this.#touch();
  }

  get #strokeLooks(): readonly LabelLook[] {
    const erased = this.#stores.session?.strokes?.written.erased;
    const shown = this.labelLooks.filter(({ value }) => value !== erased);
    return erased === undefined ? shown : [...shown, { value: erased, color: erasedColor, visible: true }];
  }

  #showStrokes({ written }: LeftStrokes, scope: DisposableStore): void {
    this.strokes = scope.add(new LabelLayer(written.layer));
    scope.add({
      dispose: () => {
        this.strokes = null;
        this.#touch();
      },
    });
    this.#touch();
  }

  #showPrompts(prompting: Prompting, volume: Volume<Uint8Array>, scope: DisposableStore): void {
    const layer = scope.add(new LabelLayer(volume));
    this.prompts = layer;
    const stop = prompting.onChange((box) => {
      layer.markUpdated(toExtent(box));
      this.#touch();
      const drawn = this.context.onFrame(() => {
        drawn();
        performance.mark('prompt-drawn');
      });
    });
    scope.add({
      dispose: () => {
        stop();
        this.prompts = null;
        this.#touch();
      },
    });
    this.#touch();
  }

  async #showDifference({ editing }: CaseSession, predicted: Volume<Uint8Array>, scope: DisposableStore): Promise<void> {
    const { mask } = editing;
    const volume = { grid: mask.grid, data: new Uint8Array(mask.data.length) };
    let layer: LabelLayer | null = null;
    let ended = false;
    const stop = editing.onChange((box) => {
      updateDifference(volume, mask, predicted, box);
      layer?.markUpdated(toExtent(box));
    });
    scope.add({
      dispose: () => {
        ended = true;
        stop();
        layer?.dispose();
        this.difference = null;
        this.#touch();
      },
    });
    if (!(await wholeDifference(volume, mask, predicted, () => ended))) return;
    layer = new LabelLayer(volume);
    layer.setLooks(differenceLooks);
    this.difference = layer;
  }

  /** One at a time, and none during a stroke. */
  async #layOutSurfaces(made: ReadonlyMap<number, Surface>, scope: DisposableStore): Promise<void> {
    let ended = false;
    scope.add({
      dispose: () => {
        ended = true;
      },
    });
    this.surfaces = new Map([...this.surfaces].filter(([label]) => made.has(label)));
    const fresh = [...made].filter(([label, surface]) => this.surfaces.get(label) !== surface);
    this.#layingOut = fresh.length > 0;
    for (const [label, surface] of fresh) {
      do
        await new Promise((done) => {
          setTimeout(done, surfaceInterval);
        });
      while (!ended && this.#stores.session?.editing.stroking === true);
      if (ended) return;
      this.surfaces = new Map([...this.surfaces, [label, surface]]);
    }
    this.#layingOut = false;
  }

  /** Has every view drawn again. Reads nothing, so that an effect may call it. */
  #touch(): void {
    untrack(() => {
      this.version++;
    });
  }
}

function pointsOf(colorMap: string): ColorMap {
  return ((colorMaps as Record<string, { points: unknown }>)[colorMap] ?? colorMaps.grey).points as ColorMap;
}

/** All of its voxels are on the GPU. */
function isLoaded({ image, upload }: Layer): boolean {
  return upload?.loaded[0] === 0 && upload.loaded[1] === image.getDimensions()[2];
}

/** An effect whose run makes things that go before its next one. */
function scoped(run: (scope: DisposableStore) => void): void {
  $effect(() => {
    const scope = new DisposableStore();
    run(scope);
    return () => untrack(() => scope.dispose());
  });
}
