import { describe, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { nativeModule } from '#main/engine/executors/cpu/native.ts';
import { checkTables, encode } from '#main/engine/executors/cpu/operations.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { OpDefinition } from '#main/engine/ops/definition.ts';
import { operations } from '#main/engine/ops/table.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { f32, i32 } from '#main/engine/tensor/tensorType.ts';
import { opCases } from '#test/support/opCases.ts';

describe('an operation', () => {
  it('does not compile without its storage class, its loss boundary or its cost', () => {
    const { infer, gradient, storage, lossBoundary, recompute } = operations.softmax;
    const whole: OpDefinition<'softmax'> = { infer, gradient, storage, lossBoundary, recompute };
    // @ts-expect-error without a storage class
    const unstored: OpDefinition<'softmax'> = { infer, gradient, lossBoundary, recompute };
    // @ts-expect-error without saying whether the backward pass begins with it
    const unbounded: OpDefinition<'softmax'> = { infer, gradient, storage, recompute };
    // @ts-expect-error without a cost
    const uncosted: OpDefinition<'softmax'> = { infer, gradient, storage, lossBoundary };
    expect([whole, unstored, unbounded, uncosted].map((one) => Object.keys(one).length)).toEqual([5, 4, 4, 4]);
  });
});

describe('indices', () => {
  it('have a bound wherever an operation reads integers', () => {
    for (const { name, op, inputs } of opCases) {
      inputs.forEach(({ type }, index) => {
        if (type.element === 'i32') expect(operations[op].indices, name).toHaveProperty(String(index));
      });
    }
  });

  it('out of bounds are refused by every executor that is here, with the value and the bound', async () => {
    const builder = new GraphBuilder();
    const label = builder.input('label', i32(1, 2, 2, 2));
    const inputs = [builder.parameter('logits', f32(1, 3, 2, 2, 2)), label];
    builder.output(
      'loss',
      builder.apply(
        'diceCrossEntropy',
        { diceWeight: 1, crossEntropyWeight: 1, epsilon: 1e-5, overBatch: false, classWeights: [], inside: [] },
        inputs,
        's',
      ),
    );
    for (const executor of [createReferenceExecutor(), createCpuExecutor({ threads: 1 })]) {
      const session = await executor.prepare(makePlan(builder.build(), executor));
      for (const wrong of [3, -1, 2 ** 31 - 1]) {
        await expect(session.write(label, new Int32Array(8).fill(2).fill(wrong, 7))).rejects.toMatchObject({
          code: 'corrupt',
          message: `The data of this step are damaged: "label" holds ${wrong}, which is not below 3.`,
        });
      }
      await session.write(label, new Int32Array(8).fill(2));
      session.dispose();
    }
  });
});

describe('the native engine', () => {
  const native = nativeModule();

  it('knows the same operations, attributes and activations as this program', () => {
    expect(native.operations.map(({ name }) => name).sort()).toEqual(Object.keys(operations).sort());
    expect(() => {
      checkTables(native);
    }).not.toThrow();
  });

  it('is refused where an operation or an activation lacks, or attributes come in another order', () => {
    const swapped = native.operations.map((one) => (one.name === 'sliceChannels' ? { ...one, integers: 'count start' } : one));
    for (const other of [
      { ...native, operations: native.operations.slice(1) },
      { ...native, operations: [...native.operations, { name: 'later', integers: '', reals: '' }] },
      { ...native, operations: swapped },
      { ...native, activations: ['none', 'relu'] },
    ]) {
      expect(() => {
        checkTables(other);
      }).toThrow(/of another version than this program.*bootstrap/);
    }
  });

  it('gets attributes as the numbers that its own tables give them', () => {
    const tables = { operations: native.operations.toReversed(), activations: ['gelu', 'relu', 'leakyRelu', 'none'] };
    expect(encode('activation', { kind: 'gelu' }, tables)).toEqual({
      code: native.operations.length - 1 - native.operations.findIndex(({ name }) => name === 'activation'),
      integers: [0],
      reals: [],
    });
    expect(encode('permute', { axes: [0, 2, 1, 4, 3] }, native).integers).toEqual([0, 2, 1, 4, 3]);
    expect(encode('sliceChannels', { start: 3, count: 5 }, native).integers).toEqual([3, 5]);
  });
});
