import { StudioError } from '#shared/base/errors.ts';
import { splitIgnored } from '#shared/domain/labelSet.ts';
import { lpsToIjk } from '#shared/geometry/affine.ts';
import type { Operation } from '#shared/segmentation/index.ts';
import { axisDirection, dot } from '../../src-shared/geometry/viewPlane.ts';
import { labelChoice, type OperationTool, type Parameter, type ToolHost } from './types.ts';

const number = (id: string, name: string, minimum: number, maximum: number, step: number, unit: string, initial: number): Parameter => ({
  id,
  name,
  kind: 'number',
  minimum,
  maximum,
  step,
  unit,
  initial,
});

interface Definition extends Omit<OperationTool, 'kind' | 'build'> {
  operation(host: ToolHost, label: number): Operation;
}

function tool({ operation, ...description }: Definition): OperationTool {
  return {
    ...description,
    kind: 'operation',
    build: (host) => {
      const label = host.editing.activeLabel;
      host.editing.readyToDraw(label);
      const name = host.editing.label(label)?.name ?? '';
      return { name: `${description.name}: ${name}`, operation: operation(host, label) };
    },
  };
}

/** The image axis that the active view looks along. */
function activeAxis(host: ToolHost): 0 | 1 | 2 {
  const frame = host.viewer.frame(host.viewer.active);
  if (frame === null) throw new StudioError('conflict', 'Open a case first.');
  const alignment = ([0, 1, 2] as const).map((axis) =>
    Math.abs(dot(axisDirection(host.editing.mask.grid.affine, axis), frame.basis.normal)),
  );
  return alignment.indexOf(Math.max(...alignment)) as 0 | 1 | 2;
}

/** Slices that are finished; the others become the label "ignore", from which nothing is learned. */
const doneHereTool: OperationTool = {
  kind: 'operation',
  id: 'doneHere',
  name: 'Done here',
  group: 'refine',
  key: '',
  parameters: [
    {
      id: 'slices',
      name: 'Done',
      kind: 'choice',
      initial: 'shown',
      choices: [
        { value: 'shown', name: 'Slice shown' },
        { value: 'labelled', name: 'First to last labelled' },
        { value: 'all', name: 'All slices' },
      ],
    },
    number('beside', 'On either side', 0, 500, 1, 'slices', 0),
    { id: 'labelsToo', name: 'Ignore labels elsewhere, too', kind: 'switch', initial: false },
  ],
  help: 'Says which slices of the active view are finished. The rest becomes “ignore”: the case can be accepted, and nothing is learned from there.',
  build: (host) => {
    const { ignore } = splitIgnored({ labels: host.editing.labels });
    if (ignore === undefined)
      throw new StudioError('conflict', 'Add a label and name it “ignore” first: it will stand for all that is not done.');
    host.editing.readyToDraw(ignore);
    const axis = activeAxis(host);
    const { grid } = host.editing.mask;
    const shown = Math.min(grid.size[axis] - 1, Math.max(0, Math.round(lpsToIjk(grid, host.viewer.crosshair)[axis])));
    const beside = Number(host.values['beside']);
    const slices =
      host.values['slices'] === 'labelled'
        ? 'labelled'
        : host.values['slices'] === 'all'
          ? ([0, grid.size[axis] - 1] as const)
          : ([shown - beside, shown + beside] as const);
    return { name: 'Done here', operation: { kind: 'doneHere', ignore, axis, slices, labelsToo: host.values['labelsToo'] === true } };
  },
};

/** Of the correction, any label but the active one: a label combined with itself is lost or stays as it is. */
const otherLabel: Extract<Parameter, { readonly kind: 'label' }> = {
  id: 'other',
  name: 'Label',
  kind: 'label',
  initial: 2,
  choices: ({ editing, values }) => editing.labels.filter(({ value }) => values['layer'] === 'prediction' || value !== editing.activeLabel),
};

export const operationTools: readonly OperationTool[] = [
  tool({
    id: 'growFromSeeds',
    name: 'Grow from seeds',
    group: 'region',
    key: 'Shift+R',
    parameters: [number('margin', 'Margin', 1, 100, 1, 'mm', 20)],
    help: 'Paint a few strokes of two or more labels, then apply: each grows along similar intensities until they meet.',
    operation: (host) => ({
      kind: 'growFromSeeds',
      margin: Number(host.values['margin']),
      labels: host.editing.labels.filter((label) => !label.locked && !host.editing.hidden.has(label.value)).map((label) => label.value),
    }),
  }),
  tool({
    id: 'interpolate',
    name: 'Interpolate',
    group: 'region',
    key: 'i',
    parameters: [],
    help: 'Outline the active label in some slices of the active view, then apply: the slices between are filled in shape.',
    operation: (host, label) => ({ kind: 'interpolate', label, axis: activeAxis(host) }),
  }),
  tool({
    id: 'keepLargest',
    name: 'Keep largest',
    group: 'refine',
    key: '',
    parameters: [],
    help: 'Removes every part of the active label except the largest.',
    operation: (_host, label) => ({ kind: 'keepLargest', label }),
  }),
  tool({
    id: 'removeSmall',
    name: 'Remove islands',
    group: 'refine',
    key: '',
    parameters: [number('minimum', 'Smaller than', 0.01, 50, 0.01, 'ml', 0.5)],
    help: 'Removes separate parts of the active label that are smaller than the limit.',
    operation: (host, label) => ({ kind: 'removeSmall', label, minimumMillilitres: Number(host.values['minimum']) }),
  }),
  tool({
    id: 'fillHoles',
    name: 'Fill holes',
    group: 'refine',
    key: '',
    parameters: [
      {
        id: 'extent',
        name: 'Holes in',
        kind: 'choice',
        initial: 'volume',
        choices: [
          { value: 'volume', name: '3D' },
          { value: 'slice', name: 'Each slice' },
        ],
      },
    ],
    help: 'Fills background that the active label encloses.',
    operation: (host, label) => ({ kind: 'fillHoles', label, ...(host.values['extent'] === 'slice' ? { axis: activeAxis(host) } : {}) }),
  }),
  tool({
    id: 'smooth',
    name: 'Smooth',
    group: 'refine',
    key: 's',
    parameters: [
      number('radius', 'Radius', 0.5, 20, 0.5, 'mm', 2),
      {
        id: 'method',
        name: 'Method',
        kind: 'choice',
        initial: 'median',
        choices: [
          { value: 'median', name: 'Median' },
          { value: 'gaussian', name: 'Gaussian' },
        ],
      },
    ],
    help: 'Smooths the outline of the active label.',
    operation: (host, label) => ({
      kind: 'smooth',
      label,
      method: host.values['method'] === 'gaussian' ? 'gaussian' : 'median',
      radius: Number(host.values['radius']),
    }),
  }),
  tool({
    id: 'grow',
    name: 'Grow or shrink',
    group: 'refine',
    key: 'g',
    parameters: [number('distance', 'Distance', -20, 20, 0.5, 'mm', 3)],
    help: 'Moves the outline of the active label outwards; a negative distance shrinks it.',
    operation: (host, label) => ({ kind: 'grow', label, distance: Number(host.values['distance']) }),
  }),
  tool({
    id: 'hollow',
    name: 'Hollow',
    group: 'refine',
    key: '',
    parameters: [number('thickness', 'Wall', 0.5, 50, 0.5, 'mm', 3)],
    help: 'Keeps a wall of the active label and makes what is inside background.',
    operation: (host, label) => ({ kind: 'hollow', label, thickness: Number(host.values['thickness']) }),
  }),
  tool({
    id: 'boolean',
    name: 'Boolean',
    group: 'refine',
    key: '',
    parameters: [
      {
        id: 'operator',
        name: 'Do',
        kind: 'choice',
        initial: 'subtract',
        choices: [
          { value: 'add', name: 'Add' },
          { value: 'subtract', name: 'Subtract' },
          { value: 'intersect', name: 'Intersect with' },
          { value: 'invert', name: 'Invert' },
          { value: 'clear', name: 'Clear' },
        ],
      },
      otherLabel,
      {
        id: 'layer',
        name: 'Of',
        kind: 'choice',
        initial: 'mask',
        choices: [
          { value: 'mask', name: 'Correction' },
          { value: 'prediction', name: 'Prediction' },
        ],
      },
    ],
    help: 'Combines the active label with another one, of the correction or of the prediction.',
    operation: (host, label) => {
      const operator = host.values['operator'] as 'add' | 'subtract' | 'intersect' | 'invert' | 'clear';
      if (operator === 'invert' || operator === 'clear') return { kind: 'boolean', label, operator };
      const other = labelChoice(otherLabel, host);
      if (other === undefined)
        throw new StudioError('conflict', 'There is no other label to combine with. Add one, or choose the prediction.');
      return {
        kind: 'boolean',
        label,
        operator,
        operand: { layer: host.values['layer'] === 'prediction' ? 'prediction' : 'mask', labels: [other.value] },
      };
    },
  }),
  tool({
    id: 'copyPrediction',
    name: 'Copy prediction',
    group: 'refine',
    key: 'k',
    parameters: [
      {
        id: 'scope',
        name: 'Labels',
        kind: 'choice',
        initial: 'active',
        choices: [
          { value: 'active', name: 'Active label' },
          { value: 'all', name: 'All labels' },
        ],
      },
    ],
    help: 'Takes the prediction over into the correction, for the active label or for all.',
    operation: (host, label) => ({ kind: 'copyPrediction', replace: true, ...(host.values['scope'] === 'all' ? {} : { labels: [label] }) }),
  }),
  doneHereTool,
];
