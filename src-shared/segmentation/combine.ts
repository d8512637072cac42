import { StudioError } from '../base/errors.ts';
import { membersOf } from '../domain/regions.ts';
import type { LabelVolume } from '../geometry/grid.ts';
import type { Delta } from './delta.ts';
import { checkLabel, edit, exactPolicy, tick, type EditTarget } from './editor.ts';
import { forEachRow } from './selection.ts';
import { shapeOn, type ShapeDescription } from './shapes.ts';
import { runsIn } from './runs.ts';
import { wholeBox } from './box.ts';

export type BooleanOperator = 'add' | 'subtract' | 'intersect' | 'invert' | 'clear';

/** What a boolean operation combines the label with: other labels of the mask, or labels of the prediction. */
export interface Operand {
  readonly volume: LabelVolume;
  readonly labels: readonly number[];
}

function checkLayer(target: EditTarget, layer: LabelVolume): void {
  if (layer.data.length !== target.volume.data.length)
    throw new StudioError('invalid-argument', 'The prediction and the mask differ in size.');
}

/**
 * add: operand voxels become the label. subtract: the label is erased where the operand is. intersect: the label is erased where the
 * operand is not. invert: the label becomes background and background the label. clear: the label is erased. The last two take no operand.
 */
export function combine(target: EditTarget, label: number, operator: BooleanOperator, operand?: Operand): Delta {
  checkLabel(target.volume, label);
  const { data, grid } = target.volume;
  if (operand === undefined && operator !== 'invert' && operator !== 'clear')
    throw new StudioError('invalid-argument', 'Choose the labels to combine with.');
  if (operand !== undefined) checkLayer(target, operand.volume);
  const other = operand?.volume.data ?? data;
  const member = membersOf(operand?.labels ?? []);
  /** The new label of a voxel that is (1) or is not (0) the label now, or −1 to leave it. */
  const result = (is: boolean, now: number, inOperand: boolean): number => {
    switch (operator) {
      case 'add':
        return inOperand ? label : -1;
      case 'subtract':
        return is && inOperand ? 0 : -1;
      case 'intersect':
        return is && !inOperand ? 0 : -1;
      case 'invert':
        return is ? 0 : now === 0 ? label : -1;
      case 'clear':
        return is ? 0 : -1;
    }
  };
  return edit(target, (editor) => {
    forEachRow(
      grid.size,
      wholeBox(grid.size),
      (at, _inBox, length) => {
        const end = at + length;
        for (let n = at; n < end;) {
          const from = n;
          const [now, there] = [data[n] as number, other[n] as number];
          do n++;
          while (n < end && data[n] === now && other[n] === there);
          const next = result(now === label, now, member[there] === 1);
          if (next >= 0) editor.write(from, n, next);
        }
      },
      (fraction) => tick(target, 'Combining', fraction),
    );
  });
}

export interface CopyOptions {
  /** Only here; everywhere if left out. */
  readonly shape?: ShapeDescription;
  /** Only these labels; all if left out. */
  readonly labels?: readonly number[];
  /** Also erases those labels where the prediction does not have them. */
  readonly replace?: boolean;
}

/** Accepts the prediction, wholly, by label or by region, as an edit that undo takes back. Locked labels stay as they are. */
export function copyPrediction(
  target: EditTarget,
  prediction: LabelVolume,
  { shape = { kind: 'everything' }, labels, replace = false }: CopyOptions = {},
): Delta {
  checkLayer(target, prediction);
  const { data, grid } = target.volume;
  const member = labels === undefined ? new Uint8Array(0x1_0000).fill(1) : membersOf(labels);
  member[0] = 0;
  const placed = shapeOn(grid, shape);
  const { lower, upper } = placed.box;
  return edit({ ...target, policy: exactPolicy(target.policy) }, (editor) => {
    let row = 0;
    const emit = (i0: number, i1: number): void => {
      const end = row + i1;
      for (let n = row + i0; n < end;) {
        const from = n;
        const [now, there] = [data[n] as number, prediction.data[n] as number];
        do n++;
        while (n < end && data[n] === now && prediction.data[n] === there);
        if (member[there] === 1) editor.write(from, n, there);
        else if (replace && member[now] === 1) editor.write(from, n, 0);
      }
    };
    for (let k = lower[2]; k < upper[2]; k++) {
      tick(target, 'Copying the prediction', (k - lower[2]) / (upper[2] - lower[2]));
      for (let j = lower[1]; j < upper[1]; j++) {
        row = grid.size[0] * (j + grid.size[1] * k);
        placed.spans(j, k, emit);
      }
    }
  });
}

/** Voxels per label value; background is left out. */
export function labelCounts(volume: LabelVolume): Record<number, number> {
  const { data } = volume;
  const counts = new Float64Array(0x1_0000);
  const endOfRun = runsIn(data);
  for (let at = 0; at < data.length;) {
    const label = data[at] as number;
    const end = endOfRun(at);
    counts[label] = (counts[label] as number) + end - at;
    at = end;
  }
  const found: Record<number, number> = {};
  for (let label = 1; label < counts.length; label++) if ((counts[label] as number) > 0) found[label] = counts[label] as number;
  return found;
}
