import vtkPiecewiseFunction from '@kitware/vtk.js/Common/DataModel/PiecewiseFunction';
import type vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
import vtkColorTransferFunction from '@kitware/vtk.js/Rendering/Core/ColorTransferFunction';
import vtkImageProperty from '@kitware/vtk.js/Rendering/Core/ImageProperty';
import { InterpolationType } from '@kitware/vtk.js/Rendering/Core/ImageProperty/Constants';
import type { Disposable } from '#shared/base/disposable.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import { toImageData, valueRange } from './imageData.ts';
import type { VolumeUpload } from './volumeUpload.ts';

/** Voxel box, ends included: [i0, i1, j0, j1, k0, k1]. */
export type VoxelBox = readonly [number, number, number, number, number, number];

/** Boxes that wait for a hidden or idle view, before they are joined into one. */
const waitingBoxes = 64;

function hull(a: VoxelBox, b: VoxelBox): VoxelBox {
  return [
    Math.min(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.max(a[3], b[3]),
    Math.min(a[4], b[4]),
    Math.max(a[5], b[5]),
  ];
}

/** Positions in [0, 1], ascending, with '#rrggbb'. */
export type ColorMap = readonly (readonly [number, string])[];

/** Something drawn in every slice view: vtk image data with the look that all views share. */
export abstract class Layer implements Disposable {
  readonly image: vtkImageData;
  readonly property = vtkImageProperty.newInstance();
  /** Drawn with blending over what lies below. */
  abstract readonly translucent: boolean;
  /** Slab projection applies: intensities, not labels. */
  abstract readonly projected: boolean;
  /** Hidden layers keep their textures. */
  visible = true;
  /** What brings the voxels to the GPU; null until the layer is first shown. */
  upload: VolumeUpload | null = null;
  protected readonly colours = vtkColorTransferFunction.newInstance();

  constructor(volume: Volume, range: readonly [number, number]) {
    this.image = toImageData(volume, range);
    this.property.setRGBTransferFunction(0, this.colours);
  }

  dispose(): void {
    this.upload?.dispose();
    this.upload = null;
  }
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

/** All points at once: vtk sorts and compares all of them after each that is added. */
function setColorMap(target: vtkColorTransferFunction, map: ColorMap): void {
  target.setNodes(
    map.map(([x, colour]) => {
      const [r, g, b] = rgb(colour);
      return { x, r, g, b, midpoint: 0.5, sharpness: 0 };
    }) as never,
  );
}

export const greyMap: ColorMap = [
  [0, '#000000'],
  [1, '#ffffff'],
];

/** Intensities with a window (centre, width) and a colour map. */
export class IntensityLayer extends Layer {
  readonly translucent: boolean;
  readonly projected = true;

  /** `isOver`: it lies over another image, and is seen through. */
  constructor(volume: Volume, isOver = false) {
    super(volume, valueRange(volume.data));
    this.translucent = isOver;
    setColorMap(this.colours, greyMap);
    this.property.setPiecewiseFunction(0, constantOpacity());
    this.property.setUseLookupTableScalarRange(false);
    this.property.setInterpolationType(InterpolationType.LINEAR);
  }

  setWindow(center: number, width: number): void {
    this.property.setColorLevel(center);
    this.property.setColorWindow(Math.max(width, 1e-6));
  }

  setColorMap(map: ColorMap): void {
    setColorMap(this.colours, map);
  }

  /** 0 … 1. */
  setOpacity(opacity: number): void {
    this.property.setOpacity(opacity);
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
export class LabelLayer extends Layer {
  readonly translucent = true;
  readonly projected = false;
  readonly #opacity = vtkPiecewiseFunction.newInstance();
  #visibleLabels: readonly number[] = [];

  constructor(volume: Volume<Uint8Array>) {
    super(volume, [0, 255]);
    this.property.setPiecewiseFunction(0, this.#opacity);
    this.property.setUseLookupTableScalarRange(true);
    this.property.setInterpolationType(InterpolationType.NEAREST);
    this.setLooks([]);
    this.setStyle({ opacity: 0.4, outline: 1 });
  }

  setLooks(looks: readonly LabelLook[]): void {
    const byValue = new Map(looks.map((look) => [look.value, look]));
    const values = Array.from({ length: 256 }, (_, value) => value);
    this.#visibleLabels = values.filter((value) => byValue.get(value)?.visible === true);
    setColorMap(
      this.colours,
      values.map((value) => [value, byValue.get(value)?.color ?? '#000000']),
    );
    this.#opacity.setNodes(values.map((x) => ({ x, y: this.#visibleLabels.includes(x) ? 1 : 0, midpoint: 0.5, sharpness: 0 })) as never);
    this.#outlineOpacity(this.property.getOpacity());
  }

  setStyle({ opacity, outline }: LabelStyle): void {
    this.property.setOpacity(opacity);
    this.property.setUseLabelOutline(outline > 0);
    this.property.setLabelOutlineThickness(Math.max(1, Math.round(outline)));
    this.#outlineOpacity(opacity);
  }

  /** Tells the GPU which boxes changed since the last drawing. */
  markUpdated(box: VoxelBox): void {
    if (this.upload === null) return; // It will send everything as it is then.
    const waiting = this.property.getUpdatedExtents() as unknown as VoxelBox[];
    const next = waiting.length < waitingBoxes ? [...waiting, box] : [[...waiting, box].reduce(hull)];
    this.property.setUpdatedExtents(next.map((each) => [...each]) as never);
  }

  #outlineOpacity(opacity: number): void {
    const perLabel = new Array<number>(255).fill(0);
    for (const value of this.#visibleLabels) if (value > 0) perLabel[value - 1] = Math.min(1, opacity + 0.5);
    this.property.setLabelOutlineOpacity(perLabel);
  }
}

/** Hues that neither grey nor bone has, bright on dark tissue and saturated on bright. */
const heat: ColorMap = [
  [0, '#7a2eff'],
  [0.3, '#ff1abf'],
  [1, '#ffd940'],
];

/** Values 0 … 255 as a heat map whose opacity rises with the value. */
export class HeatLayer extends Layer {
  readonly translucent = true;
  readonly projected = false;

  constructor(volume: Volume<Uint8Array>, strength: number) {
    super(volume, [0, 255]);
    setColorMap(
      this.colours,
      heat.map(([position, colour]) => [position * 255, colour]),
    );
    const opacity = vtkPiecewiseFunction.newInstance();
    opacity.addPoint(0, 0);
    opacity.addPoint(13, 0);
    opacity.addPoint(77, 1); // values above one half are rare
    opacity.addPoint(255, 1);
    this.property.setPiecewiseFunction(0, opacity);
    this.property.setUseLookupTableScalarRange(true);
    this.property.setInterpolationType(InterpolationType.LINEAR);
    this.setStrength(strength);
  }

  setStrength(strength: number): void {
    this.property.setOpacity(strength);
  }
}
