import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { verifyGolden } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';

const folder = resolve(import.meta.dirname, '../../../shared/reference/golden');
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.safetensors')) : [];

describe.skipIf(files.length === 0)('goldens of the PyTorch reference (../shared/reference) on the cpu executor', () => {
  it.each(files)('%s', async (name) => {
    const executor = createCpuExecutor({ threads: 2 });
    try {
      expect(await verifyGolden(decodeSafetensors(readFileSync(resolve(folder, name))), executor)).toMatchObject({ pass: true });
    } finally {
      executor.dispose();
    }
  });
});
