import { afterAll, beforeAll, describe } from 'vitest';
import type { Executor } from '#main/engine/executors/executor.ts';
import { tensorflowInstalled } from '#main/engine/executors/tensorflow/binding.ts';
import { createTensorflowExecutor } from '#main/engine/executors/tensorflow/executor.ts';
import { describeConformance } from '#test/support/conformance.ts';

const absent = !tensorflowInstalled();

describe.skipIf(absent)(`tensorflow${absent ? ' (not installed: npm run install:tensorflow)' : ''}`, () => {
  let executor: Executor | undefined;
  beforeAll(async () => { executor = await createTensorflowExecutor(); });
  afterAll(() => executor?.dispose());
  describeConformance('tensorflow', () => executor!);
});
