import type { OpAttributes } from '../../ops/attributes.ts';
import { activate } from './functions.ts';
import { at, extents, type ReferenceKernel, type ReferenceTensor } from './tensor.ts';

interface Geometry { readonly kernel: number; readonly stride: number; readonly padding: number; readonly dilation: number }

/** Calls `visit(outputVoxel, inputVoxel, tap)` for every tap of every output voxel that falls inside the input. */
function forTaps(
  output: { readonly d: number; readonly h: number; readonly w: number },
  input: { readonly d: number; readonly h: number; readonly w: number },
  { kernel, stride, padding, dilation }: Geometry,
  visit: (outputVoxel: number, inputVoxel: number, tap: number) => void,
): void {
  for (let d = 0; d < output.d; d++) for (let h = 0; h < output.h; h++) for (let w = 0; w < output.w; w++) {
    const outputVoxel = (d * output.h + h) * output.w + w;
    for (let kd = 0; kd < kernel; kd++) for (let kh = 0; kh < kernel; kh++) for (let kw = 0; kw < kernel; kw++) {
      const z = d * stride - padding + kd * dilation;
      const y = h * stride - padding + kh * dilation;
      const x = w * stride - padding + kw * dilation;
      if (z < 0 || z >= input.d || y < 0 || y >= input.h || x < 0 || x >= input.w) continue;
      visit(outputVoxel, (z * input.h + y) * input.w + x, (kd * kernel + kh) * kernel + kw);
    }
  }
}

/** Runs `visit(outputIndex, inputIndex, weightIndex)` over all multiply-accumulates; `groups` is 1 or the channel count. */
function forProducts(
  x: ReferenceTensor, y: ReferenceTensor, geometry: Geometry, instances: number, depthwise: boolean,
  visit: (outputIndex: number, inputIndex: number, weightIndex: number) => void,
): void {
  const input = extents(x);
  const output = extents(y);
  const perInstance = input.n / instances;
  const taps = geometry.kernel ** 3;
  const inputChannels = depthwise ? 1 : input.c;
  for (let n = 0; n < output.n; n++) {
    const g = Math.floor(n / perInstance);
    for (let o = 0; o < output.c; o++) for (let i = 0; i < inputChannels; i++) {
      const yBase = (n * output.c + o) * output.voxels;
      const xBase = (n * input.c + (depthwise ? o : i)) * input.voxels;
      const wBase = ((g * output.c + o) * inputChannels + i) * taps;
      forTaps(output, input, geometry, (outputVoxel, inputVoxel, tap) => visit(yBase + outputVoxel, xBase + inputVoxel, wBase + tap));
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
  forProducts(x, y, geometry, instances, depthwise, (o, i, w) => { y.data[o] = at(y.data, o) + at(x.data, i) * at(weight.data, w); });
}

function gradInput(geometry: Geometry, instances: number, depthwise: boolean, [dy, weight]: readonly ReferenceTensor[], [dx]: readonly ReferenceTensor[]): void {
  if (!dy || !weight || !dx) return;
  forProducts(dx, dy, geometry, instances, depthwise, (o, i, w) => { dx.data[i] = at(dx.data, i) + at(dy.data, o) * at(weight.data, w); });
}

function gradWeight(geometry: Geometry, instances: number, depthwise: boolean, [x, dy]: readonly ReferenceTensor[], [dWeight, dBias]: readonly ReferenceTensor[]): void {
  if (!x || !dy || !dWeight || !dBias) return;
  forProducts(x, dy, geometry, instances, depthwise, (o, i, w) => { dWeight.data[w] = at(dWeight.data, w) + at(dy.data, o) * at(x.data, i); });
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
