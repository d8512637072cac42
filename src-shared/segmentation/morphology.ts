import { StudioError } from '../base/errors.ts';
import { squaredDistanceTransform } from '../domain/distanceTransform.ts';
import { spacing, type Triple } from '../geometry/grid.ts';
import { boxSize, expandBox } from './box.ts';
import type { Delta } from './delta.ts';
import { edit, tick, type EditTarget } from './editor.ts';
import { labelBox, reshapeLabel, selectLabel, type Selection } from './selection.ts';

/**
 * Grows (distance > 0) or shrinks (< 0) the label by exact Euclidean distance in millimetres between voxel centres: a dilation or
 * erosion by a ball. The outside of the volume does not eat into the label.
 */
export function grow(target: EditTarget, label: number, distance: number): Delta {
  if (!Number.isFinite(distance)) throw new StudioError('invalid-argument', 'The distance must be a number of millimetres.');
  const tight = labelBox(target.volume, label);
  if (tight === null || distance === 0) return edit(target, () => undefined);
  const { grid } = target.volume;
  const steps = spacing(grid);
  const reach = steps.map((step) => (distance > 0 ? Math.ceil(distance / step) : 1)) as unknown as Triple;
  const box = expandBox(tight, reach, grid.size);
  tick(target, 'Measuring distances', 0);
  const selection = selectLabel(target.volume, box, label, distance < 0);
  const squared = squaredDistanceTransform(selection.mask, boxSize(box), steps);
  tick(target, 'Measuring distances', 1);
  const limit = distance * distance * (1 + 1e-9);
  const [near, far] = distance > 0 ? [1, 0] : [0, 1];
  const mask = selection.mask;
  for (let at = 0; at < mask.length; at++) mask[at] = (squared[at] as number) <= limit ? near : far;
  return edit(target, (editor) => reshapeLabel(target, editor, { box, mask }, label));
}

/**
 * Smooths the label's outline. 'median': each voxel follows the majority in a box of ± `radius` mm. 'gaussian': the label is blurred
 * with a standard deviation of `radius` mm and cut at one half. At the border the volume is taken to go on as it ends.
 */
export function smooth(target: EditTarget, label: number, method: 'median' | 'gaussian', radius: number): Delta {
  if (!(radius > 0 && Number.isFinite(radius))) throw new StudioError('invalid-argument', 'The smoothing radius must be more than 0 mm.');
  const tight = labelBox(target.volume, label);
  if (tight === null) return edit(target, () => undefined);
  const { grid } = target.volume;
  const kernels = spacing(grid).map((step) => (method === 'median' ? boxKernel(radius / step) : gaussianKernel(radius / step)));
  const reach = kernels.map((kernel) => (kernel.length - 1) / 2) as unknown as Triple;
  const box = expandBox(tight, reach, grid.size);
  const selection = selectLabel(target.volume, box, label);
  const size = boxSize(box);
  let values: Float32Array = Float32Array.from(selection.mask);
  for (const axis of [0, 1, 2] as const) {
    tick(target, 'Smoothing', axis / 3);
    values = convolve(values, size, axis, kernels[axis] ?? new Float32Array([1]));
  }
  const smoothed: Selection = { box, mask: selection.mask };
  for (let at = 0; at < values.length; at++) smoothed.mask[at] = (values[at] as number) > 0.5 ? 1 : 0;
  return edit(target, (editor) => reshapeLabel(target, editor, smoothed, label));
}

function boxKernel(radius: number): Float32Array {
  const half = Math.round(radius);
  return new Float32Array(2 * half + 1).fill(1 / (2 * half + 1));
}

function gaussianKernel(sigma: number): Float32Array {
  const half = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Float32Array.from({ length: 2 * half + 1 }, (_, n) => Math.exp(-0.5 * ((n - half) / sigma) ** 2));
  const sum = kernel.reduce((a, b) => a + b, 0);
  return kernel.map((value) => value / sum);
}

/** Along one axis; beyond the ends the end values go on. Rows of i are processed together, so that memory is read in order. */
function convolve(values: Float32Array, size: Triple, axis: 0 | 1 | 2, kernel: Float32Array): Float32Array {
  const half = (kernel.length - 1) / 2;
  if (half === 0) return values;
  const out = new Float32Array(values.length);
  const [ni, nj, nk] = size;
  const stride = [1, ni, ni * nj][axis] as number;
  const count = size[axis];
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      const row = ni * (j + nj * k);
      for (let n = -half; n <= half; n++) {
        const weight = kernel[n + half] as number;
        if (axis === 0) {
          for (let i = 0; i < ni; i++) out[row + i] = (out[row + i] as number) + weight * (values[row + Math.min(ni - 1, Math.max(0, i + n))] as number);
        } else {
          const place = axis === 1 ? j : k;
          const from = row + (Math.min(count - 1, Math.max(0, place + n)) - place) * stride;
          for (let i = 0; i < ni; i++) out[row + i] = (out[row + i] as number) + weight * (values[from + i] as number);
        }
      }
    }
  }
  return out;
}
