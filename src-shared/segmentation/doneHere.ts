import type { Delta } from './delta.ts';
import { checkLabel, edit, tick, type EditTarget } from './editor.ts';

export interface DoneHereOptions {
  /** The label that stands for what nobody marked. */
  readonly ignore: number;
  readonly axis: 0 | 1 | 2;
  /** First and last slice that are done; or all from the first to the last that holds a label. */
  readonly slices: readonly [number, number] | 'labelled';
  /** Labels in slices that are not done become `ignore`, too, where slices are set apart. */
  readonly labelsToo: boolean;
}

/**
 * Says that slices are done: nothing in them is `ignore` any more. The background of all others becomes `ignore`, unless some of the mask
 * is already and single slices were named, which then are added to what is done. Locks count, ranges of intensity do not.
 */
export function doneHere({ threshold: _, ...target }: EditTarget, options: DoneHereOptions): Delta {
  const { ignore, axis, slices, labelsToo } = options;
  const { data, grid } = target.volume;
  checkLabel(target.volume, ignore);
  const [ni, nj, nk] = grid.size;
  const [first, last] = slices === 'labelled' ? labelledSlices(target, axis, ignore) : slices;
  const apart = slices === 'labelled' || !data.includes(ignore);
  /** What a voxel becomes. */
  const becomes = (value: number, done: boolean): number => {
    if (done) return value === ignore ? 0 : value;
    return apart && (value === 0 || labelsToo) ? ignore : value;
  };
  return edit({ ...target, policy: { ...target.policy, overwrite: 'all' } }, (editor) => {
    for (let k = 0, row = 0; k < nk; k++) {
      tick(target, 'Marking slices', k / nk);
      for (let j = 0; j < nj; j++, row += ni) {
        for (let i = 0; i < ni;) {
          const [from, value, done] = [i, data[row + i] as number, isDone([i, j, k][axis] as number)];
          do i++;
          while (i < ni && data[row + i] === value && (axis !== 0 || isDone(i) === done));
          const after = becomes(value, done);
          if (after !== value) editor.write(row + from, row + i, after);
        }
      }
    }
  });

  function isDone(slice: number): boolean {
    return slice >= first && slice <= last;
  }
}

/** The first and the last slice that holds a label; none: a range that holds no slice. */
function labelledSlices({ volume: { data, grid } }: EditTarget, axis: 0 | 1 | 2, ignore: number): [number, number] {
  const [ni, nj] = grid.size;
  let [first, last] = [Infinity, -1];
  for (let at = 0; at < data.length; at++) {
    const value = data[at];
    if (value === 0 || value === ignore) continue;
    const slice = axis === 0 ? at % ni : axis === 1 ? Math.floor(at / ni) % nj : Math.floor(at / (ni * nj));
    if (slice < first) first = slice;
    if (slice > last) last = slice;
  }
  return [first, last];
}
