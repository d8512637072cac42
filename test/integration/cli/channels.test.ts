import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeTwoChannels, type TwoChannelCase } from '#test/support/channels.ts';
import { logonet } from '#test/support/commandLine.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-channels-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(folder, ...parts);
const quick = ['--variant', 'tiny', '--patch', '16x32x32', '--batch', '2', '--threads', '1', '--seed', '1', '--adjust', 'averageSteps=5'];
const cardOf = (model: string): ModelCard => JSON.parse(readFileSync(at(model, 'model.json'), 'utf8')) as ModelCard;

let cases: TwoChannelCase[];
beforeAll(async () => {
  cases = await writeTwoChannels(at('data'), 6, [5]);
});

const train = (out: string, ...more: string[]) =>
  logonet(['train', '--dataset', at('data', 'dataset.json'), '--out', at(out), ...quick, ...more, '--json']);
const predict = (model: string, out: string, ...more: string[]) =>
  logonet(['predict', '--model', at(model), '--out', at(out), '--threads', '1', '--no-mirror', '--json', ...more]);

describe('several channels by the command line', { timeout: 1_800_000 }, () => {
  it('train together: what only one of them shows is found, and a case that lacks one is named, in training and in prediction', async () => {
    const trained = await train('both', '--steps', '80', '--validation', '0');
    expect(trained.stderr).not.toMatch(/logonet:/);
    expect(trained.code).toBe(0);
    const result = JSON.parse(trained.stdout);
    expect(result.trainingCases).toBe(5);
    expect(result.skipped).toEqual([{ path: 'case_5.nii.gz', reason: 'case_5: the case has no image “FLAIR”; it has “T1”' }]);
    const zscore = { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 };
    expect(cardOf('both')).toMatchObject({
      architecture: { inChannels: 2 },
      intensity: zscore,
      channels: [
        { name: 'T1', intensity: zscore },
        { name: 'FLAIR', intensity: zscore },
      ],
    });
    const predicted = await predict('both', 'both out', ...cases.map(({ t1 }) => t1));
    const { predictions, skipped } = JSON.parse(predicted.stdout);
    expect(predictions).toHaveLength(5);
    expect(skipped).toEqual([{ path: cases[5]?.t1, reason: expect.stringContaining('“FLAIR”') }]);
    expect(readdirSync(at('both out')).sort()).toEqual([0, 1, 2, 3, 4].map((n) => `case_${n}.nii.gz`));
    const measured = JSON.parse(
      (await logonet(['evaluate', '--truth', at('data', 'labelsTr'), '--prediction', at('both out'), '--missing', 'leave-out', '--json']))
        .stdout,
    );
    for (const { dice } of measured.summary) expect(dice).toBeGreaterThan(0.6);
  });

  it('train with zeros where one is missing, if asked; the model then bears a case without it, and says so', async () => {
    const trained = await train('zeros', '--steps', '30', '--validation', '0', '--missing-channels', 'zeros');
    expect(trained.code).toBe(0);
    expect(JSON.parse(trained.stdout)).toMatchObject({ trainingCases: 6, skipped: [] });
    expect(trained.stderr).toMatch(/“FLAIR” is missing in 1 of 6 cases/);
    expect(cardOf('zeros').channels).toMatchObject([{ name: 'T1' }, { name: 'FLAIR', optional: true }]);
    expect(cardOf('zeros').channels?.[0]).not.toHaveProperty('optional');
    const predicted = await predict('zeros', 'zeros out', cases[5]?.t1 ?? '');
    expect(predicted.code).toBe(0);
    expect(predicted.stderr).toMatch(/no “FLAIR”/);
    expect(JSON.parse(predicted.stdout).predictions).toHaveLength(1);
  });

  it('of which one alone is asked for: that one is taken of every case that has it, by name', async () => {
    const trained = await train('flair', '--steps', '6', '--validation', '0', '--channels', 'flair');
    expect(trained.code).toBe(0);
    expect(cardOf('flair')).toMatchObject({ architecture: { inChannels: 1 }, channels: [{ name: 'FLAIR' }] });
    const [first] = cases as [TwoChannelCase];
    const byNames = await predict('flair', 'flair out', '--channels', 'T1,FLAIR', first.t1);
    expect(byNames.code).toBe(0);
    // The same file, called anything, as the case's only image.
    mkdirSync(at('alone'));
    copyFileSync(first.flair, at('alone', 'scan.nii.gz'));
    expect((await predict('flair', 'alone out', at('alone', 'scan.nii.gz'))).code).toBe(0);
    const voxels = async (path: string): Promise<unknown> => (await readLabels(path)).volume.data;
    expect(await voxels(at('flair out', 'case_0.nii.gz'))).toEqual(await voxels(at('alone out', 'scan.nii.gz')));
    const unknown = await train('none', '--steps', '1', '--channels', 'T1,PET');
    expect([unknown.code, JSON.parse(unknown.stdout).error.message]).toEqual([2, expect.stringContaining('“PET”')]);
  });

  it('end with the same weights when the training is killed and resumed', async () => {
    const steps = ['--steps', '12', '--validation', '0', '--checkpoint-seconds', '0'];
    expect((await train('whole', ...steps)).code).toBe(0);
    const args = ['train', '--dataset', at('data', 'dataset.json'), '--out', at('killed'), ...quick, ...steps];
    expect((await logonet(args, { checkpoint: 1, when: 'saved' })).signal).toBe('SIGKILL');
    const resumed = await logonet(['train', '--out', at('killed'), '--resume', '--json']);
    expect(resumed.code).toBe(0);
    expect(readFileSync(at('killed', 'weights.safetensors')).equals(readFileSync(at('whole', 'weights.safetensors')))).toBe(true);
  });
});
