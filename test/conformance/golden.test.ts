import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { verifyGolden, type GoldenReport } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';

const root = resolve(import.meta.dirname, '../..');
const file = resolve(root, '../shared/reference/golden/seg-3stage-32x48x32.safetensors');

describe.skipIf(!existsSync(file))('goldens of the PyTorch reference (../shared/reference)', () => {
  // In a process of its own: what the test runner makes of imports slows these loops down tenfold.
  it('one training step agrees on the reference executor', { timeout: 600_000 }, () => {
    const output = execFileSync(process.execPath, [resolve(root, 'src-main/cli/main.ts'), 'verify-golden', file, '--device', 'reference', '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const report = JSON.parse(output) as GoldenReport;
    expect(report.pass).toBe(true);
    expect(report.maxLogitError).toBeLessThan(1e-6);
    expect(report.worstGradientError).toBeLessThan(1e-6);
  });

  it('notices a weight that is off by a hundredth (the check can fail)', async () => {
    const golden = decodeSafetensors(readFileSync(file));
    const name = 'p/head.cls.weight';
    const tensor = golden.tensors.get(name);
    if (tensor === undefined) throw new Error(`${name} is missing`);
    const changed = new Map(golden.tensors).set(name, { ...tensor, data: Float32Array.from(tensor.data, (value) => Number(value) * 1.01) });
    const executor = createCpuExecutor({});
    expect(await verifyGolden({ ...golden, tensors: changed }, executor)).toMatchObject({ pass: false });
    executor.dispose();
  });
});
