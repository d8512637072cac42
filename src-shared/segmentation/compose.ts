import { must } from '../base/assert.ts';
import { StudioError } from '../base/errors.ts';
import { DeltaWriter, forEachRun, RunReader, type Delta } from './delta.ts';

/** The delta that takes this one back. */
export function invertDelta(delta: Delta): Delta {
  const writer = new DeltaWriter(delta.size);
  forEachRun(delta, (start, end, before, after) => writer.record(start, end, after, before));
  return writer.finish();
}

/** One delta that does what `first` and then `second` do; what they undo between them drops out. */
export function composeDeltas(first: Delta, second: Delta): Delta {
  if (first.size.some((n, axis) => n !== second.size[axis]))
    throw new StudioError('invalid-argument', 'The two edits belong to different masks.');
  const [a, b] = [new RunReader(first), new RunReader(second)];
  const writer = new DeltaWriter(first.size);
  const emit = (start: number, end: number, before: number, after: number): void => {
    if (before !== after) writer.record(start, end, before, after);
  };
  let [aLeft, bLeft] = [a.next(), b.next()];
  let at = 0;
  while (aLeft || bLeft) {
    const aStart = aLeft ? Math.max(at, a.start) : Infinity;
    const bStart = bLeft ? Math.max(at, b.start) : Infinity;
    const from = Math.min(aStart, bStart);
    if (aStart < bStart) {
      at = Math.min(a.end, bStart);
      emit(from, at, a.before, a.after);
    } else if (bStart < aStart) {
      at = Math.min(b.end, aStart);
      emit(from, at, b.before, b.after);
    } else {
      at = Math.min(a.end, b.end);
      emit(from, at, a.before, b.after);
    }
    if (aLeft && at === a.end) aLeft = a.next();
    if (bLeft && at === b.end) bLeft = b.next();
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
