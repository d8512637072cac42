import type { Triple } from '../geometry/grid.ts';

/** Voxels with lower ≤ (i, j, k) < upper. */
export interface Box {
  readonly lower: Triple;
  readonly upper: Triple;
}

export function wholeBox(size: Triple): Box {
  return { lower: [0, 0, 0], upper: size };
}

/** Voxels along i, j, k. */
export function boxSize(box: Box): Triple {
  return [box.upper[0] - box.lower[0], box.upper[1] - box.lower[1], box.upper[2] - box.lower[2]];
}

export function unionBox(a: Box | null, b: Box | null): Box | null {
  if (a === null) return b;
  if (b === null) return a;
  return {
    lower: [Math.min(a.lower[0], b.lower[0]), Math.min(a.lower[1], b.lower[1]), Math.min(a.lower[2], b.lower[2])],
    upper: [Math.max(a.upper[0], b.upper[0]), Math.max(a.upper[1], b.upper[1]), Math.max(a.upper[2], b.upper[2])],
  };
}

/** What both boxes share; may be empty. */
export function intersectBox(a: Box, b: Box): Box {
  return {
    lower: [Math.max(a.lower[0], b.lower[0]), Math.max(a.lower[1], b.lower[1]), Math.max(a.lower[2], b.lower[2])],
    upper: [Math.min(a.upper[0], b.upper[0]), Math.min(a.upper[1], b.upper[1]), Math.min(a.upper[2], b.upper[2])],
  };
}

/** The box with `margin` voxels more on every side, clipped to a volume of `size`. */
export function expandBox(box: Box, margin: Triple, size: Triple): Box {
  return intersectBox(
    {
      lower: [box.lower[0] - margin[0], box.lower[1] - margin[1], box.lower[2] - margin[2]],
      upper: [box.upper[0] + margin[0], box.upper[1] + margin[1], box.upper[2] + margin[2]],
    },
    wholeBox(size),
  );
}

/** [i0, i1, j0, j1, k0, k1], upper ends inclusive: vtk's extent. */
export function toExtent(box: Box): [number, number, number, number, number, number] {
  return [box.lower[0], box.upper[0] - 1, box.lower[1], box.upper[1] - 1, box.lower[2], box.upper[2] - 1];
}
