import { afterAll, beforeAll, describe } from 'vitest';
import { createWebgpuExecutor, type WebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { describeConformance } from '#test/support/conformance.ts';
import { softwareVulkan } from '#test/support/softwareVulkan.ts';

const absent = softwareVulkan();

describe.skipIf(absent !== undefined)(`webgpu${absent === undefined ? '' : ` (${absent})`}`, () => {
  let executor: WebgpuExecutor | undefined;
  beforeAll(async () => { executor = await createWebgpuExecutor(); });
  afterAll(() => executor?.dispose());
  describeConformance('webgpu', () => executor!);
});
