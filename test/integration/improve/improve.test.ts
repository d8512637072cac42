import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeMask } from '#shared/segmentation/index.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { improveTask } from '#main/jobs/tasks/improve.ts';
import { pretrainedProfiles, readPretrained } from '#main/training/pretrained/pretrained.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { rankTask } from '#main/jobs/tasks/rank.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '../../support/improve.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'improve-'));
  cases = await phantoms(join(root, 'scans'), 10, 1);
  // Accepted masks come as the project's own mask files, too.
  const mask = join(root, 'scans', 'accepted.lmsk');
  writeFileSync(mask, encodeMask((await readLabels(cases[0]?.mask ?? '')).volume));
  cases[0] = { ...(cases[0] as PhantomCase), mask };
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Cases 0–4 are accepted, 3 and 4 of them held out; 5–9 have no mask yet. */
function config(folder: string, more: object = {}) {
  return {
    cases: cases.map(({ id, name, image, mask }, index) => ({
      id,
      name,
      image,
      mask: index < 5 ? mask : null,
      heldOut: index === 3 || index === 4,
    })),
    labelSet,
    variant: 'tiny',
    budget: { steps: { pretrain: 6, train: 8 } },
    device: 'cpu',
    threads: 1,
    seed: 3,
    current: null,
    modelId: 'm1',
    modelFolder: join(folder, 'model'),
    learnedFolder: join(folder, 'learned'),
    ...more,
  };
}

describe('improve', () => {
  it('clusters, pre-trains, fine-tunes and compares; a later round starts from the model in use', { timeout: 900_000 }, async () => {
    const folder = join(root, 'whole');
    const first = runTask(improveTask, config(folder), join(folder, 'job'));
    const result = await first.result;
    expect([...first.phases]).toEqual(
      expect.arrayContaining([
        'Clustering slices',
        'Pre-training',
        'Taking statistics of whole scans',
        'Training',
        'Measuring the new model',
      ]),
    );
    expect(result.plan).toMatchObject({ trainingCases: 3, validationCases: 2, unlabelledCases: 5, obstacles: [] });
    expect(result.comparison).toMatchObject({ cases: 2, beforeModelId: null, afterModelId: 'm1' });
    expect(new Set(result.metrics.map(({ caseId }) => caseId))).toEqual(new Set(['case-003', 'case-004']));
    const model = await loadModel(result.modelFolder);
    expect(model.weightsHash).toBe(result.weightsHash);
    expect(model.card.history.at(-1)?.cases).toBe(3);
    // Held-out cases never train, not even without their masks.
    expect(readPretrained(join(folder, 'learned'))?.cases).toEqual([
      'case-000',
      'case-001',
      'case-002',
      'case-005',
      'case-006',
      'case-007',
      'case-008',
      'case-009',
    ]);

    const second = runTask(
      improveTask,
      config(folder, {
        budget: { steps: { pretrain: 0, train: 4 } },
        current: { modelId: 'm1', folder: result.modelFolder },
        modelId: 'm2',
        modelFolder: join(folder, 'model2'),
      }),
      join(folder, 'job2'),
    );
    const next = await second.result;
    expect(second.phases.has('Pre-training')).toBe(false);
    expect(next.comparison).toMatchObject({ beforeModelId: 'm1', afterModelId: 'm2', meanBefore: result.comparison.meanAfter });
    expect(next.comparison.verdict.length).toBeGreaterThan(20);
    expect((await loadModel(next.modelFolder)).card.history).toHaveLength(2);
  });

  it('goes on with the network that an earlier version pre-trained', { timeout: 900_000 }, async () => {
    const folder = join(root, 'backbone');
    await runTask(improveTask, config(folder), join(folder, 'job')).result;
    const later = { variant: undefined, budget: { minutes: 0.1 }, modelId: 'm2', modelFolder: join(folder, 'model2') };
    const { modelFolder, plan } = await runTask(improveTask, config(folder, later), join(folder, 'job2')).result;
    expect(plan.startsFrom).toBe('the pre-trained backbone');
    expect((await loadModel(modelFolder)).card.variant).toBe('tiny');
  });

  it('improves a model in use with two cases: between old and new weights, and not measured', { timeout: 900_000 }, async () => {
    const folder = join(root, 'few');
    const { modelFolder } = await runTask(improveTask, config(folder), join(folder, 'job')).result;
    const few = (name: string) =>
      config(folder, {
        cases: config(folder).cases.map((each, index) => ({ ...each, mask: index < 2 ? each.mask : null, heldOut: false })),
        budget: { steps: { pretrain: 0, train: 4 } },
        current: { modelId: 'm1', folder: modelFolder },
        modelId: name,
        modelFolder: join(folder, name),
      });
    const second = runTask(improveTask, few('m2'), join(folder, 'job2'));
    const { comparison, trainingCases, weightsHash } = await second.result;
    expect([comparison.cases, comparison.promotionProposed, trainingCases]).toEqual([0, false, 2]);
    expect(comparison.verdict).toMatch(/^Not measured/);
    expect(second.alarms.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^The new weights count \d+%: that did best/));
    const { history } = (await loadModel(join(folder, 'm2'))).card;
    expect(history.at(-1)?.note).toMatch(/^recipe standard, new weights count (0|0\.25|0\.5|0\.75|1)$/);
    expect((await runTask(improveTask, few('m3'), join(folder, 'job3')).result).weightsHash).toBe(weightsHash);
  });

  it('ends with the same weights, bit for bit, wherever it was interrupted', { timeout: 900_000 }, async () => {
    const budget = { budget: { steps: { pretrain: 14, train: 8 } } };
    const whole = join(root, 'uninterrupted');
    const expected = (await runTask(improveTask, config(whole, budget), join(whole, 'job')).result).weightsHash;
    const folder = join(root, 'interrupted');
    const stoppedIn: string[] = [];
    for (let stopAfter = 4; ; stopAfter += 3) {
      const attempt = runTask(improveTask, config(folder, budget), join(folder, 'job'), stopAfter);
      const done = await attempt.result.then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'cancelled' });
          stoppedIn.push([...attempt.phases].at(-1) ?? '');
          return false;
        },
      );
      if (done) break;
    }
    expect(stoppedIn).toEqual(expect.arrayContaining(['Clustering slices', 'Pre-training', 'Training']));
    expect((await runTask(improveTask, config(folder, budget), join(folder, 'job')).result).weightsHash).toBe(expected);
    expect(
      readFileSync(join(folder, 'model', 'weights.safetensors')).equals(readFileSync(join(whole, 'model', 'weights.safetensors'))),
    ).toBe(true);
  });

  it('says what is missing instead of beginning', async () => {
    const folder = join(root, 'nothing');
    const none = { ...config(folder), cases: cases.map(({ id, name, image }) => ({ id, name, image, mask: null, heldOut: false })) };
    await expect(runTask(improveTask, none, join(folder, 'job')).result).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Accept at least 3 cases'),
    });
  });
});

describe('the next case', () => {
  it('is ranked from clusters and predictions, with reasons', async () => {
    const folder = join(root, 'whole');
    expect(pretrainedProfiles(join(folder, 'learned')).size).toBe(8);
    const candidates = cases.slice(5).map(({ id, name, image }) => ({ id, name, image, uncertainty: null }));
    const { order, uncertainties } = await runTask(
      rankTask,
      {
        cases: candidates,
        accepted: ['case-000', 'case-001', 'case-002'],
        model: join(folder, 'model'),
        learnedFolder: join(folder, 'learned'),
        threads: 1,
      },
      join(folder, 'rank'),
    ).result;
    expect(order.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5]);
    expect(Object.values(uncertainties).every((value) => value > 0 && value <= 1)).toBe(true);
    expect(Object.keys(uncertainties)).toHaveLength(5);
    expect(order[0]?.reason).toMatch(/^With it, \d+% instead of \d+% of what the scans show is covered\.$/);
  });
});
