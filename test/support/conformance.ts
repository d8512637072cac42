import { describe, expect, it } from 'vitest';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { drawInputs, opCases, relativeError, runOp, type OpCase } from './opCases.ts';

/** Largest relative error that float32 kernels may show against float64 at these sizes. */
const TOLERANCE = 2e-5;

/** The conformance suite of one executor: every operation (or the given cases) against `reference`. */
export function describeConformance(name: string, executor: () => Executor, cases: readonly OpCase[] = opCases): void {
  describe(`${name}: every operation agrees with reference`, () => {
    const reference = createReferenceExecutor();
    for (const opCase of cases) {
      it(opCase.name, async () => {
        const data = drawInputs(opCase);
        const expected = await runOp(reference, opCase, data);
        const actual = await runOp(executor(), opCase, data);
        expect(actual.length).toBe(expected.length);
        actual.forEach((output, index) => expect(relativeError(output, expected[index] as typeof output)).toBeLessThan(TOLERANCE));
      });
    }
  });
}
