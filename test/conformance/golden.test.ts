import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { verifyGolden } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';

const folder = resolve(import.meta.dirname, '../../../shared/reference/golden');
const file = resolve(folder, 'seg-3stage-32x48x32.safetensors');

// The larger goldens take the float64 executor a quarter of an hour: `logonet verify-golden FILE --device reference`.
describe.skipIf(!existsSync(file))('goldens of the PyTorch reference (../shared/reference)', () => {
  it('one training step agrees on the reference executor', async () => {
    const report = await verifyGolden(decodeSafetensors(readFileSync(file)), createReferenceExecutor());
    expect(report).toMatchObject({ pass: true });
    expect(report.maxLogitError).toBeLessThan(1e-6);
  });

  it('notices a weight that is off by a thousandth (the check can fail)', async () => {
    const golden = decodeSafetensors(readFileSync(file));
    const name = 'p/head.cls.weight';
    const tensor = golden.tensors.get(name);
    if (tensor === undefined) throw new Error(`${name} is missing`);
    const changed = new Map(golden.tensors).set(name, { ...tensor, data: Float32Array.from(tensor.data, (value) => Number(value) * 1.001) });
    expect(await verifyGolden({ ...golden, tensors: changed }, createReferenceExecutor())).toMatchObject({ pass: false });
  });
});
