import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { NnunetPredictor } from '#main/inference/nnunet/nnunetPredictor.ts';
import { predictImported } from '#main/inference/nnunet/predictImported.ts';
import { importNnunetFolder, type ImportedModel } from '#main/model/nnunet/importFolder.ts';
import { compareOnnx, onnxRuntime } from '#main/model/onnx/verifyOnnx.ts';
import { encodeOnnx } from '#main/model/onnx/exportOnnx.ts';
import { writeTinyFolder } from '#test/support/nnunetFolder.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';
import { rampVolume } from '#test/support/studio.ts';

const kinds = ['plain', 'residual', 'regions'] as const;
let folder = '';
const models = new Map<string, ImportedModel>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nnunet-tiny-'));
  for (const kind of kinds) {
    await writeTinyFolder(join(folder, kind), { kind, folds: 2 });
    models.set(kind, await importNnunetFolder(join(folder, kind)));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function logits(executor: Executor, { card, weights }: ImportedModel, fold: number): Promise<Float32Array> {
  const predictor = await NnunetPredictor.create(executor, card, weights);
  const random = new Random(3);
  const [d, h, w] = card.pipeline.patch;
  const patch = Float32Array.from({ length: card.network.inChannels * d * h * w }, () => random.normal());
  const result = (await predictor.predict(patch, fold)).slice();
  predictor.dispose();
  return result;
}

/** What every executor has to agree with. */
async function requireReference(executor: Executor, kind: string): Promise<void> {
  const model = models.get(kind) as ImportedModel;
  const expected = await logits(createReferenceExecutor(), model, 1);
  const found = await logits(executor, model, 1);
  expect(expected.reduce((most, value, index) => Math.max(most, Math.abs(value - (found[index] ?? NaN))), 0)).toBeLessThan(1e-4);
}

describeOn(softwareDrivers, 'webgpu', (executor) => {
  for (const kind of kinds) it(`computes a tiny network of the ${kind} kind as reference does`, () => requireReference(executor(), kind));
});

describe('a tiny network of nnU-Net’s', () => {
  for (const kind of kinds)
    for (const instructionSet of [undefined, 'baseline'] as const)
      it(`of the ${kind} kind computes on cpu (${instructionSet ?? 'widest'}) what reference does`, async () => {
        const executor = createCpuExecutor(instructionSet === undefined ? {} : { instructionSet });
        await requireReference(executor, kind);
        executor.dispose();
      });

  for (const kind of kinds)
    it(`of the ${kind} kind labels an image on its own grid, in any orientation`, async () => {
      const { card, weights } = models.get(kind) as ImportedModel;
      const executor = createCpuExecutor();
      const predictor = await NnunetPredictor.create(executor, card, weights);
      const { grid, data } = rampVolume([18, 13, 9], 4);
      const oblique = { size: grid.size, affine: [0, -0.9, 0.1, 3, 1.2, 0, 0, 4, 0, 0.1, 2.5, 5] } as const;
      const images = card.pipeline.channels.map(() => ({ grid: oblique, data }));
      const { labels, uncertainty } = await predictImported(images, card, predictor, { uncertainty: true });
      expect(labels.grid).toEqual(oblique);
      expect(uncertainty?.grid).toEqual(oblique);
      expect(new Set(labels.data).size).toBeGreaterThan(1);
      predictor.dispose();
      executor.dispose();
    });

  it('is the same as an ONNX file', async ({ skip }) => {
    const runtime = await onnxRuntime();
    if (runtime === undefined) skip('no ONNX runtime is installed');
    else
      for (const { card, weights } of models.values()) {
        const model = { card, weights, weightsHash: '' };
        expect(await compareOnnx(runtime, encodeOnnx(model), model)).toBeLessThan(1e-4);
      }
  });
});
