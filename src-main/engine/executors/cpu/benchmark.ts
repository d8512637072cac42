import { must } from '#shared/base/assert.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import type { Value } from '../../graph/graph.ts';
import type { OpAttributes, OpKind } from '../../ops/attributes.ts';
import { makePlan } from '../../plan/makePlan.ts';
import { elementCount, f32, type TensorType } from '../../tensor/tensorType.ts';
import type { CpuExecutor } from './cpuExecutor.ts';

export type KernelPass = 'forward' | 'input gradient' | 'weight gradient';

export interface KernelResult {
  /** For a person, e.g. '3³ 32→64, 96³'. */
  readonly name: string;
  readonly pass: KernelPass;
  /** Fastest of the repetitions. */
  readonly milliseconds: number;
  /** Taps in the padding counted, as is usual. */
  readonly gflops: number;
  /** Of the measured multiply-add peak of the same threads. */
  readonly peakFraction: number;
  /** The same per second of CPU time: on a busy machine the number that says what the kernel can do. */
  readonly cpuPeakFraction: number;
}

interface KernelClass {
  readonly name: string;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly depthwise: boolean;
  readonly from: number;
  readonly to: number;
  readonly side: number;
}

const dense = (kernel: number, from: number, to: number, side: number, stride = 1): KernelClass => ({
  name: `${String(kernel)}³ ${String(from)}→${String(to)}${stride > 1 ? `, stride ${String(stride)}` : ''}, ${String(side)}³`,
  kernel,
  stride,
  dilation: 1,
  depthwise: false,
  from,
  to,
  side,
});
const depthwise = (kernel: number, dilation: number, channels: number, side: number): KernelClass => ({
  name: `depthwise ${String(kernel)}³${dilation > 1 ? ` dilation ${String(dilation)}` : ''}, ${String(channels)}, ${String(side)}³`,
  kernel,
  stride: 1,
  dilation,
  depthwise: true,
  from: channels,
  to: channels,
  side,
});

/** The convolutions that most of LoGoNet's time goes to, at the sizes that they have in Normal and in the small preset. */
export const kernelClasses: readonly KernelClass[] = [
  dense(3, 1, 32, 96),
  dense(3, 32, 64, 96),
  dense(3, 96, 14, 96),
  dense(3, 14, 14, 96),
  dense(3, 64, 32, 48),
  dense(3, 128, 64, 24),
  dense(3, 256, 128, 12),
  dense(3, 512, 256, 6),
  dense(3, 512, 256, 3),
  dense(3, 8, 16, 64),
  dense(3, 24, 14, 64),
  dense(7, 1, 64, 96, 4),
  dense(3, 64, 128, 24, 2),
  dense(1, 64, 64, 24),
  dense(1, 64, 512, 24),
  dense(1, 512, 64, 24),
  dense(1, 512, 2048, 3),
  depthwise(7, 3, 64, 24),
  depthwise(5, 1, 64, 24),
  depthwise(3, 1, 512, 24),
  depthwise(7, 3, 128, 12),
  depthwise(7, 3, 512, 3),
];

/** Multiply-add peak of an executor's threads in GFLOP/s, measured. Blocks for about a second. */
export function measureFmaPeak(executor: CpuExecutor): number {
  return executor.measureFmaPeak();
}

export interface BenchmarkOptions {
  readonly repetitions?: number;
  readonly classes?: readonly KernelClass[];
}

/** Times every kernel class, forward and both gradients, one after the other. */
export async function benchmarkKernels(
  executor: CpuExecutor,
  { repetitions = 3, classes = kernelClasses }: BenchmarkOptions = {},
): Promise<KernelResult[]> {
  const peak = measureFmaPeak(executor);
  const results: KernelResult[] = [];
  for (const kernelClass of classes) {
    for (const pass of ['forward', 'input gradient', 'weight gradient'] as const) {
      // Nothing asks for the gradient of the image itself.
      if (pass === 'input gradient' && kernelClass.from === 1) continue;
      results.push(await timeKernel(executor, kernelClass, pass, repetitions, peak));
    }
  }
  return results;
}

async function timeKernel(
  executor: CpuExecutor,
  kernelClass: KernelClass,
  pass: KernelPass,
  repetitions: number,
  peak: number,
): Promise<KernelResult> {
  const { name, kernel, stride, side, from, to } = kernelClass;
  const out = Math.floor((side + 2 * Math.floor(kernel / 2) - kernel) / stride) + 1;
  const x = f32(1, from, side, side, side);
  const y = f32(1, to, out, out, out);
  const [op, attributes, types] = operation(kernelClass, pass, x, y);
  const builder = new GraphBuilder();
  const inputs = types.map((type, index) => builder.input(`input${String(index)}`, type));
  builder.output('result', builder.apply(op, attributes, inputs, 'benchmark'));
  const session = await executor.prepare(makePlan(builder.build(), executor));
  try {
    for (const value of inputs) await session.write(value, ramp(value));
    await session.run();
    let milliseconds = Infinity;
    let cpuMilliseconds = Infinity;
    for (let i = 0; i < repetitions; i++) {
      const cpuBefore = process.cpuUsage();
      await session.run();
      const { user, system } = process.cpuUsage(cpuBefore);
      milliseconds = Math.min(milliseconds, must(session.profile()[0], 'one step').milliseconds);
      cpuMilliseconds = Math.min(cpuMilliseconds, (user + system) / 1000);
    }
    const gigaflop = (2 * elementCount(y.shape) * (kernelClass.depthwise ? 1 : from) * kernel ** 3) / 1e9;
    const gflops = (gigaflop / milliseconds) * 1000;
    return {
      name,
      pass,
      milliseconds,
      gflops,
      peakFraction: gflops / peak,
      cpuPeakFraction: ((gigaflop / cpuMilliseconds) * 1000 * executor.threads) / peak,
    };
  } finally {
    session.dispose();
  }
}

function operation(
  kernelClass: KernelClass,
  pass: KernelPass,
  x: TensorType,
  y: TensorType,
): readonly [OpKind, OpAttributes[OpKind], readonly TensorType[]] {
  const { kernel, stride, dilation, from, to, side } = kernelClass;
  if (kernelClass.depthwise) {
    const attributes: OpAttributes['depthwiseConv3d'] = { kernel, dilation, instances: 1 };
    const weight = f32(1, from, kernel, kernel, kernel);
    if (pass === 'forward') return ['depthwiseConv3d', attributes, [x, weight, f32(1, from)]];
    return pass === 'input gradient'
      ? ['depthwiseConv3dGradInput', attributes, [y, weight]]
      : ['depthwiseConv3dGradWeight', attributes, [x, y]];
  }
  const attributes = { kernel, stride, padding: Math.floor(kernel / 2), instances: 1 };
  const weight = f32(1, to, from, kernel, kernel, kernel);
  if (pass === 'forward') return ['conv3d', { ...attributes, activation: 'none' }, [x, weight, f32(1, to)]];
  return pass === 'input gradient'
    ? ['conv3dGradInput', { ...attributes, inputSize: [side, side, side] }, [y, weight]]
    : ['conv3dGradWeight', attributes, [x, y]];
}

/** Harmless numbers of both signs: zeros and denormals would flatter or slow the kernels. */
function ramp(value: Value): Float32Array {
  return Float32Array.from({ length: elementCount(value.type.shape) }, (_unused, index) => ((index * 7919) % 1021) / 1021 - 0.5);
}
