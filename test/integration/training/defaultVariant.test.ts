import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { variant } from '#main/model/variants.ts';
import { prepare } from '#main/training/preparation/prepare.ts';
import type { PreparationSettings } from '#main/training/preparation/preparationSettings.ts';
import { labelSet, phantoms } from '../../support/improve.ts';
import { seenHooks } from '../../support/training/runs.ts';

const root = mkdtempSync(join(tmpdir(), 'default-variant-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

it('a new model on a processor is wide where a label is a small structure, with the paper’s recipe Normal; one that goes on stays what it is', async () => {
  const scans = async (size?: Triple) =>
    (await phantoms(join(root, String(size)), 2, 1, size)).map(({ name, image, mask }) => ({ name, image, labels: mask }));
  const [cases, large] = [await scans(), await scans([30, 32, 28])];
  const work = seenHooks();
  const { alarms: said } = work;
  const settings: PreparationSettings = { cases, labelSet, modality: 'MR', validationFraction: 0, recipe: 'standard', seed: 0, batch: 1 };
  const small: ModelCard = {
    format: 1,
    variant: 'small',
    architecture: variant('small', 3),
    labelSet,
    classToLabel: [0, 1, 2],
    spacing: [1, 1, 1],
    intensity: { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 },
    patch: [16, 16, 16],
    datasetHash: '',
    history: [],
  };
  await withExecutor({ device: 'cpu', threads: 1 }, async (executor) => {
    const prepared = async (more: Partial<PreparationSettings>, from?: ModelCard) =>
      prepare(executor, { ...settings, ...more }, mkdtempSync(join(root, 'work-')), from, work);
    // The stone fills about one hundredth of the scans; in larger ones less than half of that.
    expect((await prepared({})).variant).toBe('small');
    expect(said).toEqual([]);
    const fresh = await prepared({ cases: large });
    expect([fresh.variant, fresh.architecture]).toEqual(['wide', variant('wide', 3)]);
    expect(said).toEqual([expect.stringMatching(/^The smallest label fills 0\.\d+% of the voxels: the network is "wide"/)]);
    expect((await prepared({ cases: large, variant: 'small' })).variant).toBe('small');
    expect((await prepared({ recipe: 'paper' })).variant).toBe('normal');
    const on = await prepared({ cases: large }, small);
    expect([on.variant, on.architecture]).toEqual(['small', small.architecture]);
  });
});
