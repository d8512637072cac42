import vtkDataArray from '@kitware/vtk.js/Common/Core/DataArray';
import vtkPiecewiseFunction from '@kitware/vtk.js/Common/DataModel/PiecewiseFunction';
import vtkPolyData from '@kitware/vtk.js/Common/DataModel/PolyData';
import vtkActor from '@kitware/vtk.js/Rendering/Core/Actor';
import vtkColorTransferFunction from '@kitware/vtk.js/Rendering/Core/ColorTransferFunction';
import vtkMapper from '@kitware/vtk.js/Rendering/Core/Mapper';
import vtkVolume from '@kitware/vtk.js/Rendering/Core/Volume';
import vtkVolumeMapper from '@kitware/vtk.js/Rendering/Core/VolumeMapper';
import type { Disposable } from '#shared/base/disposable.ts';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { IntensityLayer, rgb } from './layers.ts';
import type { ContextView, RenderContext } from './renderContext.ts';
import type { Surface } from '../../src-shared/geometry/surfaceNets.ts';
import { add, cross, length, normalized, rotated, scaled, subtract, type Vector } from '../../src-shared/geometry/viewPlane.ts';

/** The 3D view: label surfaces and, where asked for, the volume itself. The person turns it by dragging. */
export class SceneView implements Disposable {
  readonly #view: ContextView;
  readonly #actors = new Map<number, { readonly actor: vtkActor; readonly data: vtkPolyData }>();
  #volume: { readonly actor: vtkVolume; readonly layer: IntensityLayer } | null = null;
  #centre: LpsPoint = [0, 0, 0];
  #aspect = 1;
  /** Told whenever the camera may have moved. */
  onCamera: () => void = () => undefined;

  constructor(context: RenderContext, container: HTMLElement) {
    this.#view = context.createView(container, [0.02, 0.025, 0.035]);
  }

  /** Looks at a box of `size` millimetres about `centre` from the front left above. */
  frame(centre: LpsPoint, size: number): void {
    this.#centre = centre;
    const camera = this.#view.renderer.getActiveCamera();
    const position = add(centre, normalized([0.55, -1, 0.45]), size * 2);
    camera.setFocalPoint(...(centre as [number, number, number]));
    camera.setPosition(...(position as [number, number, number]));
    camera.setViewUp(0, 0, 1);
    camera.setViewAngle(30);
    this.#draw();
  }

  setSurface(label: number, surface: Surface | null, colour: string): void {
    const before = this.#actors.get(label);
    if (before !== undefined) {
      this.#view.renderer.removeActor(before.actor);
      before.actor.delete();
      before.data.delete();
      this.#actors.delete(label);
    }
    if (surface !== null && surface.points.length > 0) {
      const data = vtkPolyData.newInstance();
      data.getPoints().setData(surface.points, 3);
      data.getPolys().setData(surface.triangles);
      data.getPointData().setNormals(vtkDataArray.newInstance({ name: 'Normals', numberOfComponents: 3, values: surface.normals }));
      const mapper = vtkMapper.newInstance();
      mapper.setInputData(data);
      mapper.setScalarVisibility(false);
      const actor = vtkActor.newInstance();
      actor.setMapper(mapper);
      const property = actor.getProperty();
      property.setColor(...rgb(colour));
      property.setAmbient(0.18);
      property.setDiffuse(0.8);
      property.setSpecular(0.15);
      property.setSpecularPower(18);
      this.#view.renderer.addActor(actor);
      this.#actors.set(label, { actor, data });
    }
    this.#draw();
  }

  /** Colours and visibility of what is there. */
  setLooks(looks: readonly { readonly value: number; readonly color: string; readonly visible: boolean }[], opacity: number): void {
    for (const { value, color, visible } of looks) {
      const actor = this.#actors.get(value)?.actor;
      actor?.setVisibility(visible);
      actor?.getProperty().setColor(...rgb(color));
      actor?.getProperty().setOpacity(opacity);
    }
    this.#draw();
  }

  /** Volume rendering inside the intensity window; null switches it off. */
  setVolume(layer: IntensityLayer | null, low: number, high: number): void {
    if (this.#volume !== null && this.#volume.layer !== layer) {
      this.#view.renderer.removeVolume(this.#volume.actor);
      this.#volume.actor.delete();
      this.#volume = null;
    }
    if (layer !== null) {
      if (this.#volume === null) {
        const mapper = vtkVolumeMapper.newInstance();
        mapper.setInputData(layer.image);
        mapper.setSampleDistance(Math.min(...layer.image.getSpacing()) * 1.5);
        mapper.setMaximumSamplesPerRay(2000);
        const actor = vtkVolume.newInstance();
        actor.setMapper(mapper);
        actor.getProperty().setShade(true);
        actor.getProperty().setInterpolationTypeToLinear();
        this.#view.renderer.addVolume(actor);
        this.#volume = { actor, layer };
      }
      const colour = vtkColorTransferFunction.newInstance();
      colour.addRGBPoint(low, 0.25, 0.1, 0.08);
      colour.addRGBPoint((low + high) / 2, 0.85, 0.6, 0.45);
      colour.addRGBPoint(high, 1, 0.98, 0.93);
      const opacity = vtkPiecewiseFunction.newInstance();
      opacity.addPoint(low + (high - low) * 0.35, 0);
      opacity.addPoint(high, 0.55);
      this.#volume.actor.getProperty().setRGBTransferFunction(0, colour);
      this.#volume.actor.getProperty().setScalarOpacity(0, opacity);
    }
    this.#draw();
  }

  /** Turns about the centre by a drag of (dx, dy) pixels. */
  turn(dx: number, dy: number): void {
    const camera = this.#view.renderer.getActiveCamera();
    const up = normalized(camera.getViewUp() as unknown as Vector);
    let arm = subtract(camera.getPosition() as unknown as Vector, camera.getFocalPoint() as unknown as Vector);
    arm = rotated(arm, [0, 0, 1], -dx * 0.01);
    const side = normalized(cross(up, arm));
    const tilted = rotated(arm, side, -dy * 0.01);
    if (Math.abs(normalized(tilted)[2]) < 0.985) arm = tilted;
    const position = add(camera.getFocalPoint() as unknown as Vector, arm);
    camera.setPosition(...(position as [number, number, number]));
    camera.setViewUp(0, 0, 1);
    this.#draw();
  }

  /** Looks at the middle from a direction (LPS), head or front upwards; from above and below, a little from the front. */
  lookFrom(direction: Vector): void {
    const camera = this.#view.renderer.getActiveCamera();
    const focal = camera.getFocalPoint() as unknown as Vector;
    const distance = length(subtract(camera.getPosition() as unknown as Vector, focal));
    const away = Math.abs(direction[2]) > 0.98 ? normalized([0, -0.18, Math.sign(direction[2])]) : normalized(direction);
    const position = add(focal, away, distance);
    camera.setPosition(...(position as [number, number, number]));
    camera.setViewUp(0, 0, 1);
    this.#draw();
  }

  /** Directions (LPS) of the picture: to the right, up, and towards the person. */
  basis(): { readonly right: Vector; readonly up: Vector; readonly toward: Vector } {
    const camera = this.#view.renderer.getActiveCamera();
    const toward = normalized(subtract(camera.getPosition() as unknown as Vector, camera.getFocalPoint() as unknown as Vector));
    const right = normalized(cross(camera.getViewUp() as unknown as Vector, toward));
    return { right, up: cross(toward, right), toward };
  }

  /** From the world (LPS millimetres) to the picture (x/w and y/w in −1..1), 4×4, row by row. */
  matrix(): number[] {
    return [...this.#view.renderer.getActiveCamera().getCompositeProjectionMatrix(this.#aspect, -1, 1)];
  }

  /** Above 1 comes closer. */
  zoom(factor: number): void {
    const camera = this.#view.renderer.getActiveCamera();
    const arm = subtract(camera.getPosition() as unknown as Vector, this.#centre);
    const position = add(this.#centre, scaled(arm, 1 / factor));
    if (length(subtract(position, this.#centre)) > 1) camera.setPosition(...(position as [number, number, number]));
    this.#draw();
  }

  resize(width: number, height: number): void {
    this.#aspect = width / Math.max(1, height);
    this.#view.resize(width, height);
    this.#draw();
  }

  dispose(): void {
    for (const label of [...this.#actors.keys()]) this.setSurface(label, null, '#000000');
    this.setVolume(null, 0, 1);
    this.#view.dispose();
  }

  #draw(): void {
    this.#view.renderer.resetCameraClippingRange();
    this.onCamera();
    this.#view.requestRender();
  }
}
