import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { verifyGolden, type GoldenReport } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { channelGoldens, readChannelGolden } from '#test/support/channelGoldens.ts';

const folder = resolve(import.meta.dirname, '../../../shared/reference/golden');
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.safetensors')) : [];

async function verify(bytes: Uint8Array): Promise<GoldenReport> {
  const executor = createCpuExecutor({ threads: 2 });
  try {
    return await verifyGolden(decodeSafetensors(bytes), executor);
  } finally {
    executor.dispose();
  }
}

describe('goldens of several channels on the cpu executor', () => {
  it.each(channelGoldens)('%s', async (name) => {
    expect(await verify(readChannelGolden(name))).toMatchObject({ pass: true });
  });
});

describe.skipIf(files.length === 0)('goldens of the PyTorch reference (../shared/reference) on the cpu executor', () => {
  it.each(files)('%s', async (name) => {
    expect(await verify(readFileSync(resolve(folder, name)))).toMatchObject({ pass: true });
  });
});
