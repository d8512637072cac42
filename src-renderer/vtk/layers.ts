import vtkPiecewiseFunction from '@kitware/vtk.js/Common/DataModel/PiecewiseFunction';
import type vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
import vtkColorTransferFunction from '@kitware/vtk.js/Rendering/Core/ColorTransferFunction';
import vtkImageProperty from '@kitware/vtk.js/Rendering/Core/ImageProperty';
import { InterpolationType } from '@kitware/vtk.js/Rendering/Core/ImageProperty/Constants';
import type { Volume } from '#shared/geometry/grid.ts';
import { toImageData, valueRange } from './imageData.ts';

/** Voxel box, ends included: [i0, i1, j0, j1, k0, k1]. */
export type VoxelBox = readonly [number, number, number, number, number, number];

/** Boxes that wait for a hidden or idle view, before they are joined into one. */
const waitingBoxes = 64;

function hull(a: VoxelBox, b: VoxelBox): VoxelBox {
  return [
    Math.min(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.max(a[3], b[3]), Math.min(a[4], b[4]), Math.max(a[5], b[5]),
  ];
}

/** Positions in [0, 1], ascending, with '#rrggbb'. */
export type ColourMap = readonly (readonly [number, string])[];

/** Something drawn in every slice view: vtk image data with the look that all views share. */
export interface Layer {
  readonly image: vtkImageData;
  readonly property: vtkImageProperty;
  /** Drawn with blending over what lies below. */
  readonly translucent: boolean;
  /** Slab projection applies: intensities, not labels. */
  readonly projected: boolean;
  /** Hidden layers keep their textures. */
  visible: boolean;
  /** Called after a view has drawn the layer. */
  drawn?(): void;
}

/** "#rrggbb" as red, green and blue in [0, 1]. */
export function rgb(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [((value >> 16) & 255) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

function constantOpacity(): vtkPiecewiseFunction {
  const opacity = vtkPiecewiseFunction.newInstance();
  opacity.addPoint(-1e9, 1);
  opacity.addPoint(1e9, 1);
  return opacity;
}

function setColourMap(target: vtkColorTransferFunction, map: ColourMap): void {
  target.removeAllPoints();
  for (const [position, colour] of map) target.addRGBPoint(position, ...rgb(colour));
}

export const greyMap: ColourMap = [[0, '#000000'], [1, '#ffffff']];

/** Intensities with a window (centre, width) and a colour map. */
export class IntensityLayer implements Layer {
  readonly image: vtkImageData;
  readonly property = vtkImageProperty.newInstance();
  readonly translucent = false;
  readonly projected = true;
  visible = true;
  readonly range: readonly [number, number];
  readonly #colours = vtkColorTransferFunction.newInstance();

  constructor(volume: Volume) {
    this.range = valueRange(volume.data);
    this.image = toImageData(volume, this.range);
    setColourMap(this.#colours, greyMap);
    this.property.setRGBTransferFunction(0, this.#colours);
    this.property.setPiecewiseFunction(0, constantOpacity());
    this.property.setUseLookupTableScalarRange(false);
    this.property.setInterpolationType(InterpolationType.LINEAR);
  }

  setWindow(center: number, width: number): void {
    this.property.setColorLevel(center);
    this.property.setColorWindow(Math.max(width, 1e-6));
  }

  setColourMap(map: ColourMap): void {
    setColourMap(this.#colours, map);
  }

  setSmooth(smooth: boolean): void {
    this.property.setInterpolationType(smooth ? InterpolationType.LINEAR : InterpolationType.NEAREST);
  }
}

/** How one label value is drawn; values that are not listed are invisible. */
export interface LabelLook {
  readonly value: number;
  readonly color: string;
  readonly visible: boolean;
}

export interface LabelStyle {
  /** Of the filled area, 0 … 1. */
  readonly opacity: number;
  /** Width of the outline in voxels; 0 draws none. */
  readonly outline: number;
}

/** Labels 0 … 255 over the image; background is invisible. Touched boxes alone go to the GPU. */
export class LabelLayer implements Layer {
  readonly image: vtkImageData;
  readonly property = vtkImageProperty.newInstance();
  readonly translucent = true;
  readonly projected = false;
  visible = true;
  readonly #colours = vtkColorTransferFunction.newInstance();
  readonly #opacity = vtkPiecewiseFunction.newInstance();
  #uploaded = false;
  #looks: readonly LabelLook[] = [];
  #style: LabelStyle = { opacity: 0.4, outline: 1 };

  constructor(volume: Volume<Uint8Array>) {
    this.image = toImageData(volume, [0, 255]);
    this.property.setRGBTransferFunction(0, this.#colours);
    this.property.setPiecewiseFunction(0, this.#opacity);
    this.property.setUseLookupTableScalarRange(true);
    this.property.setInterpolationType(InterpolationType.NEAREST);
    this.#apply();
  }

  setLooks(looks: readonly LabelLook[]): void {
    this.#looks = looks;
    this.#apply();
  }

  setStyle(style: LabelStyle): void {
    this.#style = style;
    this.#apply();
  }

  drawn(): void {
    this.#uploaded = true;
  }

  /** Tells the GPU which boxes changed since the last drawing. */
  markUpdated(box: VoxelBox): void {
    if (!this.#uploaded) return; // The first drawing sends everything as it is then.
    const waiting = this.property.getUpdatedExtents() as unknown as VoxelBox[];
    const next = waiting.length < waitingBoxes ? [...waiting, box] : [[...waiting, box].reduce(hull)];
    this.property.setUpdatedExtents(next.map((each) => [...each]) as never);
  }

  /** The whole volume was replaced or changed in too many places. */
  markAllUpdated(): void {
    if (!this.#uploaded) return;
    this.property.setUpdatedExtents([]);
    this.image.getPointData().getScalars().modified();
    this.image.modified();
  }

  #apply(): void {
    const colours = new Array<readonly [number, number, number]>(256).fill([0, 0, 0]);
    const visible = new Array<number>(256).fill(0);
    for (const look of this.#looks) {
      colours[look.value] = rgb(look.color);
      visible[look.value] = look.visible ? 1 : 0;
    }
    this.#colours.removeAllPoints();
    this.#opacity.removeAllPoints();
    for (let value = 0; value < 256; value++) {
      this.#colours.addRGBPoint(value, ...(colours[value] as [number, number, number]));
      this.#opacity.addPoint(value, visible[value] ?? 0);
    }
    this.property.setOpacity(this.#style.opacity);
    this.property.setUseLabelOutline(this.#style.outline > 0);
    this.property.setLabelOutlineThickness(Math.max(1, Math.round(this.#style.outline)));
    this.property.setLabelOutlineOpacity(visible.slice(1).map((on) => on * Math.min(1, this.#style.opacity + 0.5)));
  }
}

/** Values 0 … 255 as a heat map whose opacity rises with the value. */
export class HeatLayer implements Layer {
  readonly image: vtkImageData;
  readonly property = vtkImageProperty.newInstance();
  readonly translucent = true;
  readonly projected = false;
  visible = true;

  constructor(volume: Volume<Uint8Array>, map: ColourMap, strength: number) {
    this.image = toImageData(volume, [0, 255]);
    const colours = vtkColorTransferFunction.newInstance();
    setColourMap(colours, map.map(([position, colour]) => [position * 255, colour]));
    const opacity = vtkPiecewiseFunction.newInstance();
    opacity.addPoint(0, 0);
    opacity.addPoint(25, 0);
    opacity.addPoint(255, 1);
    this.property.setRGBTransferFunction(0, colours);
    this.property.setPiecewiseFunction(0, opacity);
    this.property.setUseLookupTableScalarRange(true);
    this.property.setInterpolationType(InterpolationType.LINEAR);
    this.setStrength(strength);
  }

  setStrength(strength: number): void {
    this.property.setOpacity(strength);
  }
}
