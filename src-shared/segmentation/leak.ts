import type { Grid } from '../geometry/grid.ts';
import type { Delta } from './delta.ts';

/** Of a slice: what grows beyond it is more than most structures are. */
const largeShare = 0.25;

/**
 * Why what a fill would change looks like a leak, in the words that go on after "It …"; null where it does not. A region that reaches
 * the edge of the picture within its slices is open: `plane` is the axis across the slice that the fill stays in, or undefined for all
 * three, where the slices along k are what counts.
 */
export function leakOf({ box, changed }: Delta, { size }: Grid, plane?: 0 | 1 | 2): string | null {
  if (box === null) return null;
  const across = plane ?? 2;
  const within = ([0, 1, 2] as const).filter((axis) => axis !== across);
  if (within.some((axis) => box.lower[axis] === 0 || box.upper[axis] === size[axis])) return 'reaches the edge of the picture';
  const area = within.reduce<number>((product, axis) => product * size[axis], 1);
  const slices = box.upper[across] - box.lower[across];
  return changed / slices > largeShare * area ? `takes ${Math.round((100 * changed) / (slices * area))}% of the slice` : null;
}
