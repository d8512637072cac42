import { Random } from '#shared/base/random.ts';
import { must } from '#shared/base/assert.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import type { Graph, Value } from '../../graph/graph.ts';
import { makePlan } from '../../plan/makePlan.ts';
import { relativeError } from '../../tensor/relativeError.ts';
import { elementCount, f32, type HostData } from '../../tensor/tensorType.ts';
import type { WebgpuExecutor } from './executor.ts';
import {
  candidateId,
  candidates,
  canCompute,
  expectedRates,
  paddedWork,
  shapeClass,
  type Candidate,
  type Rates,
} from './kernels/candidates.ts';
import type { Pass, ProductShape } from './kernels/product.ts';

/** Measured rates of a device: shape class → candidate → padded multiply-accumulates per nanosecond; 0 where it computed wrong numbers. */
export type Tuning = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** One convolution that stands for its shape class. */
export interface TuningProblem {
  readonly pass: Pass;
  readonly kernel: 1 | 3;
  readonly inputs: number;
  readonly outputs: number;
  readonly side: number;
}

const passes = ['forward', 'input gradient', 'weight gradient'] as const;
const layers: readonly Omit<TuningProblem, 'pass'>[] = [
  { kernel: 3, inputs: 64, outputs: 64, side: 48 },
  { kernel: 3, inputs: 32, outputs: 32, side: 48 },
  { kernel: 3, inputs: 14, outputs: 14, side: 96 },
  { kernel: 3, inputs: 256, outputs: 256, side: 12 },
  { kernel: 1, inputs: 64, outputs: 512, side: 24 },
  { kernel: 1, inputs: 512, outputs: 256, side: 12 },
];

/** Convolutions of the Normal network, the ones with most work first. */
export const tuningProblems: readonly TuningProblem[] = layers.flatMap((layer) => passes.map((pass) => ({ ...layer, pass })));

export interface TuningOptions {
  /** No measurement begins after this many seconds. */
  readonly seconds: number;
  readonly problems?: readonly TuningProblem[];
  /** What is known already is not measured again. */
  readonly known?: Tuning;
  readonly report?: (fraction: number) => void;
}

/** Largest difference from the first candidate's result, relative to the largest value. */
const TOLERANCE = 1e-4;
/** Candidates that compute this many times what they need to are not worth a measurement. */
const MOST_PADDING = 3;
const LEAST_MILLISECONDS = 2;

/**
 * Measures every way to compute the convolutions of the network on a device, and compares their results, so that a way that the
 * driver gets wrong is never used. What there is no time for stays unmeasured.
 */
export async function tuneDevice(
  executor: WebgpuExecutor,
  { seconds, problems = tuningProblems, known = {}, report }: TuningOptions,
): Promise<Tuning> {
  const deadline = performance.now() + 1000 * seconds;
  const tuning: Record<string, Readonly<Record<string, number>>> = { ...known };
  for (const [index, problem] of problems.entries()) {
    report?.(index / problems.length);
    const shape = problemShape(problem);
    const name = shapeClass(shape);
    if (tuning[name] !== undefined) continue;
    const measured = await measureClass(executor, problem, shape, deadline);
    if (measured === undefined) break;
    tuning[name] = measured;
  }
  return tuning;
}

/** Rates as measured; a class that was not measured goes by what is expected of the device. */
export function tunedRates(tuning: Tuning, software: boolean): Rates {
  const expected = expectedRates(software);
  return (name, candidate) => {
    const measured = tuning[name];
    return measured === undefined ? expected(name, candidate) : (measured[candidateId(candidate)] ?? 0);
  };
}

/** The best candidate of each class and its rate in multiply-accumulates per nanosecond, for people. */
export function tunedChoices(
  tuning: Tuning,
): readonly { readonly shapeClass: string; readonly candidate: string; readonly rate: number }[] {
  return Object.entries(tuning).map(([name, rates]) => {
    const [candidate = '', rate = 0] = Object.entries(rates).reduce((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0] as [
      string,
      number,
    ]);
    return { shapeClass: name, candidate, rate };
  });
}

/** All candidates of one class; undefined when the time ran out before they could be compared. */
async function measureClass(
  executor: WebgpuExecutor,
  problem: TuningProblem,
  shape: ProductShape,
  deadline: number,
): Promise<Record<string, number> | undefined> {
  const able = candidates.filter((candidate) => canCompute(candidate, shape, executor.workgroup));
  const least = Math.min(...able.map((candidate) => paddedWork(candidate, shape)));
  // The plainest one first: the others are compared with it.
  const worth = able.filter((candidate) => paddedWork(candidate, shape) <= MOST_PADDING * least).sort((a, b) => a.expected - b.expected);
  const { graph, result } = problemGraph(problem);
  const rates: Record<string, number> = {};
  let reference: HostData | undefined;
  for (const candidate of worth) {
    if (performance.now() > deadline) return undefined;
    const { milliseconds, data } = await measure(executor, graph, result, candidate);
    reference ??= data;
    rates[candidateId(candidate)] = relativeError(data, reference) <= TOLERANCE ? paddedWork(candidate, shape) / (milliseconds * 1e6) : 0;
  }
  return rates;
}

async function measure(
  executor: WebgpuExecutor,
  graph: Graph,
  result: Value,
  candidate: Candidate,
): Promise<{ readonly milliseconds: number; readonly data: HostData }> {
  const session = await executor.prepare(makePlan(graph, executor), (_class, other) => (other === candidate ? 1 : 1e-9));
  try {
    const random = new Random(11);
    for (const value of [...graph.inputs, ...graph.parameters])
      await session.write(
        value,
        Float32Array.from({ length: elementCount(value.type.shape) }, () => random.uniform(-1, 1)),
      );
    await session.run();
    const data = await session.read(result);
    let repetitions = 1;
    let milliseconds = await session.time(repetitions);
    while (milliseconds * repetitions < LEAST_MILLISECONDS && repetitions < 64) milliseconds = await session.time((repetitions *= 4));
    return { milliseconds: Math.max(1e-3, Math.min(milliseconds, await session.time(repetitions))), data };
  } finally {
    session.dispose();
  }
}

/** The product that a problem is. */
export function problemShape({ pass, kernel, inputs, outputs, side }: TuningProblem): ProductShape {
  const voxels = side ** 3;
  const cells = kernel ** 3;
  const common = { pass, kernel, stride: 1, z: 1, ...(kernel === 3 && { volume: { batch: 1, d: side, h: side, w: side } }) };
  switch (pass) {
    case 'forward':
      return { ...common, m: outputs, n: voxels, k: inputs * cells };
    case 'input gradient':
      return { ...common, m: inputs, n: voxels, k: outputs * cells };
    case 'weight gradient':
      return { ...common, m: outputs, n: inputs * cells, k: voxels };
  }
}

function problemGraph({ pass, kernel, inputs, outputs, side }: TuningProblem): { readonly graph: Graph; readonly result: Value } {
  const builder = new GraphBuilder();
  const attributes = { kernel, stride: 1, padding: (kernel - 1) / 2, instances: 1 };
  const x = builder.input('x', f32(1, pass === 'input gradient' ? outputs : inputs, side, side, side));
  const weight = (): Value => builder.parameter('weight', f32(1, outputs, inputs, kernel, kernel, kernel));
  const result =
    pass === 'forward'
      ? builder.apply('conv3d', { ...attributes, activation: 'none' }, [x, weight(), builder.parameter('bias', f32(1, outputs))], 'tuning')
      : pass === 'input gradient'
        ? builder.apply('conv3dGradInput', { ...attributes, inputSize: [side, side, side] }, [x, weight()], 'tuning')
        : must(
            builder.node('conv3dGradWeight', attributes, [x, builder.input('dy', f32(1, outputs, side, side, side))], 'tuning')[0],
            'gradient',
          );
  builder.output('result', result);
  return { graph: builder.build(), result };
}
