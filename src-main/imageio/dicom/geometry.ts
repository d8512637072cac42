import { affineFrom } from '#shared/geometry/affine.ts';
import type { Affine, Grid, Triple } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import type { Frame } from './frames.ts';

const sameDirection = 1e-3;
const sameSize = 1e-3;
/** Slices nearer than this, in millimetres, lie at one place. */
const samePlace = 1e-2;

/** Frames that share series, frame of reference, orientation, size, pixel size and phase: what may make up one volume. */
export function groupFrames(frames: readonly Frame[]): Frame[][] {
  const groups: Frame[][] = [];
  for (const frame of frames) {
    const home = groups.find(([first]) => first !== undefined && belongTogether(first, frame));
    if (home) home.push(frame);
    else groups.push([frame]);
  }
  return groups;
}

/**
 * The volumes of one group: where every place of a slice holds the same number of different pictures (time points, echoes, contrasts), as many, told
 * apart by what came first; else the group as it is.
 */
export function separateVolumes(group: readonly Frame[]): Frame[][] {
  if (group.length === 0) return [];
  const places = placesOf(group);
  const count = places[0]?.length ?? 0;
  if (count < 2 || places.some((place) => place.length !== count)) return [[...group]];
  const sorted = places.map((place) => place.sort(byOrder));
  return Array.from({ length: count }, (_, n) => sorted.map((place) => place[n] as Frame));
}

/** The different pictures at each place of a slice, along the slices' normal; copies of a picture count once. */
export function placesOf(group: readonly Frame[]): Frame[][] {
  const [first] = group;
  if (!first) return [];
  const normal = cross(first.rowAxis, first.columnAxis);
  const height = (frame: Frame): number => dot(frame.position, normal);
  const places: Frame[][] = [];
  for (const frame of group.toSorted((a, b) => height(a) - height(b))) {
    const place = places.at(-1);
    if (!place || height(frame) - height(place[0] as Frame) > samePlace) places.push([frame]);
    else if (!place.some((other) => other.sopInstanceUid === frame.sopInstanceUid && other.index === frame.index)) place.push(frame);
  }
  return places;
}

/** All volumes of some frames, in the order of time where they have one. Reading and finding count them alike. */
export function volumesIn(frames: readonly Frame[]): Frame[][] {
  return groupFrames(frames)
    .flatMap(separateVolumes)
    .sort((a, b) => byOrder(a[0] as Frame, b[0] as Frame));
}

function byOrder(a: Frame, b: Frame): number {
  const at = a.order.findIndex((x, n) => x !== b.order[n]);
  return at < 0 ? 0 : (a.order[at] as number) - (b.order[at] as number);
}

function belongTogether(a: Frame, b: Frame): boolean {
  return (
    a.seriesInstanceUid === b.seriesInstanceUid &&
    a.frameOfReferenceUid === b.frameOfReferenceUid &&
    a.phase === b.phase &&
    a.columns === b.columns &&
    a.rows === b.rows &&
    distance(a.rowAxis, b.rowAxis) < sameDirection &&
    distance(a.columnAxis, b.columnAxis) < sameDirection &&
    Math.abs(a.pixelSize[0] - b.pixelSize[0]) < sameSize &&
    Math.abs(a.pixelSize[1] - b.pixelSize[1]) < sameSize
  );
}

export interface Stack {
  readonly grid: Grid;
  /** In the order of k. */
  readonly frames: readonly Frame[];
}

/**
 * Sorts one group's frames along their normal and makes their grid: spacing from positions, never from SliceThickness. Copies of an
 * instance are dropped with a warning. Throws where slices are missing, lie unevenly, or several differ at one place.
 */
export function stackFrames(path: string, group: readonly Frame[], warnings: string[]): Stack {
  const [first] = group;
  if (!first) throw invalidFile(path, 'holds no slices.');
  const normal = cross(first.rowAxis, first.columnAxis);
  const height = (frame: Frame): number => dot(frame.position, normal);
  const frames = withoutCopies(
    path,
    group.toSorted((a, b) => height(a) - height(b)),
    height,
    warnings,
  );
  const start = frames[0] as Frame;
  const step = sliceStep(path, frames, normal, height, warnings);
  const affine = stackAffine(start, step);
  return { grid: checkedGrid(path, [start.columns, start.rows, frames.length], affine), frames };
}

function withoutCopies(path: string, sorted: readonly Frame[], height: (frame: Frame) => number, warnings: string[]): readonly Frame[] {
  const kept: Frame[] = [];
  let copies = 0,
    different = 0;
  for (const frame of sorted) {
    const last = kept.at(-1);
    if (!last || height(frame) - height(last) > samePlace) kept.push(frame);
    else if (frame.sopInstanceUid === last.sopInstanceUid && frame.index === last.index) copies++;
    else different++;
  }
  if (different > 0) {
    throw different + copies + kept.length === sorted.length && different % kept.length === 0
      ? unsupportedFile(
          path,
          `holds ${1 + different / kept.length} images at every slice position (time points, echoes or contrasts); separate them into series of their own first.`,
        )
      : invalidFile(
          path,
          `holds several different images at one slice position, ${different} more than places; remove those that do not belong to it.`,
        );
  }
  if (copies > 0)
    warnings.push(`${copies} ${copies === 1 ? 'slice was' : 'slices were'} there twice and ${copies === 1 ? 'is' : 'are'} read once.`);
  return kept;
}

/** The vector from one slice to the next, in millimetres. */
function sliceStep(path: string, frames: readonly Frame[], normal: Triple, height: (frame: Frame) => number, warnings: string[]): Triple {
  const start = frames[0] as Frame,
    end = frames.at(-1) as Frame;
  if (frames.length === 1) {
    warnings.push('There is one slice only; its thickness says nothing about the volume.');
    const mm = start.sliceDistance || 1;
    return [normal[0] * mm, normal[1] * mm, normal[2] * mm];
  }
  const steps = frames.slice(1).map((frame, n) => height(frame) - height(frames[n] as Frame));
  const median = steps.toSorted((a, b) => a - b)[steps.length >> 1] as number;
  const gap = steps.findIndex((mm) => mm > 1.5 * median);
  if (gap >= 0) {
    const missing = steps.reduce((sum, mm) => sum + (mm > 1.5 * median ? Math.max(1, Math.round(mm / median) - 1) : 0), 0);
    throw invalidFile(
      path,
      `misses slices: about ${missing} between the ${frames.length} that are there, the first after slice ${gap + 1}; copy the whole series.`,
    );
  }
  const last = frames.length - 1;
  const step = [0, 1, 2].map((axis) => ((end.position[axis] as number) - (start.position[axis] as number)) / last) as unknown as Triple;
  const deviation = Math.max(
    ...frames.map((frame, k) =>
      distance(frame.position, start.position.map((x, axis) => x + k * (step[axis] as number)) as unknown as Triple),
    ),
  );
  if (deviation > 0.25 * median)
    throw invalidFile(
      path,
      `has slices at uneven distances, from ${Math.min(...steps).toFixed(2)} to ${Math.max(...steps).toFixed(2)} mm, which cannot be read as one volume.`,
    );
  if (deviation > Math.max(samePlace, 0.01 * median))
    warnings.push(`Slices lie up to ${deviation.toFixed(2)} mm off an even spacing of ${Math.hypot(...step).toFixed(2)} mm.`);
  const cosine = dot(step, normal) / Math.hypot(...step);
  if (cosine < Math.cos((0.5 * Math.PI) / 180))
    warnings.push(`The slices are sheared by ${((Math.acos(cosine) * 180) / Math.PI).toFixed(1)}° (a tilted gantry).`);
  return step;
}

/** The affine of slices that begin with `frame` and lie `step` millimetres apart. */
export function stackAffine(frame: Frame, step: Triple): Affine {
  return affineFrom({ origin: frame.position, axes: [frame.rowAxis, frame.columnAxis, step], spacing: [...frame.pixelSize, 1] });
}

export function cross(a: Triple, b: Triple): Triple {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function dot(a: Triple, b: Triple): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function distance(a: Triple, b: Triple): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
