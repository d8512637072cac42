import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { verifyGolden } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';

const file = resolve(import.meta.dirname, '../../../shared/reference/golden/pretrain-3stage-32.safetensors');
const absent = process.env['LOGONET_SLOW_TESTS'] === undefined ? 'minutes on a software driver: set LOGONET_SLOW_TESTS=1' : !existsSync(file) ? 'no ../shared/reference' : undefined;

describeOn(softwareDrivers, 'golden of the PyTorch reference with webgpu', (executor) => {
  it.skipIf(absent !== undefined)(`one pre-training step agrees${absent === undefined ? '' : ` (${absent})`}`, { timeout: 3_600_000 }, async () => {
    expect(await verifyGolden(decodeSafetensors(readFileSync(file)), executor())).toMatchObject({ pass: true });
  });
});
