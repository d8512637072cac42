import { describe, expect, it } from 'vitest';
import { openDevice } from '#main/engine/devices/openDevice.ts';
import { halfValues, withHalfStorage } from '#main/engine/plan/halfStorage.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { byteCount, type TensorType } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from '#main/model/build.ts';
import { paperLoss, paperOptimiser, trainingStep } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';

const target = { storageBytes: (type: TensorType): number => Math.ceil(byteCount(type) / 256) * 256, reusesMemory: true };

function step(scaled: boolean) {
  return trainingStep(buildModel(variant('small', 3), { batch: 1, size: [48, 48, 48], mode: 'train' }), {
    loss: paperLoss,
    optimiser: paperOptimiser,
    scaled,
  });
}

describe('float16 storage', () => {
  it('is of activations and their gradients alone', () => {
    const { graph } = step(true);
    const half = halfValues(graph);
    expect(half.size).toBeGreaterThan(100);
    for (const value of [...graph.inputs, ...graph.parameters, ...graph.states, ...graph.outputs.values(), ...graph.updates.values()])
      expect(half.has(value)).toBe(false);
    for (const { op, inputs, outputs } of graph.nodes) {
      if (/Loss|dice|adamW|gradientNorm/.test(op)) for (const value of [...inputs, ...outputs]) expect(half.has(value)).toBe(false);
      if (op.endsWith('GradWeight') || op.endsWith('Statistics')) for (const value of outputs) expect(half.has(value)).toBe(false);
    }
  });

  it('keeps every other value of the graph the very same', () => {
    const { graph } = step(true);
    const half = halfValues(graph);
    const narrowed = withHalfStorage(graph);
    narrowed.nodes.forEach((node, index) =>
      node.outputs.forEach((output, at) => {
        const before = graph.nodes[index]?.outputs[at];
        if (before !== undefined && half.has(before))
          expect(output).toMatchObject({ id: before.id, type: { element: 'f16', shape: before.type.shape } });
        else expect(output).toBe(before);
      }),
    );
  });

  it('makes a plan of about six tenths the bytes, and one that recomputes smaller still', () => {
    const full = makePlan(step(false).graph, target);
    const half = makePlan(step(true).graph, { ...target, narrow: withHalfStorage });
    expect(half.arenaBytes / full.arenaBytes).toBeLessThan(0.65);
    const budget = 0.9 * half.arenaBytes;
    const recomputing = makePlan(step(true).graph, { ...target, narrow: withHalfStorage }, { memoryBudgetBytes: budget });
    expect(recomputing.arenaBytes).toBeLessThanOrEqual(budget);
  });

  it('is refused in a sentence by a device that has none', async () => {
    await expect(openDevice('cpu+half')).rejects.toMatchObject({
      code: 'unsupported',
      message: 'Half precision needs a graphics card (the device “webgpu”); the device "cpu" computes in full precision only.',
    });
  });
});
