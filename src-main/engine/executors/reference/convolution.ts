import type { OpAttributes } from '../../ops/attributes.ts';
import { activate } from './functions.ts';
import { at, extents, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

interface Geometry { readonly kernel: number; readonly stride: number; readonly padding: number; readonly dilation: number }

/** A run of multiply-accumulates along W with one weight: output and weight indices, and the input index that advances by the stride. */
interface Run { output: number; input: number; count: number; weight: number }

/** The outputs [first, last) of one axis whose tap `k` falls inside the input. */
function valid(k: number, outputExtent: number, inputExtent: number, { stride, padding, dilation }: Geometry): readonly [number, number] {
  const offset = k * dilation - padding;
  return [Math.max(0, Math.ceil(-offset / stride)), Math.min(outputExtent, Math.floor((inputExtent - 1 - offset) / stride) + 1)];
}

/** Calls `visit` for every run of every (sample, output channel, input channel, tap, output row). */
function forRuns(x: ReferenceTensor, y: ReferenceTensor, geometry: Geometry, instances: number, depthwise: boolean, visit: (run: Readonly<Run>) => void): void {
  const input = extents(x);
  const output = extents(y);
  const { kernel, stride, padding, dilation } = geometry;
  const inputChannels = depthwise ? 1 : input.c;
  const run: Run = { output: 0, input: 0, count: 0, weight: 0 };
  for (let n = 0; n < output.n; n++) for (let o = 0; o < output.c; o++) for (let i = 0; i < inputChannels; i++) {
    const yBase = (n * output.c + o) * output.voxels;
    const xBase = (n * input.c + (depthwise ? o : i)) * input.voxels;
    const wBase = ((Math.floor(n / (input.n / instances)) * output.c + o) * inputChannels + i) * kernel ** 3;
    for (let kd = 0; kd < kernel; kd++) for (let kh = 0; kh < kernel; kh++) for (let kw = 0; kw < kernel; kw++) {
      const [d0, d1] = valid(kd, output.d, input.d, geometry);
      const [h0, h1] = valid(kh, output.h, input.h, geometry);
      const [w0, w1] = valid(kw, output.w, input.w, geometry);
      run.count = w1 - w0;
      run.weight = wBase + (kd * kernel + kh) * kernel + kw;
      for (let d = d0; d < d1; d++) for (let h = h0; h < h1; h++) {
        const z = d * stride + kd * dilation - padding;
        const row = h * stride + kh * dilation - padding;
        run.output = yBase + (d * output.h + h) * output.w + w0;
        run.input = xBase + (z * input.h + row) * input.w + w0 * stride + kw * dilation - padding;
        visit(run);
      }
    }
  }
}

function biasOf(bias: ReferenceTensor, y: ReferenceTensor, instances: number): (index: number) => number {
  const { n, c, voxels } = extents(y);
  const channels = new Float64Array(n * c);
  for (let row = 0; row < n * c; row++) channels[row] = at(bias.data, Math.floor(Math.floor(row / c) / (n / instances)) * c + (row % c));
  return (index) => at(channels, Math.floor(index / voxels));
}

function sumBias(dy: ReferenceTensor, dBias: ReferenceTensor, instances: number): void {
  const { n, c, voxels } = extents(dy);
  for (let index = 0; index < dy.data.length; index++) {
    const row = Math.floor(index / voxels);
    const target = Math.floor(Math.floor(row / c) / (n / instances)) * c + (row % c);
    dBias.data[target] = at(dBias.data, target) + at(dy.data, index);
  }
}

function forward(geometry: Geometry, instances: number, depthwise: boolean, [x, weight, bias]: readonly ReferenceTensor[], [y]: readonly ReferenceTensor[]): void {
  if (!x || !weight || !bias || !y) return;
  const start = biasOf(bias, y, instances);
  for (let index = 0; index < y.data.length; index++) y.data[index] = start(index);
  const { stride } = geometry;
  forRuns(x, y, geometry, instances, depthwise, ({ output, input, count, weight: index }) => {
    const factor = at(weight.data, index);
    for (let j = 0; j < count; j++) y.data[output + j] = at(y.data, output + j) + factor * at(x.data, input + j * stride);
  });
}

function gradInput(geometry: Geometry, instances: number, depthwise: boolean, [dy, weight]: readonly ReferenceTensor[], [dx]: readonly ReferenceTensor[]): void {
  if (!dy || !weight || !dx) return;
  const { stride } = geometry;
  forRuns(dx, dy, geometry, instances, depthwise, ({ output, input, count, weight: index }) => {
    const factor = at(weight.data, index);
    for (let j = 0; j < count; j++) dx.data[input + j * stride] = at(dx.data, input + j * stride) + factor * at(dy.data, output + j);
  });
}

function gradWeight(geometry: Geometry, instances: number, depthwise: boolean, [x, dy]: readonly ReferenceTensor[], [dWeight, dBias]: readonly ReferenceTensor[]): void {
  if (!x || !dy || !dWeight || !dBias) return;
  const { stride } = geometry;
  forRuns(x, dy, geometry, instances, depthwise, ({ output, input, count, weight }) => {
    let sum = 0;
    for (let j = 0; j < count; j++) sum += at(dy.data, output + j) * at(x.data, input + j * stride);
    dWeight.data[weight] = at(dWeight.data, weight) + sum;
  });
  sumBias(dy, dBias, instances);
}

const dense = ({ kernel, stride, padding }: { kernel: number; stride: number; padding: number }): Geometry => ({ kernel, stride, padding, dilation: 1 });
const depthwise = ({ kernel, dilation }: { kernel: number; dilation: number }): Geometry => ({ kernel, stride: 1, padding: (dilation * (kernel - 1)) / 2, dilation });

export const conv3d: ReferenceKernel<OpAttributes['conv3d']> = (attributes, inputs, outputs) => {
  forward(dense(attributes), attributes.instances, false, inputs, outputs);
  const [y] = outputs;
  if (y && attributes.activation !== 'none') y.data.forEach((value, index) => (y.data[index] = activate(attributes.activation, value)));
};
export const conv3dGradInput: ReferenceKernel<OpAttributes['conv3dGradInput']> = (attributes, inputs, outputs) => gradInput(dense(attributes), attributes.instances, false, inputs, outputs);
export const conv3dGradWeight: ReferenceKernel<OpAttributes['conv3dGradWeight']> = (attributes, inputs, outputs) => gradWeight(dense(attributes), attributes.instances, false, inputs, outputs);
export const depthwiseConv3d: ReferenceKernel<OpAttributes['depthwiseConv3d']> = (attributes, inputs, outputs) => forward(depthwise(attributes), attributes.instances, true, inputs, outputs);
export const depthwiseConv3dGradInput: ReferenceKernel<OpAttributes['depthwiseConv3dGradInput']> = (attributes, inputs, outputs) => gradInput(depthwise(attributes), attributes.instances, true, inputs, outputs);
export const depthwiseConv3dGradWeight: ReferenceKernel<OpAttributes['depthwiseConv3dGradWeight']> = (attributes, inputs, outputs) => gradWeight(depthwise(attributes), attributes.instances, true, inputs, outputs);
