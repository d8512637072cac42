import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readImage } from '#main/imageio/readImage.ts';
import { openScanPredictor } from '#main/inference/scanPredictor.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import type { Weights } from '#main/model/weights.ts';
import { recipes, sliceAugmentation } from '#shared/domain/trainConfig.ts';
import { chooseScanRule } from '#main/training/preparation/scanRule.ts';
import { labelSet, phantoms, runTask } from '../../support/improve.ts';
import { seenHooks } from '../../support/training/runs.ts';

const root = mkdtempSync(join(tmpdir(), 'thick-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const local = { kind: 'local', lowPercentile: 0.5, highPercentile: 99.5, millimetres: 25, sliceAxis: 2 };

it('scans of thick slices train, are predicted and learn without masks by local contrast, and the job says so', async () => {
  const found = await phantoms(join(root, 'scans'), 2, 3, [20, 20, 10], 5);
  const cases = found.map(({ name, image, mask }) => ({ name, image, labels: mask }));
  const config = {
    cases,
    labelSet,
    validationFraction: 0,
    budget: { steps: 2 },
    variant: 'tiny',
    patch: [16, 16, 16],
    batch: 1,
    threads: 1,
  } as const;
  const train = async (name: string, more: object) => {
    const folder = join(root, name);
    const task = runTask(trainTask, { ...config, ...more }, folder);
    const { plan } = await task.result;
    return { plan, said: task.alarms.map(({ message }) => message), folder };
  };
  const { plan, said, folder } = await train('own', {});
  expect(plan.intensity).toEqual(local);
  expect(said.join('\n')).toContain('Intensities count relative to what lies within 25 mm in the same slice');
  const model = await loadModel(join(folder, 'out'));
  expect(model.card.intensity).toEqual(local);
  const { volume } = await readImage(cases[0]?.image ?? '');
  await withExecutor({ device: 'cpu', threads: 1 }, async (executor) => {
    const predictor = await openScanPredictor(executor, model);
    expect((await predictor.predict([volume])).labels.data).toHaveLength(20 * 20 * 10);
    predictor.dispose();
  });
  // The numbers of augmentation that the plan has count, unless others are asked for.
  const weights = async (name: string, adjust: object): Promise<Weights> =>
    (await loadModel(join((await train(name, { adjust: { averageSteps: 0, ...adjust } })).folder, 'out'))).weights;
  const same = await weights('same', {});
  expect(await weights('given', sliceAugmentation)).toEqual(same);
  const { rotation, scale, spatialShare } = recipes.standard.augmentation;
  expect(await weights('other', { rotation, scale, spatialShare })).not.toEqual(same);
  const whole = await train('whole', { contrast: 'volume' });
  expect(whole.plan.intensity.kind).toBe('zscore');
  expect(whole.said.join('\n')).not.toContain('relative to');
  const work = seenHooks();
  expect((await chooseScanRule(found, work)).intensity).toEqual(local);
  const thin = await phantoms(join(root, 'thin'), 2, 3);
  expect((await chooseScanRule(thin, work)).intensity.kind).toBe('zscore');
});
