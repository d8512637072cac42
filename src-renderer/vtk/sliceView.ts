import vtkPlane from '@kitware/vtk.js/Common/DataModel/Plane';
import vtkImageResliceMapper from '@kitware/vtk.js/Rendering/Core/ImageResliceMapper';
import { SlabTypes } from '@kitware/vtk.js/Rendering/Core/ImageResliceMapper/Constants';
import vtkImageSlice from '@kitware/vtk.js/Rendering/Core/ImageSlice';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Layer } from './layers.ts';
import type { ContextView, RenderContext } from './renderContext.ts';
import { add, type ViewFrame } from './viewPlane.ts';

export type SlabMode = 'maximum' | 'minimum' | 'mean';

export interface Slab {
  /** Millimetres; 0 shows the plane alone. */
  readonly thickness: number;
  readonly mode: SlabMode;
}

const slabTypes: Record<SlabMode, number> = { maximum: SlabTypes.MAX, minimum: SlabTypes.MIN, mean: SlabTypes.MEAN };
const cameraDistance = 2000;

interface Drawn {
  readonly layer: Layer;
  readonly mapper: vtkImageResliceMapper;
  readonly actor: vtkImageSlice;
}

/** One linked plane: the layers cut by the frame's plane, drawn with a parallel camera that matches the frame exactly. */
export class SliceView implements Disposable {
  readonly #view: ContextView;
  readonly #plane = vtkPlane.newInstance();
  #drawn: Drawn[] = [];
  #slab: Slab = { thickness: 0, mode: 'maximum' };

  constructor(context: RenderContext, container: HTMLElement) {
    this.#view = context.createView(container, [0, 0, 0], () => {
      for (const { layer } of this.#drawn) if (layer.visible) layer.drawn?.();
    });
    const camera = this.#view.renderer.getActiveCamera();
    camera.setParallelProjection(true);
    camera.setClippingRange(1, 2 * cameraDistance);
  }

  /** Layers from bottom to top, to be called again when their visibility changes. Layers that stay keep their textures. */
  setLayers(layers: readonly Layer[]): void {
    const kept = new Map(this.#drawn.map((drawn) => [drawn.layer, drawn]));
    for (const { actor } of this.#drawn) this.#view.renderer.removeViewProp(actor);
    this.#drawn = layers.map((layer) => kept.get(layer) ?? this.#draw(layer));
    for (const drawn of this.#drawn) {
      drawn.actor.setVisibility(drawn.layer.visible);
      this.#view.renderer.addViewProp(drawn.actor);
      kept.delete(drawn.layer);
    }
    for (const { actor, mapper } of kept.values()) {
      actor.delete();
      mapper.delete();
    }
    this.#applySlab();
    this.requestRender();
  }

  setFrame(frame: ViewFrame): void {
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
  }

  #draw(layer: Layer): Drawn {
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
    return { layer, mapper, actor };
  }

  #applySlab(): void {
    for (const { layer, mapper } of this.#drawn) {
      if (!layer.projected) continue;
      mapper.setSlabThickness(this.#slab.thickness);
      mapper.setSlabType(slabTypes[this.#slab.mode]);
    }
  }
}
