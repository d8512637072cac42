import { StudioError } from '../base/errors.ts';
import { squaredDistanceTransform } from '../domain/distanceTransform.ts';
import { spacing, type Triple } from '../geometry/grid.ts';
import { boxSize, expandBox, intersectBox, type Box } from './box.ts';
import type { Delta } from './delta.ts';
import { edit, tick, type EditTarget } from './editor.ts';
import { emptySelection, labelBox, reshapeLabel, selectLabel, type Selection } from './selection.ts';

/**
 * Grows (distance > 0) or shrinks (< 0) the label by exact Euclidean distance in millimetres between voxel centres: a dilation or
 * erosion by a ball. The outside of the volume does not eat into the label.
 */
export function grow(target: EditTarget, label: number, distance: number): Delta {
  if (!Number.isFinite(distance)) throw new StudioError('invalid-argument', 'The distance must be a number of millimetres.');
  if (distance === 0) return edit(target, () => undefined);
  const steps = spacing(target.volume.grid);
  const reach = steps.map((step) => Math.ceil(Math.abs(distance) / step)) as unknown as Triple;
  const limit = distance * distance * (1 + 1e-9);
  const [near, far] = distance > 0 ? [1, 0] : [0, 1];
  return reshapeInTiles(target, label, reach, (mask, size) => {
    const squared = squaredDistanceTransform(distance > 0 ? mask : mask.map((value) => 1 - value), size, steps);
    for (let at = 0; at < mask.length; at++) mask[at] = (squared[at] as number) <= limit ? near : far;
  });
}

/**
 * Keeps a shell of the label: what is further inside than `thickness` millimetres (exact Euclidean distance between voxel centres) becomes
 * background. The outside of the volume is no surface.
 */
export function hollow(target: EditTarget, label: number, thickness: number): Delta {
  if (!(thickness > 0 && Number.isFinite(thickness))) throw new StudioError('invalid-argument', 'The wall must be thicker than 0 mm.');
  const steps = spacing(target.volume.grid);
  const reach = steps.map((step) => Math.ceil(thickness / step)) as unknown as Triple;
  const limit = thickness * thickness * (1 + 1e-9);
  return reshapeInTiles(
    target,
    label,
    reach,
    (mask, size) => {
      const squared = squaredDistanceTransform(
        mask.map((value) => 1 - value),
        size,
        steps,
      );
      for (let at = 0; at < mask.length; at++) mask[at] = mask[at] === 1 && (squared[at] as number) <= limit ? 1 : 0;
    },
    true,
  );
}

/**
 * Smooths the label's outline. 'median': each voxel follows the majority in a box of ± `radius` mm. 'gaussian': the label is blurred
 * with a standard deviation of `radius` mm and cut at one half. At the border the volume is taken to go on as it ends.
 */
export function smooth(target: EditTarget, label: number, method: 'median' | 'gaussian', radius: number): Delta {
  if (!(radius > 0 && Number.isFinite(radius))) throw new StudioError('invalid-argument', 'The smoothing radius must be more than 0 mm.');
  const kernels = spacing(target.volume.grid).map((step) =>
    method === 'median' ? boxKernel(radius / step) : gaussianKernel(radius / step),
  );
  const reach = kernels.map((kernel) => (kernel.length - 1) / 2) as unknown as Triple;
  return reshapeInTiles(target, label, reach, (mask, size) => {
    let values: Float32Array = Float32Array.from(mask);
    for (const axis of [0, 1, 2] as const) values = convolve(values, size, axis, kernels[axis] ?? new Float32Array([1]));
    for (let at = 0; at < mask.length; at++) mask[at] = (values[at] as number) > 0.5 ? 1 : 0;
  });
}

/**
 * Reshapes a label by something local: `work` turns the label's mask (size along i, j, k) into the new one, and a voxel's result
 * depends on no voxel further away than `reach`. It is called tile by tile, and not where there is only label or none of it, so that
 * time and memory go with the outline rather than with the box around it. `deepGoes`: where there is only label, none is left of it.
 */
function reshapeInTiles(
  target: EditTarget,
  label: number,
  reach: Triple,
  work: (mask: Uint8Array, size: Triple) => void,
  deepGoes = false,
): Delta {
  const { volume } = target;
  const tight = labelBox(volume, label);
  if (tight === null) return edit(target, () => undefined);
  const { size } = volume.grid;
  const result = emptySelection(expandBox(tight, reach, size));
  const { lower, upper } = result.box;
  const [ti, tj, tk] = reach.map((n) => Math.max(48, 2 * n)) as [number, number, number];
  for (let k = lower[2]; k < upper[2]; k += tk) {
    for (let j = lower[1]; j < upper[1]; j += tj) {
      for (let i = lower[0]; i < upper[0]; i += ti) {
        tick(target, 'Reshaping', (k - lower[2]) / (upper[2] - lower[2]));
        const tile = intersectBox({ lower: [i, j, k], upper: [i + ti, j + tj, k + tk] }, result.box);
        const around = expandBox(tile, reach, size);
        const selection = selectLabel(volume, around, label);
        const first = selection.mask[0];
        if (selection.mask.some((value) => value !== first)) work(selection.mask, boxSize(around));
        else if (deepGoes) selection.mask.fill(0);
        copyTile(selection, tile, result);
      }
    }
  }
  return edit(target, (editor) => reshapeLabel(target, editor, result, label));
}

function copyTile(from: Selection, tile: Box, to: Selection): void {
  const [source, destination] = [boxSize(from.box), boxSize(to.box)];
  for (let k = tile.lower[2]; k < tile.upper[2]; k++) {
    for (let j = tile.lower[1]; j < tile.upper[1]; j++) {
      const start = tile.lower[0] - from.box.lower[0] + source[0] * (j - from.box.lower[1] + source[1] * (k - from.box.lower[2]));
      const at = tile.lower[0] - to.box.lower[0] + destination[0] * (j - to.box.lower[1] + destination[1] * (k - to.box.lower[2]));
      to.mask.set(from.mask.subarray(start, start + tile.upper[0] - tile.lower[0]), at);
    }
  }
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
          for (let i = 0; i < ni; i++)
            out[row + i] = (out[row + i] as number) + weight * (values[row + Math.min(ni - 1, Math.max(0, i + n))] as number);
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
