import { applyAffine, lpsToIjk } from '#shared/geometry/affine.ts';
import { measured, type Measurement } from '#shared/domain/measurement.ts';
import { spacing, type Grid, type LpsPoint } from '#shared/geometry/grid.ts';
import type { SlicePlane } from '#shared/prompts/slab.ts';
import {
  add,
  alignedBasis,
  axisDirection,
  dot,
  normalized,
  orientations,
  rotatedBasis,
  scaled,
  sliceStep,
  subtract,
  screenToWorld,
  type Orientation,
  type PlaneBasis,
  type Slab,
  type SlabMode,
  type Vector,
  type ViewFrame,
} from '../../src-shared/geometry/viewPlane.ts';

export type { SlabMode };

export type Pane = Orientation | 'volume';
export type LayoutName = 'grid' | 'focus' | Pane;

/** Placement of one plane; the plane itself passes through the crosshair. */
interface Placement {
  readonly basis: PlaneBasis;
  /** World point that lies, projected on the plane, in the middle of the viewport. */
  readonly middle: LpsPoint;
  readonly millimetresPerPixel: number;
  /** Shows the whole image at whatever size, until the person moves, zooms or turns it. */
  readonly fitted: boolean;
}

interface ViewportSize {
  readonly width: number;
  readonly height: number;
}

export interface Window {
  readonly center: number;
  readonly width: number;
}

const initialBasis = (grid: Grid): Record<Orientation, PlaneBasis> => ({
  axial: alignedBasis(grid.affine, 'axial'),
  coronal: alignedBasis(grid.affine, 'coronal'),
  sagittal: alignedBasis(grid.affine, 'sagittal'),
});

/** Where the person looks: crosshair, planes, zoom, intensity window, layout. Knows nothing of how it is drawn. */
export class ViewerState {
  grid = $state.raw<Grid | null>(null);
  crosshair = $state.raw<LpsPoint>([0, 0, 0]);
  /** In stored values. */
  window = $state.raw<Window>({ center: 40, width: 400 });
  /** From stored values to those that a person knows. */
  rescale = $state.raw<{ readonly slope: number; readonly intercept: number }>({ slope: 1, intercept: 0 });
  slab = $state.raw<Slab>({ thickness: 0, mode: 'maximum' });
  layout = $state<LayoutName>('grid');
  active = $state<Orientation>('axial');
  /** World point under the pointer. */
  probe = $state.raw<LpsPoint | null>(null);
  /** Of the case that is shown; `onMeasured` is told when a person changes them. */
  measurements = $state.raw<readonly Measurement[]>([]);
  onMeasured: (measurements: readonly Measurement[]) => void = () => undefined;
  crosshairShown = $state(true);
  #placements = $state.raw<Record<Orientation, Placement> | null>(null);
  #sizes = $state.raw<Record<Orientation, ViewportSize>>({
    axial: { width: 1, height: 1 },
    coronal: { width: 1, height: 1 },
    sagittal: { width: 1, height: 1 },
  });

  /** Shows `grid` from its middle, fitted to the viewports, planes along the image axes. */
  show(grid: Grid): void {
    this.grid = grid;
    this.measurements = [];
    this.probe = null;
    this.crosshair = voxelCentre(grid, centreOf(grid));
    this.resetPlanes();
  }

  /** Planes back along the image axes, fitted. */
  resetPlanes(): void {
    const grid = this.grid;
    if (grid === null) return;
    const bases = initialBasis(grid);
    const place = (orientation: Orientation): Placement => ({
      basis: bases[orientation],
      middle: centreOf(grid),
      millimetresPerPixel: this.#fit(grid, bases[orientation], orientation),
      fitted: true,
    });
    this.#placements = { axial: place('axial'), coronal: place('coronal'), sagittal: place('sagittal') };
  }

  frame(orientation: Orientation): ViewFrame | null {
    const placement = this.#placements?.[orientation];
    if (placement === undefined) return null;
    const { basis, middle, millimetresPerPixel } = placement;
    const center = add(middle, basis.normal, dot(subtract(this.crosshair, middle), basis.normal));
    return { basis, center, millimetresPerPixel, ...this.#sizes[orientation] };
  }

  /** The slice that a view shows: of a view along an image axis, a layer of its voxels. */
  plane(orientation: Orientation): SlicePlane | null {
    const { grid, crosshair } = this;
    const basis = this.#placements?.[orientation].basis;
    if (basis === undefined || grid === null) return null;
    return { ...basis, center: isAligned(grid, basis.normal) ? voxelCentre(grid, crosshair) : crosshair };
  }

  /** Moves the crosshair into the middle of such a slice. */
  showPlane({ center, normal }: SlicePlane): void {
    if (this.grid !== null) this.crosshair = isAligned(this.grid, normal) ? voxelCentre(this.grid, center) : center;
  }

  setSize(orientation: Orientation, width: number, height: number): void {
    const before = this.#sizes[orientation];
    if (before.width === width && before.height === height) return;
    this.#sizes = { ...this.#sizes, [orientation]: { width, height } };
    const placement = this.#placements?.[orientation];
    if (this.grid === null || placement === undefined) return;
    const { fitted } = placement;
    const scale = fitted
      ? this.#fit(this.grid, placement.basis, orientation)
      : placement.millimetresPerPixel * (Math.min(before.width, before.height) / Math.max(1, Math.min(width, height)));
    this.#place(orientation, { millimetresPerPixel: scale, fitted });
  }

  /** The middle of the image. */
  middle(): LpsPoint {
    return this.grid === null ? [0, 0, 0] : centreOf(this.grid);
  }

  /** Moves the crosshair to the centre of the voxel nearest to `point`, kept inside the image. */
  moveTo(point: LpsPoint): void {
    if (this.grid !== null) this.crosshair = voxelCentre(this.grid, point);
  }

  /** Also brings the point into the middle of every view. */
  jumpTo(point: LpsPoint): void {
    this.moveTo(point);
    for (const orientation of orientations) this.#place(orientation, { middle: this.crosshair });
  }

  /** Steps through slices of a view; positive goes away from the person. */
  scroll(orientation: Orientation, steps: number): void {
    const frame = this.frame(orientation);
    if (frame === null || this.grid === null) return;
    const next = add(this.crosshair, frame.basis.normal, steps * sliceStep(this.grid, frame.basis.normal));
    if (isAligned(this.grid, frame.basis.normal)) this.moveTo(next);
    else if (isInside(this.grid, next)) this.crosshair = next;
  }

  /** Zooms by `factor` (above 1 comes closer), holding the world point under (x, y) where it is. */
  zoom(orientation: Orientation, factor: number, x?: number, y?: number): void {
    const frame = this.frame(orientation);
    if (frame === null) return;
    const millimetresPerPixel = Math.min(20, Math.max(0.005, frame.millimetresPerPixel / factor));
    const fixed = screenToWorld(frame, x ?? frame.width / 2, y ?? frame.height / 2);
    const moved = screenToWorld({ ...frame, millimetresPerPixel }, x ?? frame.width / 2, y ?? frame.height / 2);
    this.#place(orientation, { millimetresPerPixel, middle: add(frame.center, subtract(fixed, moved)) });
  }

  pan(orientation: Orientation, dx: number, dy: number): void {
    const frame = this.frame(orientation);
    if (frame === null) return;
    const shift = add(scaled(frame.basis.right, -dx * frame.millimetresPerPixel), frame.basis.down, -dy * frame.millimetresPerPixel);
    this.#place(orientation, { middle: add(frame.center, shift) });
  }

  /** Turns the two other planes about this view's normal by `angle` (radians): oblique slices. */
  tilt(orientation: Orientation, angle: number): void {
    const placements = this.#placements;
    if (placements === null) return;
    const axis = placements[orientation].basis.normal;
    const next = { ...placements };
    for (const other of orientations) {
      if (other !== orientation)
        next[other] = {
          ...placements[other],
          fitted: false,
          middle: this.crosshair,
          basis: rotatedBasis(placements[other].basis, axis, angle),
        };
    }
    this.#placements = next;
  }

  isOblique(orientation: Orientation): boolean {
    const frame = this.#placements?.[orientation];
    return frame !== undefined && this.grid !== null && !isAligned(this.grid, frame.basis.normal);
  }

  /** Window by drag: right widens, down brightens, in proportion to the present width. */
  dragWindow(dx: number, dy: number): void {
    const { center, width } = this.window;
    const speed = Math.max(width, 1) / 300;
    this.window = { width: Math.max(1e-3, width + dx * speed), center: center + dy * speed };
  }

  /** The window in the units that a person knows (Hounsfield units for CT). */
  get shownWindow(): { readonly width: number; readonly level: number } {
    const { slope, intercept } = this.rescale;
    return { width: this.window.width * Math.abs(slope), level: this.window.center * slope + intercept };
  }

  /** Sets it in those units; what is not a number, or not a width, changes nothing. */
  setShownWindow(width: number, level: number): void {
    if (!Number.isFinite(width) || !Number.isFinite(level) || width <= 0) return;
    const { slope, intercept } = this.rescale;
    this.window = { width: Math.max(1e-3, width / Math.abs(slope || 1)), center: (level - intercept) / (slope || 1) };
  }

  setWindowRange(low: number, high: number): void {
    this.window = { center: (low + high) / 2, width: Math.max(1e-3, high - low) };
  }

  /** Adds what was measured, unless it is too small to have been meant. */
  addMeasurement(kind: Measurement['kind'], orientation: Orientation, points: readonly LpsPoint[]): void {
    const measurement = { id: crypto.randomUUID(), kind, orientation, points };
    if (measured(measurement).value >= 0.1) this.setMeasurements([...this.measurements, measurement]);
  }

  setMeasurements(measurements: readonly Measurement[]): void {
    this.measurements = measurements;
    this.onMeasured(measurements);
  }

  /** Slice number (1 …) of the crosshair and their count along the image axis of a view; null for an oblique view. */
  sliceNumber(orientation: Orientation): { readonly number: number; readonly count: number } | null {
    const axis = this.axisOf(orientation);
    if (axis === null || this.grid === null) return null;
    return { number: Math.round(lpsToIjk(this.grid, this.crosshair)[axis]) + 1, count: this.grid.size[axis] };
  }

  /** The image axis that a view looks along; null for an oblique view. */
  axisOf(orientation: Orientation): 0 | 1 | 2 | null {
    const placement = this.#placements?.[orientation];
    const { grid } = this;
    if (placement === undefined || grid === null) return null;
    return ([0, 1, 2] as const).find((axis) => isAlong(grid, axis, placement.basis.normal)) ?? null;
  }

  /** Brings slice views to the front where there are none, and answers with one that looks along an image axis; planes are straightened where none does. */
  straightView(): Orientation {
    if (this.layout === 'volume') this.layout = 'grid';
    const { layout } = this;
    const shown = layout === 'grid' || layout === 'focus' ? orientations : [layout as Orientation];
    const straight = (): Orientation | undefined =>
      [this.active, ...shown].find((each) => shown.includes(each) && this.axisOf(each) !== null);
    if (straight() === undefined) this.resetPlanes();
    return straight() ?? 'axial';
  }

  /** Moves the crosshair to a slice of the image axis of a view, counted from 1; an oblique view stays. */
  showSlice(orientation: Orientation, number: number): void {
    const placement = this.#placements?.[orientation];
    if (placement === undefined || this.grid === null) return;
    for (const axis of [0, 1, 2] as const) {
      if (Math.abs(dot(axisDirection(this.grid.affine, axis), placement.basis.normal)) <= 0.9999) continue;
      const index = [...lpsToIjk(this.grid, this.crosshair)] as [number, number, number];
      index[axis] = number - 1;
      this.moveTo(applyAffine(this.grid.affine, index));
      return;
    }
  }

  #place(orientation: Orientation, change: Partial<Placement>): void {
    const placements = this.#placements;
    if (placements !== null) this.#placements = { ...placements, [orientation]: { ...placements[orientation], fitted: false, ...change } };
  }

  #fit(grid: Grid, basis: PlaneBasis, orientation: Orientation): number {
    const { width, height } = this.#sizes[orientation];
    const extent = (direction: Vector): number =>
      [0, 1, 2].reduce(
        (sum, axis) => sum + grid.size[axis as 0] * spacing(grid)[axis as 0] * Math.abs(dot(axisDirection(grid.affine, axis), direction)),
        0,
      );
    if (width <= 1 || height <= 1) return 1;
    return Math.max(extent(basis.right) / width, extent(basis.down) / height) * 1.04;
  }
}

function centreOf(grid: Grid): LpsPoint {
  return applyAffine(grid.affine, [(grid.size[0] - 1) / 2, (grid.size[1] - 1) / 2, (grid.size[2] - 1) / 2]);
}

function isAligned(grid: Grid, normal: Vector): boolean {
  return [0, 1, 2].some((axis) => isAlong(grid, axis, normal));
}

function isAlong(grid: Grid, axis: number, normal: Vector): boolean {
  return Math.abs(dot(axisDirection(grid.affine, axis), normalized(normal))) > 0.9999;
}

function isInside(grid: Grid, point: LpsPoint): boolean {
  return lpsToIjk(grid, point).every((index, axis) => index >= -0.5 && index <= grid.size[axis as 0] - 0.5);
}

/** Centre of the voxel nearest to a point, clamped to the grid. */
export function voxelCentre(grid: Grid, point: LpsPoint): LpsPoint {
  const [i, j, k] = lpsToIjk(grid, point).map((index, axis) => Math.min(grid.size[axis as 0] - 1, Math.max(0, Math.round(index)))) as [
    number,
    number,
    number,
  ];
  return applyAffine(grid.affine, [i, j, k]);
}
