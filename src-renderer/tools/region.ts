import { lpsToIjk } from '#shared/geometry/affine.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { axisDirection, dot } from '../../src-shared/geometry/viewPlane.ts';
import type { Parameter, PointerTool, ToolHost, ToolPointer } from './types.ts';

const extent: Parameter = {
  id: 'extent',
  name: 'Extent',
  kind: 'choice',
  initial: 'slice',
  choices: [
    { value: 'slice', name: 'This slice' },
    { value: 'volume', name: '3D' },
  ],
};

/** Voxel under the pointer. */
function seedOf(pointer: ToolPointer, host: ToolHost): Triple {
  const { grid } = host.editing.mask;
  return lpsToIjk(grid, pointer.world).map((index, axis) =>
    Math.min(grid.size[axis as 0] - 1, Math.max(0, Math.round(index))),
  ) as unknown as Triple;
}

/** The image axis that the view looks along, when the tool is to stay in the slice. */
function planeOf(pointer: ToolPointer, host: ToolHost): { readonly plane?: 0 | 1 | 2 } {
  if (host.values['extent'] !== 'slice') return {};
  const alignment = ([0, 1, 2] as const).map((axis) =>
    Math.abs(dot(axisDirection(host.editing.mask.grid.affine, axis), pointer.frame.basis.normal)),
  );
  return { plane: alignment.indexOf(Math.max(...alignment)) as 0 | 1 | 2 };
}

export const regionTools: readonly PointerTool[] = [
  {
    kind: 'pointer',
    id: 'fill',
    name: 'Fill',
    group: 'region',
    key: 'f',
    cursor: 'cell',
    parameters: [extent],
    help: 'Click a closed area of one label or of background: it becomes the active label.',
    handler: {
      down: (pointer, host) => {
        const label = host.editing.activeLabel;
        host.editing.readyToDraw(label);
        host.runOperation(`Fill: ${host.editing.label(label)?.name ?? ''}`, {
          kind: 'floodFill',
          seed: seedOf(pointer, host),
          label,
          ...planeOf(pointer, host),
        });
      },
    },
  },
  {
    kind: 'pointer',
    id: 'regionGrow',
    name: 'Region grow',
    group: 'region',
    key: 'r',
    cursor: 'cell',
    parameters: [extent, { id: 'tolerance', name: 'Tolerance', kind: 'number', minimum: 1, maximum: 1000, step: 1, unit: '', initial: 40 }],
    help: 'Click inside a structure: everything connected whose intensity is within the tolerance becomes the active label.',
    handler: {
      down: (pointer, host) => {
        const label = host.editing.activeLabel;
        host.editing.readyToDraw(label);
        const seed = seedOf(pointer, host);
        const { size } = host.editing.mask.grid;
        const value = host.editing.image.data[seed[0] + size[0] * (seed[1] + size[1] * seed[2])] ?? 0;
        const tolerance = Number(host.values['tolerance']);
        host.runOperation(`Region grow: ${host.editing.label(label)?.name ?? ''}`, {
          kind: 'regionGrow',
          seed,
          label,
          low: value - tolerance,
          high: value + tolerance,
          ...planeOf(pointer, host),
        });
      },
    },
  },
];
