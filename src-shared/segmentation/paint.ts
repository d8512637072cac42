import type { Delta } from './delta.ts';
import { checkLabel, edit, type EditTarget } from './editor.ts';
import { shapeOn, type ShapeDescription } from './shapes.ts';

/**
 * Gives every voxel of the shape the label; 0 erases. `only` erases or repaints voxels of that label alone.
 * Limited by the target's policy and threshold.
 */
export function paint(target: EditTarget, shape: ShapeDescription, label: number, only?: number): Delta {
  checkLabel(target.volume, label);
  const { grid, data } = target.volume;
  const placed = shapeOn(grid, shape);
  const [ni, nj] = grid.size;
  const { lower, upper } = placed.box;
  return edit(target, (editor) => {
    let row = 0;
    const write = (i0: number, i1: number): void => editor.write(row + i0, row + i1, label);
    const writeOnly = (i0: number, i1: number): void => {
      for (let at = row + i0; at < row + i1; at++) if (data[at] === only) editor.write(at, at + 1, label);
    };
    const emit = only === undefined ? write : writeOnly;
    for (let k = lower[2]; k < upper[2]; k++) {
      for (let j = lower[1]; j < upper[1]; j++) {
        row = ni * (j + nj * k);
        placed.spans(j, k, emit);
      }
    }
  });
}
