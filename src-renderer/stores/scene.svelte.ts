import { untrack } from 'svelte';
import type { Label } from '#shared/domain/labelSet.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { toExtent, type Box } from '#shared/segmentation/box.ts';
import colourMaps from '../../resources/viewer/colourMaps.json' with { type: 'json' };
import { HeatLayer, IntensityLayer, LabelLayer, type ColourMap, type LabelLook, type Layer } from '../vtk/layers.ts';
import { RenderContext } from '../vtk/renderContext.ts';
import type { Surface } from '../vtk/surfaceNets.ts';
import { differenceLooks, updateDifference, wholeDifference } from './difference.ts';

export type OverlayName = 'mask' | 'prediction' | 'difference' | 'uncertainty';

export interface OverlayLook { readonly visible: boolean; readonly opacity: number; readonly outline: number }

export const colourMapNames = Object.entries(colourMaps).map(([id, map]) => ({ id, name: map.name }));

/** What is drawn: the layers of the open case over one GL context, and how each looks. */
export class Scene {
  readonly context = new RenderContext();
  intensity = $state.raw<IntensityLayer | null>(null);
  mask = $state.raw<LabelLayer | null>(null);
  prediction = $state.raw<LabelLayer | null>(null);
  difference = $state.raw<LabelLayer | null>(null);
  uncertainty = $state.raw<HeatLayer | null>(null);
  looks = $state<Record<OverlayName, OverlayLook>>({
    mask: { visible: true, opacity: 0.35, outline: 1 },
    prediction: { visible: false, opacity: 0, outline: 1 },
    difference: { visible: false, opacity: 0.7, outline: 0 },
    uncertainty: { visible: false, opacity: 0.75, outline: 0 },
  });
  colourMap = $state<string>('grey');
  smooth = $state(true);
  /** By label value, for the 3D view. */
  surfaces = $state.raw<ReadonlyMap<number, Surface>>(new Map());
  /** 0 … 1 while surfaces are being made. */
  surfacesProgress = $state<number | null>(null);
  volumeShown = $state(false);
  labelLooks = $state.raw<readonly LabelLook[]>([]);
  /** Grows with every change that views have to draw. */
  version = $state(0);
  /** Slice that is shown first. */
  #middle = 0;
  readonly #maskListeners = new Set<(grid: Grid, box: Box) => void>();
  #maskVolume: Volume<Uint8Array> | null = null;
  #predictionVolume: Volume<Uint8Array> | null = null;
  #differenceVolume: Volume<Uint8Array> | null = null;

  colourOf(label: number): string {
    return this.labelLooks.find((look) => look.value === label)?.color ?? '#ffffff';
  }

  get hasPrediction(): boolean {
    return this.prediction !== null;
  }

  /** Bottom to top. */
  layers(): readonly Layer[] {
    const overlays: readonly (readonly [OverlayName, Layer | null])[] = [
      ['uncertainty', this.uncertainty], ['prediction', this.prediction], ['mask', this.mask], ['difference', this.difference],
    ];
    const present: Layer[] = this.intensity === null ? [] : [this.intensity];
    for (const [name, layer] of overlays) {
      if (layer === null) continue;
      layer.visible = this.looks[name].visible;
      present.push(layer);
    }
    for (const layer of present) if (layer.visible) this.#upload(layer);
    return present;
  }

  setCase(image: Volume, mask: Volume<Uint8Array>, labels: readonly Label[]): void {
    this.clear();
    this.#middle = Math.floor(image.grid.size[2] / 2);
    this.intensity = new IntensityLayer(image);
    this.mask = new LabelLayer(mask);
    this.#maskVolume = mask;
    this.labelLooks = labels.map(({ value, color }) => ({ value, color, visible: true }));
    this.#applyColours();
    this.setColourMap(this.colourMap);
    this.setSmooth(this.smooth);
    this.#applyLooks();
  }

  setPrediction(prediction: Volume<Uint8Array> | null, uncertainty: Volume<Uint8Array> | null): void {
    this.#predictionVolume = prediction;
    this.#differenceVolume = null;
    for (const layer of [this.prediction, this.uncertainty, this.difference]) layer?.upload?.dispose();
    this.difference = null;
    this.prediction = prediction === null ? null : new LabelLayer(prediction);
    this.uncertainty = uncertainty === null ? null : new HeatLayer(uncertainty, this.looks.uncertainty.opacity);
    this.#applyColours();
    this.#applyLooks();
    if (this.looks.difference.visible) void this.#buildDifference();
    this.touch();
  }

  setLook(name: OverlayName, change: Partial<OverlayLook>): void {
    this.looks[name] = { ...this.looks[name], ...change };
    if (name === 'difference' && this.looks.difference.visible && this.#differenceVolume === null) void this.#buildDifference();
    this.#applyLooks();
  }

  setLabels(labels: readonly Label[], hidden: ReadonlySet<number>): void {
    this.labelLooks = labels.map(({ value, color }) => ({ value, color, visible: !hidden.has(value) }));
    this.#applyColours();
    this.touch();
  }

  setWindow(center: number, width: number): void {
    this.intensity?.setWindow(center, width);
    this.touch();
  }

  setColourMap(id: string): void {
    this.colourMap = id;
    const map = (colourMaps as Record<string, { points: unknown }>)[id] ?? colourMaps.grey;
    this.intensity?.setColourMap(map.points as ColourMap);
    this.touch();
  }

  setSmooth(smooth: boolean): void {
    this.smooth = smooth;
    this.intensity?.setSmooth(smooth);
    this.touch();
  }

  /**
   * Surfaces by label; null keeps the one that is there, labels that are not named go. One a frame: vtk lays each out for the GPU, which
   * takes a while for a liver. Waits while `busy` says so, and stops once `ended` does.
   */
  async updateSurfaces(surfaces: readonly (readonly [number, Surface | null])[], busy: () => boolean, ended: () => boolean): Promise<void> {
    const named = new Map(surfaces);
    this.surfaces = new Map([...this.surfaces].filter(([label]) => named.has(label)));
    for (const [label, surface] of surfaces) {
      if (surface === null) continue;
      do await new Promise((done) => { setTimeout(done, 50); }); while (busy());
      if (ended()) return;
      this.surfaces = new Map([...this.surfaces, [label, surface]]);
    }
  }

  /** The mask changed inside a box: that box alone goes to the GPU. */
  maskChanged(box: Box): void {
    this.mask?.markUpdated(toExtent(box));
    if (this.#differenceVolume !== null && this.#maskVolume !== null && this.#predictionVolume !== null) {
      updateDifference(this.#differenceVolume, this.#maskVolume, this.#predictionVolume, box);
      this.difference?.markUpdated(toExtent(box));
    }
    const grid = this.#maskVolume?.grid;
    if (grid !== undefined) for (const listener of this.#maskListeners) listener(grid, box);
  }

  /** Calls `listener` with every box of the mask that changed; returns what stops it. */
  onMask(listener: (grid: Grid, box: Box) => void): () => void {
    this.#maskListeners.add(listener);
    return () => this.#maskListeners.delete(listener);
  }

  /** Has every view drawn again. Reads nothing, so that an effect may call it. */
  touch(): void {
    untrack(() => { this.version++; });
  }

  clear(): void {
    for (const layer of [this.intensity, this.mask, this.prediction, this.uncertainty, this.difference]) layer?.upload?.dispose();
    this.intensity = null;
    this.mask = null;
    this.prediction = null;
    this.difference = null;
    this.uncertainty = null;
    this.#maskVolume = null;
    this.#predictionVolume = null;
    this.#differenceVolume = null;
    this.surfaces = new Map();
    this.touch();
  }

  /** Layers go to the GPU when they are first shown, and stay there whatever views come and go. */
  #upload(layer: Layer): void {
    layer.upload ??= this.context.upload(layer.image, this.#middle, () => this.touch());
  }

  async #buildDifference(): Promise<void> {
    const [mask, prediction] = [this.#maskVolume, this.#predictionVolume];
    if (mask === null || prediction === null) return;
    const volume = { grid: mask.grid, data: new Uint8Array(mask.data.length) };
    this.#differenceVolume = volume;
    if (!(await wholeDifference(volume, mask, prediction, () => this.#differenceVolume !== volume))) return;
    this.difference = new LabelLayer(volume);
    this.difference.setLooks(differenceLooks);
    this.#applyLooks();
  }

  #applyColours(): void {
    this.mask?.setLooks(this.labelLooks);
    this.prediction?.setLooks(this.labelLooks);
  }

  #applyLooks(): void {
    this.mask?.setStyle(this.looks.mask);
    this.prediction?.setStyle(this.looks.prediction);
    this.difference?.setStyle(this.looks.difference);
    this.uncertainty?.setStrength(this.looks.uncertainty.opacity);
    this.touch();
  }
}
