import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Volume } from '#shared/geometry/grid.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { importanceMap, logitWindows } from '#main/inference/nnunet/logitWindows.ts';
import { NnunetPredictor } from '#main/inference/nnunet/nnunetPredictor.ts';
import { predictImported } from '#main/inference/nnunet/predictImported.ts';
import { orientedFor, preprocess } from '#main/inference/nnunet/preprocess.ts';
import { importNnunetFolder, type ImportedModel } from '#main/model/nnunet/importFolder.ts';
import { readNpy } from '#test/support/npy.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';

const root = join(sharedData, 'nnunet');
const models = {
  hippo: { folder: 'Dataset901_HippoTiny', channels: 1, preprocessed: 'aniso' },
  resenc: { folder: 'Dataset902_PhantomCT', channels: 1, preprocessed: 'small' },
  'two-channel': { folder: 'Dataset903_TwoChannel', channels: 2, preprocessed: undefined },
} as const;
type Name = keyof typeof models;
const names = Object.keys(models) as Name[];

const golden = async (model: Name, file: string) => readNpy(await readFile(join(root, model, 'golden', file)));

async function imagesOf(model: Name, name: string): Promise<Volume[]> {
  return Promise.all(
    Array.from({ length: models[model].channels }, async (_unused, channel) => {
      const { volume } = await readImage(join(root, model, 'inputs', `${name}_000${channel}.nii.gz`));
      return volume;
    }),
  );
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, index) => Math.max(worst, Math.abs(value - (b[index] ?? NaN))), 0);
}

describe.skipIf(!hasSharedData('nnunet'))('nnU-Net’s own folders', () => {
  const imported = new Map<Name, Promise<ImportedModel>>();
  const importOf = (name: Name): Promise<ImportedModel> => {
    const known = imported.get(name) ?? importNnunetFolder(join(root, name, models[name].folder));
    imported.set(name, known);
    return known;
  };

  for (const name of names) {
    for (const [executorName, make] of [
      ['reference', createReferenceExecutor],
      ['cpu', () => createCpuExecutor()],
    ] as const) {
      it(`${name}: logits of a patch on ${executorName} are nnU-Net’s within 1e-4`, async () => {
        const { card, weights } = await importOf(name);
        const executor: Executor = make();
        const predictor = await NnunetPredictor.create(executor, card, weights);
        const input = (await golden(name, 'patch_input.npy')).data;
        // The reference takes its time: one fold is enough.
        for (const [fold, folder] of executorName === 'reference' ? [[0, card.folds[0] ?? ''] as const] : card.folds.entries()) {
          const expected = await golden(name, `patch_logits_${folder}.npy`);
          const difference = largestDifference(await predictor.predict(input, fold), expected.data);
          expect(difference).toBeLessThan(1e-4);
        }
        predictor.dispose();
        executor.dispose();
      }, 600_000);
    }

    it(`${name}: the importance map is nnU-Net’s`, async () => {
      const { card } = await importOf(name);
      expect(largestDifference(importanceMap(card.pipeline.patch), (await golden(name, 'gaussian_f16.npy')).data)).toBe(0);
    });

    const { preprocessed } = models[name];
    if (preprocessed !== undefined)
      it(`${name}: ${preprocessed} preprocessed is nnU-Net’s within 1e-5`, async () => {
        const { card } = await importOf(name);
        const images = await imagesOf(name, preprocessed);
        const result = preprocess(
          images.map((image) => orientedFor(image, card.pipeline)),
          card.pipeline,
        );
        const expected = await golden(name, `${preprocessed}_preprocessed.npy`);
        expect([result.channels.length, ...result.size]).toEqual(expected.shape);
        const each = expected.data.length / result.channels.length;
        result.channels.forEach((channel, index) => {
          const difference = largestDifference(channel, expected.data.slice(index * each, (index + 1) * each));
          expect(difference).toBeLessThan(1e-5);
        });
      });

    for (const mirror of [true, false])
      it(`${name}: window logits are within 5e-3 of nnU-Net’s, ${mirror ? 'mirrored' : 'not mirrored'}`, async ({ skip }) => {
        const file = `small_${mirror ? 'mirror_logits_pre_f32' : 'nomirror_logits_pre_half'}.npy`;
        if (!existsSync(join(root, name, 'golden', file))) skip('this copy lacks it');
        const expected = await golden(name, file);
        const { card, weights } = await importOf(name);
        const executor = createCpuExecutor();
        const predictor = await NnunetPredictor.create(executor, card, weights);
        const images = await imagesOf(name, 'small');
        const image = preprocess(
          images.map((each) => orientedFor(each, card.pipeline)),
          card.pipeline,
        );
        const logits = new Float32Array(expected.data.length);
        const area = image.size[1] * image.size[2];
        await logitWindows(
          image.channels,
          image.size,
          predictor,
          { mirrorAxes: mirror ? card.pipeline.mirrorAxes : [] },
          (plane, values) => {
            for (let head = 0; head < predictor.heads; head++)
              logits.set(values.subarray(head * area, (head + 1) * area), (head * image.size[0] + plane) * area);
          },
        );
        const difference = largestDifference(logits, expected.data);
        // Half sums where this copy has no others.
        expect(difference).toBeLessThan(mirror ? 5e-3 : 5e-2);
        predictor.dispose();
        executor.dispose();
      }, 300_000);

    for (const input of ['small', 'oblique', 'aniso'])
      for (const mirror of [true, false])
        it(`${name}: the segmentation of ${input} ${mirror ? 'mirrored' : 'not mirrored'} is nnU-Net’s but for 0.02%`, async ({ skip }) => {
          const file = join(root, name, 'golden', `${input}_${mirror ? 'mirror' : 'nomirror'}.nii.gz`);
          if (!existsSync(file)) skip('this copy lacks it');
          const { volume: expected } = await readLabels(file);
          const { card, weights } = await importOf(name);
          const executor = createCpuExecutor();
          const predictor = await NnunetPredictor.create(executor, card, weights);
          const { labels } = await predictImported(await imagesOf(name, input), card, predictor, { mirror });
          expect(labels.grid.size).toEqual(expected.grid.size);
          const foreground = [...expected.data].filter((value) => value !== 0).length;
          const differing = labels.data.reduce((count, value, index) => count + (value === expected.data[index] ? 0 : 1), 0);
          expect(differing).toBeLessThanOrEqual(Math.max(1, 0.0002 * foreground));
          predictor.dispose();
          executor.dispose();
        }, 600_000);
  }

  // A software driver takes its time: the smallest model alone.
  describeOn(softwareDrivers, 'WebGPU', (executor) => {
    it('hippo: logits of a patch are nnU-Net’s within 1e-4, and the segmentation of small is its own', async () => {
      const { card, weights } = await importOf('hippo');
      const predictor = await NnunetPredictor.create(executor(), card, weights);
      const logits = await predictor.predict((await golden('hippo', 'patch_input.npy')).data, 0);
      expect(largestDifference(logits, (await golden('hippo', 'patch_logits_fold_0.npy')).data)).toBeLessThan(1e-4);
      const { labels } = await predictImported(await imagesOf('hippo', 'small'), card, predictor, { mirror: false });
      const { volume: expected } = await readLabels(join(root, 'hippo', 'golden', 'small_nomirror.nii.gz'));
      expect(labels.data.filter((value, index) => value !== expected.data[index]).length).toBeLessThanOrEqual(1);
      predictor.dispose();
    }, 600_000);
  });
});
