import { expect, it } from 'vitest';
import { HALF } from '#main/engine/devices/openDevice.ts';
import { checkDevice } from '#main/engine/devices/probe.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { fromHalf, toHalf } from '#main/engine/executors/webgpu/half.ts';
import type { Graph, Value } from '#main/engine/graph/graph.ts';
import { halfValues, withHalfStorage } from '#main/engine/plan/halfStorage.ts';
import { drawInputs, opCases, relativeError, runOp, scaledCases, type OpCase } from '#test/support/opCases.ts';
import { describeOn, lavapipe } from '#test/support/softwareVulkan.ts';

/** float16 keeps eleven bits of a number; to that comes what float32 kernels may differ by. */
const HALF_TOLERANCE = 2 ** -11 + 2e-5;
const thorough = process.env['LOGONET_SLOW_TESTS'] !== undefined;

/** Activations among inputs and outputs too, which a training keeps in float32. */
function everyHalf(graph: Graph): Graph {
  const inner = halfValues({ ...graph, outputs: new Map() });
  const isActivation = ({ type }: Value): boolean => type.element === 'f32' && type.shape.length === 5;
  return withHalfStorage(graph, new Set([...inner, ...graph.inputs.filter(isActivation)]));
}

/** One case of every operation that ever reads or writes float16; all of them in the slow run. */
const seen = new Set<string>();
const cases = opCases.filter(({ op, inputs: [first] }) => {
  const touched = !/Loss|dice|softmax|adamW|gradientNorm/.test(op) && first?.type.shape.length === 5;
  return touched && (thorough || (!seen.has(op) && seen.add(op)));
});

async function agrees(executor: Executor, opCase: OpCase): Promise<void> {
  const data = drawInputs(opCase).map((input, index) =>
    opCase.inputs[index]?.type.shape.length === 5 ? fromHalf(toHalf(input)).subarray(0, input.length) : input,
  );
  const expected = await runOp(createReferenceExecutor(), opCase, data);
  const actual = await runOp(executor, opCase, data);
  actual.forEach((output, index) => {
    expect(relativeError(output, expected[index]!)).toBeLessThan(HALF_TOLERANCE);
  });
}

describeOn(
  [lavapipe],
  'float16 storage',
  (executor) => {
    it.each(cases)('$name agrees with reference', (opCase: OpCase) => agrees(executor(), opCase));
  },
  { narrow: everyHalf },
);

describeOn(
  [lavapipe],
  'float16 storage in small bindings',
  (executor) => {
    it.each(opCases.filter(({ name }) => ['activationGrad gelu', 'upsample2 ', 'concatChannels 20 + 9'].includes(name)))(
      '$name agrees with reference',
      (opCase: OpCase) => agrees(executor(), opCase),
    );
  },
  { narrow: everyHalf, bindingLimit: 4096 },
);

describeOn([lavapipe], 'the check of a device in half precision', () => {
  it('finds it usable, under a name that says so', { timeout: 300_000 }, async () => {
    const id = `webgpu:${lavapipe.adapter ?? ''}${HALF}`;
    expect(await checkDevice({ id, name: 'lavapipe', executor: 'webgpu', software: true }, { software: true })).toMatchObject({
      id,
      usable: true,
      correct: true,
      reason: '',
      name: expect.stringMatching(/llvmpipe.*, half precision$/) as string,
    });
  });
});

describeOn([lavapipe], 'a loss scale', (executor) => {
  it.each(scaledCases)('$name agrees with reference', async (opCase: OpCase) => {
    const data = drawInputs(opCase);
    const expected = await runOp(createReferenceExecutor(), opCase, data);
    const actual = await runOp(executor(), opCase, data);
    actual.forEach((output, index) => {
      expect(relativeError(output, expected[index]!)).toBeLessThan(2e-5);
    });
  });
});
