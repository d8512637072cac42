import { untrack } from 'svelte';
import { DisposableStore, type Disposable } from '#shared/base/disposable.ts';
import type { Surface } from '#shared/geometry/surfaceNets.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { toExtent, type Box } from '#shared/segmentation/box.ts';
import type { Appearance, OverlayName } from '../stores/appearance.svelte.ts';
import type { CaseSession } from '../stores/caseSession.svelte.ts';
import { proposedValue, removedValue, type Prompting } from '../stores/prompting.svelte.ts';
import type { LeftStrokes } from '../stores/leftStrokes.ts';
import type { ViewerState } from '../stores/viewer.svelte.ts';
import { HeatLayer, LabelLayer, type IntensityLayer, type LabelLook, type Layer } from '../vtk/layers.ts';
import { RenderContext } from '../vtk/renderContext.ts';
import { SceneView } from '../vtk/sceneView.ts';
import { SliceView } from '../vtk/sliceView.ts';
import type { ViewFrame } from '../../src-shared/geometry/viewPlane.ts';
import { scoped } from './effects.svelte.ts';
import { ImageLayers } from './imageLayers.svelte.ts';
import { SurfaceLayout } from './surfaceLayout.svelte.ts';
import { differenceLooks, updateDifference, wholeDifference } from './difference.ts';

/** What a scene shows. */
export interface SceneStores {
  readonly session: CaseSession | null;
  readonly viewer: ViewerState;
  readonly appearance: Appearance;
}

/** Where unsaved strokes took a label away. */
const erasedColor = '#ffffff';

/**
 * What is drawn: the layers of the open case over one GL context. It follows the stores by itself; what it makes for a case, a
 * prediction or a view lies in a scope that goes with it.
 */
export class Scene implements Disposable {
  readonly context: RenderContext;
  mask = $state.raw<LabelLayer | null>(null);
  prediction = $state.raw<LabelLayer | null>(null);
  difference = $state.raw<LabelLayer | null>(null);
  uncertainty = $state.raw<HeatLayer | null>(null);
  strokes = $state.raw<LabelLayer | null>(null);
  prompts = $state.raw<LabelLayer | null>(null);
  /** Slices [first, end) of the image that can be drawn; null once all of them can. */
  loaded = $state.raw<readonly [number, number] | null>(null);
  /** Grows with every change that views have to draw. */
  version = $state(0);
  /** The difference is worked out once it was asked for. */
  #differenceAsked = $state(false);
  /** Slice that is shown first. */
  #middle = 0;
  readonly #stores: SceneStores;
  readonly #images: ImageLayers;
  readonly #surfaces = new SurfaceLayout();
  readonly #scope = new DisposableStore();
  readonly #maskListeners = new Set<(grid: Grid, box: Box) => void>();

  constructor(stores: SceneStores) {
    this.#stores = stores;
    this.#images = new ImageLayers(stores, () => this.#touch());
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

  /** By label value, for the 3D view. */
  get surfaces(): ReadonlyMap<number, Surface> {
    return this.#surfaces.surfaces;
  }

  /** 0 … 1 while surfaces are on their way; else null. */
  get surfacesProgress(): number | null {
    return this.#stores.session?.surfacesProgress ?? (this.#surfaces.busy ? 1 : null);
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
    return this.#images.shown;
  }

  /** Bottom to top; those that are to be seen go to the GPU. `beside`: of the view that shows another image of the case. */
  layers(beside = false): readonly Layer[] {
    const image = beside ? this.#images.beside : this.shown;
    const overlays: readonly (readonly [OverlayName, Layer | null])[] = [
      ['uncertainty', this.uncertainty],
      ['prediction', this.prediction],
      ['mask', this.mask],
      ['difference', this.difference],
      ['strokes', this.strokes],
      ['prompts', this.prompts],
    ];
    const present: Layer[] = [image, beside ? null : this.#images.blend].filter((layer) => layer !== null);
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
    const { appearance } = this.#stores;
    scoped((scope) => {
      const { session } = this.#stores;
      if (session !== null) untrack(() => this.#showCase(session, scope));
    });
    this.#images.follow();
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
      void untrack(() => this.#surfaces.show(made, () => this.#stores.session?.editing.stroking === true, scope));
    });
    $effect(() => {
      const layer = this.shown;
      // What is on the GPU of the image before says nothing of this one.
      if (layer !== null && layer.upload !== null) untrack(() => this.#showLoaded(layer));
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
    this.#images.showLeading(image, scope);
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
        this.loaded = null;
        this.mask = null;
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

  /** Has every view drawn again. Reads nothing, so that an effect may call it. */
  #touch(): void {
    untrack(() => {
      this.version++;
    });
  }
}

/** All of its voxels are on the GPU. */
function isLoaded({ image, upload }: Layer): boolean {
  return upload?.loaded[0] === 0 && upload.loaded[1] === image.getDimensions()[2];
}
