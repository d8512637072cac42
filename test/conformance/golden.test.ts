import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blockNames } from '#shared/domain/modelCard.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { verifyGolden, type GoldenReport } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { channelGoldens, readChannelGolden } from '#test/support/channelGoldens.ts';

const root = resolve(import.meta.dirname, '../..');
const file = resolve(root, '../shared/reference/golden/seg-3stage-32x48x32.safetensors');

/** In a process of its own: what the test runner makes of imports slows the reference executor's loops down tenfold. */
function onReference(path: string): GoldenReport {
  const output = execFileSync(
    process.execPath,
    [resolve(root, 'src-main/cli/main.ts'), 'verify-golden', path, '--device', 'reference', '--json'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return JSON.parse(output) as GoldenReport;
}

describe('goldens of several channels on the reference executor', () => {
  it.each(channelGoldens)('%s', { timeout: 600_000 }, (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'golden-'));
    try {
      writeFileSync(join(folder, 'golden.safetensors'), readChannelGolden(name));
      const report = onReference(join(folder, 'golden.safetensors'));
      expect(report.pass).toBe(true);
      expect(report.maxLogitError).toBeLessThan(1e-6);
      expect(report.worstGradientError).toBeLessThan(1e-6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const maker = resolve(root, '../shared/reference/make_golden.py');
const python = process.env['LOGONET_PYTHON'] ?? 'python3';
const hasTorch = existsSync(maker) && spawnSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore' }).status === 0;

describe.skipIf(!hasTorch)('steps of the blocks as PyTorch makes them now (../shared/reference/make_golden.py)', () => {
  it.each(blockNames)('%s', { timeout: 600_000 }, (block) => {
    const folder = mkdtempSync(join(tmpdir(), 'golden-'));
    try {
      const path = join(folder, 'golden.safetensors');
      const config = {
        seed: 3,
        size: [32, 32, 32],
        batch: 2,
        dims: [4, 4, 4],
        depths: [1, 1, 1],
        mlp: [2, 2, 2],
        features: 4,
        classes: 3,
        block,
      };
      execFileSync(python, [maker, path, JSON.stringify(config)], { stdio: 'ignore' });
      const report = onReference(path);
      expect(report.pass).toBe(true);
      expect(report.maxLogitError).toBeLessThan(1e-6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!existsSync(file))('goldens of the PyTorch reference (../shared/reference)', () => {
  it('one training step agrees on the reference executor', { timeout: 600_000 }, () => {
    const report = onReference(file);
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
