import { determinant } from '../geometry/affine.ts';
import type { Box } from './box.ts';
import { componentsOf, everyAxis, type Components, type NeighbourAxes } from './components.ts';
import type { Delta } from './delta.ts';
import { edit, type EditTarget } from './editor.ts';
import { labelBox } from './selection.ts';

function eraseComponents(target: EditTarget, components: Components, erased: (component: number) => boolean): Delta {
  return edit(target, (editor) => {
    for (let run = 0; run < components.runs; run++) {
      const start = components.start[run] as number;
      if (erased(components.component[run] as number)) editor.write(start, start + (components.length[run] as number), 0);
    }
  });
}

/** Erases all of the label but its largest connected part (face neighbours); of equal ones the first in memory stays. */
export function keepLargest(target: EditTarget, label: number): Delta {
  const box = labelBox(target.volume, label);
  if (box === null) return edit(target, () => undefined);
  const components = componentsOf(target, box, label);
  const largest = components.voxels.indexOf(components.voxels.reduce((a, b) => Math.max(a, b), 0));
  return eraseComponents(target, components, (component) => component !== largest);
}

/** Erases connected parts of the label that are smaller than `minimum` millilitres. */
export function removeSmall(target: EditTarget, label: number, minimum: number): Delta {
  const box = labelBox(target.volume, label);
  if (box === null) return edit(target, () => undefined);
  const components = componentsOf(target, box, label);
  const voxels = (minimum * 1000) / Math.abs(determinant(target.volume.grid.affine));
  return eraseComponents(target, components, (component) => (components.voxels[component] as number) < voxels);
}

/**
 * Gives background that the label encloses (face neighbours) the label; other labels inside stay. With `axis`, what it encloses
 * within each slice across that axis.
 */
export function fillHoles(target: EditTarget, label: number, axis?: 0 | 1 | 2): Delta {
  const box = labelBox(target.volume, label);
  if (box === null) return edit(target, () => undefined);
  const axes = axis === undefined ? everyAxis : ([0, 1, 2].map((n) => n !== axis) as unknown as NeighbourAxes);
  return fillEnclosed(target, box, label, axes);
}

// What touches a face of the label's own box is open: beyond that face there is none of the label.
function fillEnclosed(target: EditTarget, box: Box, label: number, axes: NeighbourAxes): Delta {
  const outside = componentsOf(target, box, label, { invert: true, axes });
  const { data } = target.volume;
  return edit(target, (editor) => {
    for (let run = 0; run < outside.runs; run++) {
      if (outside.touchesFace[outside.component[run] as number] === 1) continue;
      const start = outside.start[run] as number;
      const end = start + (outside.length[run] as number);
      for (let at = start; at < end;) {
        const from = at;
        const empty = data[at] === 0;
        do at++;
        while (at < end && (data[at] === 0) === empty);
        if (empty) editor.write(from, at, label);
      }
    }
  });
}
