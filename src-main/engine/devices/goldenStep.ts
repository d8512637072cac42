import { must } from '#shared/base/assert.ts';
import { Random } from '#shared/base/random.ts';
import { backward } from '../autodiff/backward.ts';
import type { Executor } from '../executors/executor.ts';
import { createReferenceExecutor } from '../executors/reference/referenceExecutor.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { makePlan } from '../plan/makePlan.ts';
import { relativeError } from '../tensor/relativeError.ts';
import { elementCount, f32, i32, type HostData } from '../tensor/tensorType.ts';

/** Largest error, relative to the largest value of a tensor, that counts as right. */
export const GOLDEN_TOLERANCE = 1e-4;
/** The same where large intermediates are float16 (eleven bits), a few of them one after the other. */
export const HALF_GOLDEN_TOLERANCE = 5e-3;

const CLASSES = 3;
const CHANNELS = 6;
const SIDE = 8;

/**
 * A small training step that goes through every kind of kernel of LoGoNet: dense, strided, pointwise and dilated depthwise convolution,
 * both norms, GELU, upsampling, loss, gradients and AdamW.
 */
function goldenGraph(): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('x', f32(2, 1, SIDE, SIDE, SIDE));
  const label = builder.input('label', i32(2, SIDE, SIDE, SIDE));
  const hyper = builder.input('hyper', f32(4));
  const parameters: Value[] = [];
  const parameter = (...shape: number[]): Value => {
    const value = builder.parameter(`p${String(parameters.length)}`, f32(...shape));
    parameters.push(value);
    return value;
  };
  const convolution = (input: Value, channels: number, kernel: number, stride: number): Value => {
    const attributes = { kernel, stride, padding: (kernel - 1) / 2, instances: 1, activation: 'none' as const };
    return builder.apply(
      'conv3d',
      attributes,
      [input, parameter(1, channels, input.type.shape[1] ?? 1, kernel, kernel, kernel), parameter(1, channels)],
      'check',
    );
  };
  const embedded = convolution(x, CHANNELS, 3, 2);
  const [mean, variance] = builder.node('batchNormStatistics', { instances: 1 }, [embedded], 'check');
  const normalised = builder.apply(
    'batchNormApply',
    { instances: 1, epsilon: 1e-5, activation: 'leakyRelu' },
    [embedded, must(mean, 'mean'), must(variance, 'variance'), parameter(1, CHANNELS), parameter(1, CHANNELS)],
    'check',
  );
  const attention = builder.apply(
    'depthwiseConv3d',
    { kernel: 7, dilation: 3, instances: 1 },
    [normalised, parameter(1, CHANNELS, 7, 7, 7), parameter(1, CHANNELS)],
    'check',
  );
  const gated = builder.apply(
    'multiply',
    {},
    [normalised, builder.apply('activation', { kind: 'gelu' }, [convolution(attention, CHANNELS, 1, 1)], 'check')],
    'check',
  );
  const layer = builder.apply(
    'layerNorm',
    { instances: 1, epsilon: 1e-5 },
    [gated, parameter(1, CHANNELS), parameter(1, CHANNELS)],
    'check',
  );
  const logits = convolution(builder.apply('upsample2', {}, [layer], 'check'), CLASSES, 3, 1);
  const [loss] = builder.node(
    'diceCrossEntropy',
    { diceWeight: 1, crossEntropyWeight: 1, epsilon: 1e-5, overBatch: false, classWeights: [], inside: [] },
    [logits, label],
    'check',
  );
  const gradients = backward(builder, must(loss, 'loss'), parameters);
  const norm = builder.apply(
    'gradientNorm',
    {},
    parameters.map((value) => must(gradients.get(value), 'gradient')),
    'check',
  );
  for (const value of parameters) {
    const moments = [builder.state(`${value.name}/m`, value.type), builder.state(`${value.name}/v`, value.type)];
    const outputs = builder.node(
      'adamW',
      { beta1: 0.9, beta2: 0.999, epsilon: 1e-3, weightDecay: 1e-2 },
      [value, must(gradients.get(value), 'gradient'), ...moments, norm, hyper],
      'check',
    );
    [value, ...moments].forEach((persistent, index) => builder.update(persistent, must(outputs[index], 'update')));
  }
  builder.output('logits', logits);
  builder.output('loss', must(loss, 'loss'));
  return builder.build();
}

async function runStep(executor: Executor, graph: Graph): Promise<HostData[]> {
  const random = new Random(7);
  const session = await executor.prepare(makePlan(graph, executor));
  try {
    for (const value of [...graph.inputs, ...graph.parameters, ...graph.states]) {
      const length = elementCount(value.type.shape);
      if (value.name === 'hyper') await session.write(value, Float32Array.from([1e-2, 0.1, 0.001, 1]));
      else if (value.type.element === 'i32')
        await session.write(
          value,
          Int32Array.from({ length }, () => random.integer(CLASSES)),
        );
      else if (value.role === 'state') await session.write(value, new Float32Array(length));
      else
        await session.write(
          value,
          Float32Array.from({ length }, () => random.normal() * 0.5),
        );
    }
    await session.run();
    const read: HostData[] = [];
    for (const value of [...graph.outputs.values(), ...graph.parameters]) read.push(await session.read(value));
    return read;
  } finally {
    session.dispose();
  }
}

/** Runs the golden step on an executor and on `reference`; the largest error, relative to each tensor's largest value (Infinity for NaN). */
export async function goldenStepError(executor: Executor): Promise<number> {
  const graph = goldenGraph();
  const expected = await runStep(createReferenceExecutor(), graph);
  const actual = await runStep(executor, graph);
  return expected.reduce((worst, tensor, index) => Math.max(worst, relativeError(must(actual[index], 'tensor'), tensor)), 0);
}
