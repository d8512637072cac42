import { must } from '../base/assert.ts';
import { StudioError } from '../base/errors.ts';
import { DeltaWriter, forEachRun, type Delta } from './delta.ts';

interface Runs {
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly before: Uint16Array;
  readonly after: Uint16Array;
}

function runsOf(delta: Delta): Runs {
  const runs: Runs = {
    start: new Float64Array(delta.runs), end: new Float64Array(delta.runs), before: new Uint16Array(delta.runs), after: new Uint16Array(delta.runs),
  };
  let at = 0;
  forEachRun(delta, (start, end, before, after) => {
    runs.start[at] = start;
    runs.end[at] = end;
    runs.before[at] = before;
    runs.after[at++] = after;
  });
  return runs;
}

/** The delta that takes this one back. */
export function invertDelta(delta: Delta): Delta {
  const writer = new DeltaWriter(delta.size);
  forEachRun(delta, (start, end, before, after) => writer.record(start, end, after, before));
  return writer.finish();
}

/** One delta that does what `first` and then `second` do; what they undo between them drops out. */
export function composeDeltas(first: Delta, second: Delta): Delta {
  if (first.size.some((n, axis) => n !== second.size[axis])) throw new StudioError('invalid-argument', 'The two edits belong to different masks.');
  const [a, b] = [runsOf(first), runsOf(second)];
  const writer = new DeltaWriter(first.size);
  const emit = (start: number, end: number, before: number, after: number): void => {
    if (before !== after) writer.record(start, end, before, after);
  };
  let [ai, bi] = [0, 0];
  let at = 0;
  while (ai < first.runs || bi < second.runs) {
    const aStart = ai < first.runs ? Math.max(at, a.start[ai] as number) : Infinity;
    const bStart = bi < second.runs ? Math.max(at, b.start[bi] as number) : Infinity;
    const aEnd = ai < first.runs ? (a.end[ai] as number) : Infinity;
    const bEnd = bi < second.runs ? (b.end[bi] as number) : Infinity;
    const from = Math.min(aStart, bStart);
    if (aStart < bStart) {
      at = Math.min(aEnd, bStart);
      emit(from, at, a.before[ai] as number, a.after[ai] as number);
    } else if (bStart < aStart) {
      at = Math.min(bEnd, aStart);
      emit(from, at, b.before[bi] as number, b.after[bi] as number);
    } else {
      at = Math.min(aEnd, bEnd);
      emit(from, at, a.before[ai] as number, b.after[bi] as number);
    }
    if (at === aEnd) ai++;
    if (at === bEnd) bi++;
  }
  return writer.finish();
}

/** One delta for several in order, composed pairwise so that a long stroke costs n log n. Throws for an empty list. */
export function mergeDeltas(deltas: readonly Delta[]): Delta {
  let level = deltas;
  while (level.length > 1) {
    const next: Delta[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [first, second] = [must(level[i], 'delta'), level[i + 1]];
      next.push(second === undefined ? first : composeDeltas(first, second));
    }
    level = next;
  }
  return must(level[0], 'a delta to merge');
}
