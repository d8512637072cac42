import vtkPlane from '@kitware/vtk.js/Common/DataModel/Plane';
import vtkImageResliceMapper from '@kitware/vtk.js/Rendering/Core/ImageResliceMapper';
import { SlabTypes } from '@kitware/vtk.js/Rendering/Core/ImageResliceMapper/Constants';
import vtkImageSlice from '@kitware/vtk.js/Rendering/Core/ImageSlice';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Grid, Triple } from '#shared/geometry/grid.ts';
import { IntensityLayer, LabelLayer, type Layer } from './layers.ts';
import type { ContextView, RenderContext } from './renderContext.ts';
import { add, cutsBox, sameFrame, type Slab, type SlabMode, type ViewFrame } from '../../src-shared/geometry/viewPlane.ts';

const slabTypes: Record<SlabMode, number> = { maximum: SlabTypes.MAX, minimum: SlabTypes.MIN, mean: SlabTypes.MEAN };
const cameraDistance = 2000;

interface Drawn {
  layer: Layer;
  readonly mapper: vtkImageResliceMapper;
  readonly actor: vtkImageSlice;
  /** It was visible once: its shaders are compiled. */
  seen: boolean;
}

/** Eight voxels for mappers that have nothing to draw: one layer for each shader there is. */
const grid: Grid = { size: [2, 2, 2], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };
const emptyImage = new IntensityLayer({ grid, data: new Int16Array(8) });
const emptyOutlines = new LabelLayer({ grid, data: new Uint8Array(8) });
const emptyAreas = new LabelLayer({ grid, data: new Uint8Array(8) });
emptyAreas.setStyle({ opacity: 1, outline: 0 });

function emptyLike({ translucent, property }: Layer): Layer {
  if (!translucent) return emptyImage;
  return property.getUseLabelOutline() ? emptyOutlines : emptyAreas;
}

/** One linked plane: the layers cut by the frame's plane, drawn with a parallel camera that matches the frame exactly. */
export class SliceView implements Disposable {
  readonly #view: ContextView;
  readonly #plane = vtkPlane.newInstance();
  #drawn: Drawn[] = [];
  /** Mappers that wait for the next layers; each has shaders of its own. */
  readonly #spare: Drawn[] = [];
  #slab: Slab = { thickness: 0, mode: 'maximum' };
  #frame: ViewFrame | null = null;

  /** `drawn` is called with what is seen after each drawing. */
  constructor(context: RenderContext, container: HTMLElement, drawn: (frame: ViewFrame) => void) {
    this.#view = context.createView(container, [0, 0, 0], () => {
      if (this.#frame !== null) drawn(this.#frame);
    });
    const camera = this.#view.renderer.getActiveCamera();
    camera.setParallelProjection(true);
    camera.setClippingRange(1, 2 * cameraDistance);
    this.#spare.push(...[emptyImage, emptyOutlines, emptyAreas].map((layer) => this.#make(layer)));
    this.setLayers([]);
  }

  /** Layers from bottom to top, to be called again when their visibility changes. Layers that stay keep their textures. */
  setLayers(layers: readonly Layer[]): void {
    for (const { actor } of [...this.#drawn, ...this.#spare]) this.#view.renderer.removeViewProp(actor);
    // What goes is put by before what comes is drawn, which may take its place.
    const kept = new Map<Layer, Drawn>();
    for (const drawn of this.#drawn) {
      if (layers.includes(drawn.layer)) kept.set(drawn.layer, drawn);
      else this.#putBy(drawn);
    }
    this.#drawn = layers.map((layer) => kept.get(layer) ?? this.#draw(layer));
    for (const { actor, layer } of this.#drawn) actor.setVisibility(layer.visible);
    // With nothing to see, one of each that is spare is drawn: shaders are compiled while a case is still being read, and not behind its
    // hundreds of megabytes in the driver's queue. What is not in the renderer loses its shaders.
    const seen = new Set<Layer>();
    for (const { actor, layer } of this.#spare) {
      actor.setVisibility(layers.length === 0 && !seen.has(layer));
      seen.add(layer);
    }
    for (const drawn of [...this.#drawn, ...this.#spare]) {
      this.#view.renderer.addViewProp(drawn.actor);
      drawn.seen ||= drawn.actor.getVisibility();
    }
    this.#applySlab();
    this.requestRender();
  }

  /** Draws again only where the frame differs: the crosshair may have moved within this plane. */
  setFrame(frame: ViewFrame): void {
    if (this.#frame !== null && sameFrame(this.#frame, frame)) return;
    this.#frame = frame;
    const { basis, center } = frame;
    this.#plane.setNormal(basis.normal[0], basis.normal[1], basis.normal[2]);
    this.#plane.setOrigin(center[0], center[1], center[2]);
    const camera = this.#view.renderer.getActiveCamera();
    const position = add(center, basis.normal, -cameraDistance);
    camera.setFocalPoint(center[0], center[1], center[2]);
    camera.setPosition(position[0], position[1], position[2]);
    camera.setViewUp(-basis.down[0], -basis.down[1], -basis.down[2]);
    camera.setParallelScale((frame.height * frame.millimetresPerPixel) / 2);
    camera.setClippingRange(1, 2 * cameraDistance);
    this.requestRender();
  }

  /** Labels changed inside a box: draws again where the plane shows them. */
  labelsChanged(grid: Grid, box: { readonly lower: Triple; readonly upper: Triple }): void {
    if (this.#frame !== null && cutsBox(this.#frame, grid, box, this.#slab.thickness / 2)) this.requestRender();
  }

  setSlab(slab: Slab): void {
    this.#slab = slab;
    this.#applySlab();
    this.requestRender();
  }

  /** Device pixels. */
  resize(width: number, height: number): void {
    this.#view.resize(width, height);
    this.requestRender();
  }

  requestRender(): void {
    this.#view.requestRender();
  }

  dispose(): void {
    this.setLayers([]);
    this.#view.dispose();
    for (const { actor, mapper } of this.#spare) {
      actor.delete();
      mapper.delete();
    }
  }

  /** Those that were seen, whose shaders are compiled, come first. */
  #putBy(drawn: Drawn): void {
    this.#show(drawn, emptyLike(drawn.layer));
    if (drawn.seen) this.#spare.unshift(drawn);
    else this.#spare.push(drawn);
  }

  #draw(layer: Layer): Drawn {
    const empty = emptyLike(layer);
    const at = this.#spare.findIndex((each) => each.layer === empty);
    const [spare] = at < 0 ? [] : this.#spare.splice(at, 1);
    if (spare === undefined) return this.#make(layer);
    this.#show(spare, layer);
    return spare;
  }

  #show(drawn: Drawn, layer: Layer): void {
    drawn.layer = layer;
    drawn.mapper.setInputData(layer.image);
    drawn.actor.setProperty(0, layer.property);
  }

  #make(layer: Layer): Drawn {
    const mapper = vtkImageResliceMapper.newInstance();
    mapper.setInputData(layer.image);
    mapper.setSlicePlane(this.#plane);
    mapper.setBackgroundColor(0, 0, 0, 0);
    mapper.setColorTextureWidth(256);
    mapper.setOpacityTextureWidth(256);
    mapper.setLabelOutlineTextureWidth(255);
    const actor = vtkImageSlice.newInstance();
    actor.setMapper(mapper as never);
    actor.setProperty(0, layer.property);
    if (layer.translucent) actor.setForceTranslucent(true);
    return { layer, mapper, actor, seen: false };
  }

  #applySlab(): void {
    for (const { layer, mapper } of [...this.#drawn, ...this.#spare]) {
      if (!layer.projected) continue;
      mapper.setSlabThickness(this.#slab.thickness);
      mapper.setSlabType(slabTypes[this.#slab.mode]);
    }
  }
}
