import type { ActivationKind, Axes, BoxConvolutionAttributes, OpAttributes } from '../../ops/attributes.ts';
import { activate } from './functions.ts';
import { at, extents, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

interface Geometry {
  readonly kernel: Axes;
  readonly stride: Axes;
  readonly padding: Axes;
  readonly dilation: number;
}

/** A run of multiply-accumulates along W with one weight: output and weight indices, and the input index that advances by the stride. */
interface Run {
  output: number;
  input: number;
  count: number;
  weight: number;
}

/** The outputs [first, last) of one axis whose tap `k` falls inside the input. */
function valid(axis: 0 | 1 | 2, k: number, outputExtent: number, inputExtent: number, geometry: Geometry): readonly [number, number] {
  const stride = geometry.stride[axis];
  const offset = k * geometry.dilation - geometry.padding[axis];
  return [Math.max(0, Math.ceil(-offset / stride)), Math.min(outputExtent, Math.floor((inputExtent - 1 - offset) / stride) + 1)];
}

/** Calls `visit` for every run of every (sample, output channel, input channel, tap, output row). */
function forRuns(
  x: ReferenceTensor,
  y: ReferenceTensor,
  geometry: Geometry,
  instances: number,
  depthwise: boolean,
  visit: (run: Readonly<Run>) => void,
): void {
  const input = extents(x);
  const output = extents(y);
  const { kernel, stride, padding, dilation } = geometry;
  const taps = kernel[0] * kernel[1] * kernel[2];
  const inputChannels = depthwise ? 1 : input.c;
  const run: Run = { output: 0, input: 0, count: 0, weight: 0 };
  for (let n = 0; n < output.n; n++)
    for (let o = 0; o < output.c; o++)
      for (let i = 0; i < inputChannels; i++) {
        const yBase = (n * output.c + o) * output.voxels;
        const xBase = (n * input.c + (depthwise ? o : i)) * input.voxels;
        const wBase = ((Math.floor(n / (input.n / instances)) * output.c + o) * inputChannels + i) * taps;
        for (let kd = 0; kd < kernel[0]; kd++)
          for (let kh = 0; kh < kernel[1]; kh++)
            for (let kw = 0; kw < kernel[2]; kw++) {
              const [d0, d1] = valid(0, kd, output.d, input.d, geometry);
              const [h0, h1] = valid(1, kh, output.h, input.h, geometry);
              const [w0, w1] = valid(2, kw, output.w, input.w, geometry);
              run.count = w1 - w0;
              run.weight = wBase + (kd * kernel[1] + kh) * kernel[2] + kw;
              for (let d = d0; d < d1; d++)
                for (let h = h0; h < h1; h++) {
                  const z = d * stride[0] + kd * dilation - padding[0];
                  const row = h * stride[1] + kh * dilation - padding[1];
                  run.output = yBase + (d * output.h + h) * output.w + w0;
                  run.input = xBase + (z * input.h + row) * input.w + w0 * stride[2] + kw * dilation - padding[2];
                  visit(run);
                }
            }
      }
}

/** Every voxel begins with its channel's bias; without one it stays zero. */
function fillBias(y: ReferenceTensor, bias: ReferenceTensor | undefined, instances: number): void {
  if (bias === undefined) return;
  const { n, c, voxels } = extents(y);
  for (let row = 0; row < n * c; row++)
    y.data.fill(at(bias.data, Math.floor(Math.floor(row / c) / (n / instances)) * c + (row % c)), row * voxels, (row + 1) * voxels);
}

function sumBias(dy: ReferenceTensor, dBias: ReferenceTensor, instances: number): void {
  const { n, c, voxels } = extents(dy);
  for (let index = 0; index < dy.data.length; index++) {
    const row = Math.floor(index / voxels);
    const target = Math.floor(Math.floor(row / c) / (n / instances)) * c + (row % c);
    dBias.data[target] = at(dBias.data, target) + at(dy.data, index);
  }
}

function forward(
  geometry: Geometry,
  instances: number,
  depthwise: boolean,
  [x, weight, bias]: readonly ReferenceTensor[],
  [y]: readonly ReferenceTensor[],
): void {
  if (!x || !weight || !y) return;
  fillBias(y, bias, instances);
  const stride = geometry.stride[2];
  forRuns(x, y, geometry, instances, depthwise, ({ output, input, count, weight: index }) => {
    const factor = at(weight.data, index);
    for (let j = 0; j < count; j++) y.data[output + j] = at(y.data, output + j) + factor * at(x.data, input + j * stride);
  });
}

function gradInput(
  geometry: Geometry,
  instances: number,
  depthwise: boolean,
  [dy, weight]: readonly ReferenceTensor[],
  [dx]: readonly ReferenceTensor[],
): void {
  if (!dy || !weight || !dx) return;
  const stride = geometry.stride[2];
  forRuns(dx, dy, geometry, instances, depthwise, ({ output, input, count, weight: index }) => {
    const factor = at(weight.data, index);
    for (let j = 0; j < count; j++) dx.data[input + j * stride] = at(dx.data, input + j * stride) + factor * at(dy.data, output + j);
  });
}

function gradWeight(
  geometry: Geometry,
  instances: number,
  depthwise: boolean,
  [x, dy]: readonly ReferenceTensor[],
  [dWeight, dBias]: readonly ReferenceTensor[],
): void {
  if (!x || !dy || !dWeight || !dBias) return;
  gradWeightOnly(geometry, instances, depthwise, x, dy, dWeight);
  sumBias(dy, dBias, instances);
}

function gradWeightOnly(
  geometry: Geometry,
  instances: number,
  depthwise: boolean,
  x: ReferenceTensor,
  dy: ReferenceTensor,
  dWeight: ReferenceTensor,
): void {
  const stride = geometry.stride[2];
  forRuns(x, dy, geometry, instances, depthwise, ({ output, input, count, weight }) => {
    let sum = 0;
    for (let j = 0; j < count; j++) sum += at(dy.data, output + j) * at(x.data, input + j * stride);
    dWeight.data[weight] = at(dWeight.data, weight) + sum;
  });
}

const cube = (extent: number): Axes => [extent, extent, extent];
const dense = ({ kernel, stride, padding }: { kernel: number; stride: number; padding: number }): Geometry => ({
  kernel: cube(kernel),
  stride: cube(stride),
  padding: cube(padding),
  dilation: 1,
});
const box = ({ kernel, stride, padding }: BoxConvolutionAttributes): Geometry => ({ kernel, stride, padding, dilation: 1 });
/** Blocks of `stride` voxels that touch and do not overlap. */
const blocks = (stride: Axes): Geometry => ({ kernel: stride, stride, padding: cube(0), dilation: 1 });
const depthwise = ({ kernel, dilation }: { kernel: number; dilation: number }): Geometry => ({
  kernel: cube(kernel),
  stride: cube(1),
  padding: cube((dilation * (kernel - 1)) / 2),
  dilation,
});

function activateAll(kind: ActivationKind, [y]: readonly ReferenceTensor[]): void {
  if (y && kind !== 'none') y.data.forEach((value, index) => (y.data[index] = activate(kind, value)));
}

export const conv3d: ReferenceKernel<OpAttributes['conv3d']> = (attributes, inputs, outputs) => {
  forward(dense(attributes), attributes.instances, false, inputs, outputs);
  activateAll(attributes.activation, outputs);
};
export const conv3dGradInput: ReferenceKernel<OpAttributes['conv3dGradInput']> = (attributes, inputs, outputs) =>
  gradInput(dense(attributes), attributes.instances, false, inputs, outputs);
export const conv3dGradWeight: ReferenceKernel<OpAttributes['conv3dGradWeight']> = (attributes, inputs, outputs) =>
  gradWeight(dense(attributes), attributes.instances, false, inputs, outputs);
export const boxConv3d: ReferenceKernel<OpAttributes['boxConv3d']> = (attributes, inputs, outputs) => {
  forward(box(attributes), 1, false, inputs, outputs);
  activateAll(attributes.activation, outputs);
};
export const boxConv3dGradInput: ReferenceKernel<OpAttributes['boxConv3dGradInput']> = (attributes, inputs, outputs) =>
  gradInput(box(attributes), 1, false, inputs, outputs);
export const boxConv3dGradWeight: ReferenceKernel<OpAttributes['boxConv3dGradWeight']> = (attributes, inputs, outputs) =>
  gradWeight(box(attributes), 1, false, inputs, outputs);
/** The transpose of a convolution from y to x, so that their roles are exchanged. */
export const transposedConv3d: ReferenceKernel<OpAttributes['transposedConv3d']> = ({ stride }, [x, weight, bias], [y]) => {
  if (!x || !weight || !y) return;
  fillBias(y, bias, 1);
  gradInput(blocks(stride), 1, false, [x, weight], [y]);
};
export const transposedConv3dGradWeight: ReferenceKernel<OpAttributes['transposedConv3dGradWeight']> = (
  { stride },
  [x, dy],
  [dWeight, dBias],
) => {
  if (!x || !dy || !dWeight || !dBias) return;
  gradWeightOnly(blocks(stride), 1, false, dy, x, dWeight);
  sumBias(dy, dBias, 1);
};
export const depthwiseConv3d: ReferenceKernel<OpAttributes['depthwiseConv3d']> = (attributes, inputs, outputs) =>
  forward(depthwise(attributes), attributes.instances, true, inputs, outputs);
export const depthwiseConv3dGradInput: ReferenceKernel<OpAttributes['depthwiseConv3dGradInput']> = (attributes, inputs, outputs) =>
  gradInput(depthwise(attributes), attributes.instances, true, inputs, outputs);
export const depthwiseConv3dGradWeight: ReferenceKernel<OpAttributes['depthwiseConv3dGradWeight']> = (attributes, inputs, outputs) =>
  gradWeight(depthwise(attributes), attributes.instances, true, inputs, outputs);
