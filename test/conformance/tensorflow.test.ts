import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '#main/engine/executors/executor.ts';
import { tensorflowInstalled } from '#main/engine/executors/tensorflow/binding.ts';
import { createTensorflowExecutor } from '#main/engine/executors/tensorflow/executor.ts';
import { verifyGolden } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { channelGoldens, readChannelGolden } from '#test/support/channelGoldens.ts';
import { describeConformance } from '#test/support/conformance.ts';

const golden = resolve(import.meta.dirname, '../../../shared/reference/golden/seg-3stage-32x48x32.safetensors');
const absent = !tensorflowInstalled();

describe.skipIf(absent)(`tensorflow${absent ? ' (not installed: npm run install:tensorflow)' : ''}`, () => {
  let executor: Executor | undefined;
  beforeAll(async () => {
    executor = await createTensorflowExecutor();
  });
  afterAll(() => executor?.dispose());
  describeConformance('tensorflow', () => executor!);

  it.each(channelGoldens)('the golden %s agrees', { timeout: 900_000 }, async (name) => {
    expect(await verifyGolden(decodeSafetensors(readChannelGolden(name)), executor!)).toMatchObject({ pass: true });
  });

  it.skipIf(!existsSync(golden))('a golden of the PyTorch reference agrees', { timeout: 900_000 }, async () => {
    expect(await verifyGolden(decodeSafetensors(readFileSync(golden)), executor!)).toMatchObject({ pass: true });
  });
});
