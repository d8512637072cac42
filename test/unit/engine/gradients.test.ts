import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { backward } from '#main/engine/autodiff/backward.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import type { OpAttributes } from '#main/engine/ops/attributes.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount, f32, i32 } from '#main/engine/tensor/tensorType.ts';

type Layer = (builder: GraphBuilder, x: Value, parameter: (...shape: number[]) => Value) => Value;

/** Every differentiable operation between an input parameter (2,3,4,4,4) and the Dice cross entropy of what comes out. */
const layers: Record<string, Layer> = {
  conv3d: (b, x, p) =>
    b.apply('conv3d', { kernel: 3, stride: 1, padding: 1, instances: 1, activation: 'none' }, [x, p(1, 4, 3, 3, 3, 3), p(1, 4)], 's'),
  'conv3d strided': (b, x, p) =>
    b.apply('conv3d', { kernel: 3, stride: 2, padding: 1, instances: 2, activation: 'none' }, [x, p(2, 4, 3, 3, 3, 3), p(2, 4)], 's'),
  boxConv3d: (b, x, p) => {
    const geometry = { kernel: [1, 3, 3], stride: [1, 2, 2], padding: [0, 1, 1] } as const;
    const y = b.apply('boxConv3d', { ...geometry, activation: 'none' }, [x, p(1, 4, 3, 1, 3, 3), p(1, 4)], 's');
    const pointwise = { kernel: [1, 1, 1], stride: [1, 1, 1], padding: [0, 0, 0], activation: 'none' } as const;
    return b.apply('boxConv3d', pointwise, [y, p(1, 3, 4, 1, 1, 1)], 's');
  },
  transposedConv3d: (b, x, p) => b.apply('transposedConv3d', { stride: [1, 2, 2] }, [x, p(1, 3, 4, 1, 2, 2), p(1, 4)], 's'),
  averagePool3d: (b, x) => b.apply('averagePool3d', { kernel: [1, 2, 2] }, [x], 's'),
  instanceNorm: (b, x, p) => b.apply('instanceNorm', { epsilon: 1e-5, activation: 'leakyRelu' }, [x, p(1, 3), p(1, 3)], 's'),
  depthwiseConv3d: (b, x, p) => b.apply('depthwiseConv3d', { kernel: 3, dilation: 2, instances: 2 }, [x, p(2, 3, 3, 3, 3), p(2, 3)], 's'),
  batchNorm: (b, x, p) => {
    const [mean, variance] = b.node('batchNormStatistics', { instances: 2 }, [x], 's') as [Value, Value];
    return b.apply('batchNormApply', { instances: 2, epsilon: 1e-5, activation: 'gelu' }, [x, mean, variance, p(2, 3), p(2, 3)], 's');
  },
  layerNorm: (b, x, p) => b.apply('layerNorm', { instances: 2, epsilon: 1e-5 }, [x, p(2, 3), p(2, 3)], 's'),
  gelu: (b, x) => b.apply('activation', { kind: 'gelu' }, [x], 's'),
  leakyRelu: (b, x) => b.apply('activation', { kind: 'leakyRelu' }, [x], 's'),
  'add and multiply': (b, x, p) => b.apply('multiply', {}, [b.apply('add', {}, [x, p(2, 3, 4, 4, 4)], 's'), x], 's'),
  upsample2: (b, x) => b.apply('upsample2', {}, [x], 's'),
  concatChannels: (b, x, p) => b.apply('concatChannels', {}, [p(2, 2, 4, 4, 4), x], 's'),
  cubeSplit: (b, x) => b.apply('cubeSplit', { split: 2 }, [x], 's'),
  permute: (b, x) => b.apply('permute', { axes: [0, 2, 4, 1, 3] }, [x], 's'),
};

type Nudge = { readonly index: number; readonly name: string; readonly by: number };
const paper: OpAttributes['diceCrossEntropy'] = {
  diceWeight: 1,
  crossEntropyWeight: 1,
  epsilon: 1e-5,
  overBatch: false,
  classWeights: [],
  inside: [],
};

async function losses(layer: Layer, nudge?: Nudge, attributes = paper): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  const builder = new GraphBuilder();
  const parameters: Value[] = [];
  const parameter = (...shape: number[]): Value => {
    const value = builder.parameter(`p${parameters.length}`, f32(...shape));
    parameters.push(value);
    return value;
  };
  const y = layer(builder, parameter(2, 3, 4, 4, 4), parameter);
  const [n = 1, c = 1, d = 1, h = 1, w = 1] = y.type.shape;
  const label = builder.input('label', i32(n, d, h, w));
  const loss = builder.apply('diceCrossEntropy', attributes, [y, label], 'loss');
  const gradients = backward(builder, loss, parameters);
  builder.output('loss', loss);
  const executor = createReferenceExecutor();
  const session = await executor.prepare(makePlan(builder.build(), executor));
  const random = new Random(7);
  for (const value of parameters) {
    const data = Float32Array.from({ length: elementCount(value.type.shape) }, () => random.normal());
    if (nudge?.name === value.name) data[nudge.index] = Math.fround(Number(data[nudge.index]) + nudge.by);
    await session.write(value, data);
  }
  await session.write(
    label,
    Int32Array.from({ length: n * d * h * w }, () => random.integer(c)),
  );
  await session.run();
  const read = new Map<string, Float32Array>();
  for (const [value, gradient] of gradients) read.set(value.name, (await session.read(gradient)) as Float32Array);
  return { loss: Number((await session.read(loss))[0]), gradients: read };
}

/** Three probes of each parameter's gradient. */
async function expectSlopes(layer: Layer, attributes = paper): Promise<void> {
  const { gradients } = await losses(layer, undefined, attributes);
  const random = new Random(3);
  for (const [parameter, gradient] of gradients) {
    const scale = Math.max(...gradient.map(Math.abs));
    for (let probe = 0; probe < 3; probe++) {
      const index = random.integer(gradient.length);
      const step = 2 ** -6; // exact in float32 for values of this size
      const [up, down] = await Promise.all([
        losses(layer, { index, name: parameter, by: step }, attributes),
        losses(layer, { index, name: parameter, by: -step }, attributes),
      ]);
      const slope = (up.loss - down.loss) / (2 * step);
      expect(Math.abs(slope - Number(gradient[index]))).toBeLessThan(2e-2 * scale + 2e-5);
    }
  }
}

describe('gradients agree with finite differences', () => {
  for (const [name, layer] of Object.entries(layers))
    it(name, async () => {
      await expectSlopes(layer);
    });

  for (const overBatch of [false, true])
    it(`the loss weighted by class, Dice over the ${overBatch ? 'batch' : 'sample'}`, async () => {
      await expectSlopes((_b, x) => x, { ...paper, crossEntropyWeight: 0.7, overBatch, classWeights: [0.4, 3, 11] });
    });

  for (const overBatch of [false, true])
    it(`the loss where a class lies inside another, Dice over the ${overBatch ? 'batch' : 'sample'}`, async () => {
      await expectSlopes((_b, x) => x, { ...paper, crossEntropyWeight: 0.7, overBatch, classWeights: [0.4, 3, 11], inside: [0, 2, 0] });
    });
});
