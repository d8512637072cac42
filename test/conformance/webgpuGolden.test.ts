import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { verifyGolden } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { softwareVulkan } from '#test/support/softwareVulkan.ts';

const file = resolve(import.meta.dirname, '../../../shared/reference/golden/pretrain-3stage-32.safetensors');
const absent = process.env['LOGONET_SLOW_TESTS'] === undefined ? 'minutes on a software driver: set LOGONET_SLOW_TESTS=1' : !existsSync(file) ? 'no ../shared/reference' : softwareVulkan();

describe.skipIf(absent !== undefined)(`golden of the PyTorch reference on webgpu${absent === undefined ? '' : ` (${absent})`}`, () => {
  it('one pre-training step agrees', { timeout: 3_600_000 }, async () => {
    const executor = await createWebgpuExecutor();
    try {
      expect(await verifyGolden(decodeSafetensors(readFileSync(file)), executor)).toMatchObject({ pass: true });
    } finally {
      executor.dispose();
    }
  });
});
