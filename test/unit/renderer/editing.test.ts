/// <reference types="svelte" />
import { describe, expect, it } from 'vitest';
import type { Grid } from '#shared/geometry/grid.ts';
import { floodFill, grow, paint } from '#shared/segmentation/index.ts';
import { Editing } from '#renderer/stores/editing.svelte.ts';

const grid: Grid = { size: [20, 20, 4], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };
const labels = ['Liver', 'Spleen', 'Aorta'].map((name, index) => ({ value: index + 1, name, color: '#ffffff', locked: index === 2 }));
const voxels = 20 * 20 * 4;

/** An image whose intensity is i, and no mask; `records` is what the journal was told. */
function open(): { readonly editing: Editing; readonly records: Uint8Array[] } {
  const records: Uint8Array[] = [];
  const image = { grid, data: Int16Array.from({ length: voxels }, (_, at) => at % 20) };
  const editing = new Editing({ image, mask: { grid, data: new Uint8Array(voxels) }, labels, sink: (record) => records.push(record) });
  return { editing, records };
}
const ball = { kind: 'ball', centre: [10, 10, 2], radius: 6 } as const;
const columns = ({ mask }: Editing, label: number): readonly number[] =>
  [...new Set([...mask.data].flatMap((value, at) => (value === label ? [at % 20] : [])))].toSorted((a, b) => a - b);

describe('a range', () => {
  it('is a mask for what is painted, erased and worked out', () => {
    const { editing } = open();
    editing.range = { low: 8, high: 11 };
    editing.paintOnce('Ball', ball, 1);
    expect(columns(editing, 1)).toEqual([8, 9, 10, 11]);
    editing.range = { low: 10, high: 30 };
    editing.paintOnce('Erase', ball, 0);
    expect(columns(editing, 1)).toEqual([8, 9]);
    editing.range = { low: 6, high: 30 };
    editing.push('Grow', grow({ ...editing.target(false), ...editing.limits }, 1, 4));
    expect(columns(editing, 1)[0]).toBe(6);
  });

  it('holds beside the limits of a tool', () => {
    const { editing } = open();
    editing.range = { low: 8, high: 11 };
    const stroke = editing.begin('Threshold brush');
    stroke.dab(ball, 1, { low: 10, high: 14 });
    stroke.commit();
    expect(columns(editing, 1)).toEqual([10, 11]);
  });
});

describe('a proposal', () => {
  const propose = (editing: Editing): void => {
    const other = { ...editing.target(false), volume: { grid, data: editing.mask.data.slice() } };
    editing.propose('Fill', floodFill(other, [1, 1, 1], 2), 'reaches the edge of the picture');
  };

  it('is seen, and is nothing before it is applied', () => {
    const { editing, records } = open();
    const boxes: unknown[] = [];
    editing.onChange((box) => boxes.push(box));
    propose(editing);
    expect([editing.mask.data[0], records.length, editing.undoName, boxes.length]).toEqual([2, 0, null, 1]);
    editing.settle(false);
    expect([editing.mask.data[0], records.length, editing.undoName, boxes.length]).toEqual([0, 0, null, 2]);
    propose(editing);
    editing.settle(true);
    expect([editing.mask.data[0], records.length, editing.undoName]).toEqual([2, 1, 'Fill']);
    editing.undo();
    expect(editing.mask.data.every((value) => value === 0)).toBe(true);
  });

  it('keeps everything else waiting', () => {
    const { editing } = open();
    propose(editing);
    for (const act of [
      () => editing.begin('Brush'),
      () => editing.undo(),
      () => editing.redo(),
      () => editing.paintOnce('Ball', ball, 1),
      () => editing.apply('Ball', paint({ ...editing.target(false), volume: { grid, data: editing.mask.data.slice() } }, ball, 1)),
    ])
      expect(act).toThrow('Apply or cancel “Fill” first.');
  });
});

describe('the history', () => {
  it('goes to any step, back and forth', () => {
    const { editing, records } = open();
    for (const label of [1, 2, 1]) editing.paintOnce(`Ball ${label}`, ball, label);
    const state = (): readonly unknown[] => [editing.undoCount, editing.labelAt([10, 10, 2])];
    editing.goTo(0);
    expect(state()).toEqual([0, 0]);
    editing.goTo(2);
    expect(state()).toEqual([2, 2]);
    editing.goTo(9);
    expect(state()).toEqual([3, 1]);
    expect(records).toHaveLength(3 + 3 + 2 + 1); // each is on its way to the disk
  });
});

describe('labels', () => {
  it('are stepped through, picked and shown alone', () => {
    const { editing } = open();
    editing.paintOnce('Ball', ball, 2);
    editing.stepLabel(-1);
    expect(editing.activeLabel).toBe(3);
    editing.stepLabel(1);
    editing.pick([10, 10, 2]);
    expect(editing.activeLabel).toBe(2);
    editing.pick([0, 0, 0]);
    editing.pick([99, 0, 0]);
    expect(editing.activeLabel).toBe(2);
    editing.toggleSolo();
    expect([...editing.hidden]).toEqual([1, 3]);
    editing.toggleSolo();
    expect(editing.hidden.size).toBe(0);
  });

  it('are shown when they are drawn with, and refused while locked', () => {
    const { editing } = open();
    editing.toggleHidden(1);
    editing.paintOnce('Ball', ball, 1);
    expect(editing.hidden.size).toBe(0);
    expect(() => editing.readyToDraw(3)).toThrow('“Aorta” is locked');
  });
});
