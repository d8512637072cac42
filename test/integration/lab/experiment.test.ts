import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseExperiment, runExperiment } from '#main/lab/experiment.ts';
import { decodeSafetensors, encodeSafetensors } from '#main/model/safetensors.ts';
import { phantoms, runTask } from '../../support/improve.ts';

const experimentTask = { kind: 'experiment', parse: parseExperiment, run: runExperiment };

let root: string;
let dataset: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'experiment-'));
  const cases = await phantoms(root, 11, 5);
  dataset = join(root, 'dataset.json');
  const near = (path: string): string => `./${basename(path)}`;
  writeFileSync(
    dataset,
    JSON.stringify({
      name: 'phantoms',
      modality: { 0: 'MRI' },
      labels: { 0: 'background', 1: 'kidney', 2: 'stone' },
      training: cases.slice(0, 8).map(({ image, mask }) => ({ image: near(image), label: near(mask) })),
      test: cases.slice(8).map(({ image }) => near(image)),
    }),
  );
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const config = (study: string, more: object = {}) => ({
  study,
  dataset,
  variant: 'tiny',
  threads: 1,
  testCases: 2,
  labelled: 2,
  seeds: 2,
  budget: { steps: 2 },
  pretrainBudget: { steps: 2 },
  added: 1,
  rounds: 1,
  ...more,
});

describe('experiments', () => {
  it('pretraining: every arm and seed, a table with deviations and a plot', { timeout: 900_000 }, async () => {
    const folder = join(root, 'pretraining');
    const { summary } = await runTask(
      experimentTask,
      config('pretraining', { budget: { steps: 10 }, pretrainBudget: { steps: 6 } }),
      folder,
    ).result;
    expect(summary.map(({ arm, seeds, labelled }) => [arm, seeds, labelled])).toEqual([
      ['from scratch', 2, 2],
      ['pre-trained', 2, 2],
      ['without masking', 2, 2],
      ['one clusterer', 2, 2],
    ]);
    // Each way of pre-training leads somewhere else from the same start.
    expect(new Set(summary.map(({ mean }) => mean)).size).toBe(4);
    const report = readFileSync(join(folder, 'out', 'report.md'), 'utf8');
    expect(report).toContain('8 labelled cases, 2 of them for testing only');
    expect(report).toMatch(/\| pre-trained \| 2 \| 2 \| 0\.\d{4} ± 0\.\d{4} \| [+-]\d+\.\d ± \d+\.\d \|/);
    const plot = readFileSync(join(folder, 'out', 'plot.svg'), 'utf8');
    expect(plot.match(/<circle/g)).toHaveLength(8);
    expect(plot).not.toContain('NaN');
  });

  it('unlabelled: the same labelled patients and batches in both arms, the others without their masks in one', async () => {
    const folder = join(root, 'unlabelled');
    const { summary } = await runTask(experimentTask, config('unlabelled', { seeds: 1, budget: { steps: 12 } }), folder).result;
    expect(summary.map(({ arm, seeds, labelled }) => [arm, seeds, labelled])).toEqual([
      ['labels alone', 1, 2],
      ['consistency', 1, 2],
    ]);
    // The teacher's word leads elsewhere from the same start.
    expect(new Set(summary.map(({ mean }) => mean)).size).toBe(2);
  });

  it('active: strategies start from the same cases and add their own; an interrupted one goes on', { timeout: 900_000 }, async () => {
    const folder = join(root, 'active');
    await expect(runTask(experimentTask, config('active', { seeds: 1 }), folder, 60).result).rejects.toMatchObject({ code: 'cancelled' });
    const { summary } = await runTask(experimentTask, config('active', { seeds: 1 }), folder).result;
    for (const strategy of ['random', 'suggested', 'entropy', 'disagreement', 'diversity', 'by class', 'random, every class']) {
      expect(summary.filter(({ arm }) => arm === strategy).map(({ labelled, seeds }) => [labelled, seeds])).toEqual([
        [2, 1],
        [3, 1],
      ]);
    }
    expect(new Set(summary.filter(({ labelled }) => labelled === 2).map(({ mean }) => mean)).size).toBe(1);
  });

  it('active: a round resumes from the model of the round before', { timeout: 900_000 }, async () => {
    const folder = join(root, 'rounds');
    const kept = (name: string): string => join(folder, 'checkpoint', name);
    /** Weights of the second model, once more from what is there of the first. */
    const secondModel = async (): Promise<Buffer> => {
      rmSync(kept('chosen-random-0-3.json'), { force: true });
      await runTask(experimentTask, config('active', { seeds: 1, arms: ['random'], rounds: 2 }), folder).result;
      return readFileSync(kept('chosen-random-0-3.safetensors'));
    };
    const second = await secondModel();
    expect((await secondModel()).equals(second)).toBe(true);
    const { tensors } = decodeSafetensors(readFileSync(kept('chosen-random-0-2.safetensors')));
    for (const { data } of tensors.values()) data.fill(0.5);
    writeFileSync(kept('chosen-random-0-2.safetensors'), encodeSafetensors(tensors));
    expect((await secondModel()).equals(second)).toBe(false);
  });

  it('within a time limit leaves trainings for another time, and refuses to mix settings', { timeout: 900_000 }, async () => {
    const folder = join(root, 'limited');
    const limited = { seeds: 1, arms: ['from scratch', 'pre-trained'] };
    const first = await runTask(experimentTask, config('pretraining', { ...limited, within: 0 }), folder).result;
    expect([first.summary.length, first.missing]).toEqual([0, 2]);
    const second = await runTask(experimentTask, config('pretraining', limited), folder).result;
    expect(second.summary.map(({ arm, gain }) => [arm, gain?.seeds ?? null])).toEqual([
      ['from scratch', null],
      ['pre-trained', 1],
    ]);
    expect(second.missing).toBe(0);
    await expect(runTask(experimentTask, config('pretraining', { ...limited, budget: { steps: 3 } }), folder).result).rejects.toMatchObject(
      { code: 'conflict' },
    );
    expect(() => parseExperiment(config('ablation', { arms: ['ResNet'] }))).toThrow('LoGoNet, ULKANet, U-Net');
  });

  it('recipe: one change at a time, on a folder as it lies and measured on its own test cases', { timeout: 900_000 }, async () => {
    const folder = join(root, 'as it lies');
    const cases = await phantoms(join(root, 'loose'), 5, 6);
    for (const [index, { name, image, mask }] of cases.entries()) {
      const part = index < 3 ? 'Tr' : 'Ts';
      for (const each of [`images${part}`, `labels${part}`]) mkdirSync(join(folder, each), { recursive: true });
      copyFileSync(image, join(folder, `images${part}`, `${name}.nii`));
      copyFileSync(mask, join(folder, `labels${part}`, `${name}.nii`));
    }
    const settings = {
      dataset: folder,
      labels: ['kidney', 'stone'],
      arms: ['loss=paper', 'learningRate=0'],
      seeds: 1,
      patch: [16, 16, 16],
    };
    const { summary } = await runTask(experimentTask, config('recipe', settings), join(root, 'recipe')).result;
    expect(summary.map(({ arm, labelled, overPatients }) => [arm, labelled, overPatients !== null])).toEqual([
      ['standard', 2, false],
      ['loss=paper', 2, true],
      ['learningRate=0', 2, true],
    ]);
    const kept = JSON.parse(readFileSync(join(root, 'recipe', 'out', 'split.json'), 'utf8')) as { test: string[]; labelled: string[][] };
    expect(kept.test).toEqual(['case-003', 'case-004']);
    expect(kept.labelled.map((patients) => patients.length)).toEqual([2]);
    expect(readFileSync(join(root, 'recipe', 'out', 'report.md'), 'utf8')).toContain('Patients that only measure: case-003, case-004.');
    expect(() => experimentTask.parse(config('recipe', { ...settings, arms: ['size=3'] }))).toThrow('no change of the recipe');
  });

  it('ablation: three networks, and too few cases are named', { timeout: 900_000 }, async () => {
    const { summary } = await runTask(experimentTask, config('ablation', { seeds: 1 }), join(root, 'ablation')).result;
    expect(summary.map(({ arm }) => arm)).toEqual(['LoGoNet', 'ULKANet', 'U-Net']);
    await expect(runTask(experimentTask, config('ablation', { testCases: 7 }), join(root, 'few')).result).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });
});
