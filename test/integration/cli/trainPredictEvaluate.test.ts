import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { logonet, writePhantoms } from '../../support/commandLine.ts';
import type { KillAt } from '../../support/killAtCheckpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-path-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let images = '';
let labels = '';
const quick = ['--variant', 'tiny', '--patch', '16x32x32', '--threads', '1'];

beforeAll(async () => {
  ({ images, labels } = await writePhantoms(folder, [1, 2, 3, 4, 5], 9));
});

const train = (out: string, ...more: string[]): string[] => [
  'train',
  '--images',
  images,
  '--labels',
  labels,
  '--out',
  join(folder, out),
  ...quick,
  ...more,
];

// Generous, for a machine that is busy with other things.
describe('train, predict, evaluate', { timeout: 1_800_000 }, () => {
  it("goes the whole way: a model, masks on the images' own grids, and their Dice", { timeout: 300_000 }, async () => {
    const trained = await logonet([...train('model', '--steps', '50', '--adjust', 'averageSteps=10'), '--json']);
    expect(trained.stderr).not.toMatch(/logonet:/);
    expect(trained.code).toBe(0);
    const result = JSON.parse(trained.stdout);
    expect(result).toMatchObject({ steps: 50, trainingCases: 4, variant: 'tiny', skipped: [] });
    expect(result.validationCases).toHaveLength(1);
    expect(result.curve.length).toBeGreaterThan(1);
    expect(result.curve.at(-1).loss).toBeLessThan(result.curve[0].loss);
    const card = JSON.parse(readFileSync(join(folder, 'model', 'model.json'), 'utf8'));
    expect(card).toMatchObject({ format: 1, classToLabel: [0, 1, 2, 3, 4, 5], patch: [16, 32, 32], intensity: { kind: 'window' } });

    const files = [1, 2, 3, 4, 5].map((seed) => join(images, `case_${seed}.nii.gz`));
    const predicted = await logonet([
      'predict',
      '--model',
      join(folder, 'model'),
      '--out',
      join(folder, 'masks'),
      '--uncertainty',
      '--json',
      ...files,
    ]);
    expect(predicted.code).toBe(0);
    const { predictions } = JSON.parse(predicted.stdout);
    expect(predictions).toHaveLength(5);
    for (const [index, { mask, uncertainty }] of predictions.entries()) {
      const image = await readImage(files[index]!);
      expect(sameGrid(image.volume.grid, (await readLabels(mask)).volume.grid)).toBe(true);
      expect(sameGrid(image.volume.grid, (await readImage(uncertainty)).volume.grid)).toBe(true);
    }

    const evaluated = await logonet(['evaluate', '--truth', labels, '--prediction', join(folder, 'masks'), '--json']);
    expect(evaluated.code).toBe(0);
    const report = JSON.parse(evaluated.stdout);
    expect(report.cases).toHaveLength(5);
    // Fifty steps of the smallest network find the liver, the largest organ, far better than an untrained one.
    expect(report.summary[0]).toMatchObject({ label: 1, cases: 5 });
    expect(report.summary[0].dice).toBeGreaterThan(0.4);
    const own = await logonet(['evaluate', '--truth', labels, '--prediction', labels, '--json']);
    expect(JSON.parse(own.stdout)).toMatchObject({ meanDice: 1, meanHd95: 0 });
  });

  it('ends with the same weights when it is killed and resumed', { timeout: 300_000 }, async () => {
    const steps = ['--steps', '30', '--seed', '3', '--validate-every', '10', '--checkpoint-seconds', '0'];
    const whole = await logonet(train('whole', ...steps));
    expect(whole.code).toBe(0);
    const resume = ['train', '--out', join(folder, 'killed'), '--resume'];
    for (const [attempt, killAt] of [
      { checkpoint: 4, when: 'saved' },
      { checkpoint: 3, when: 'writing' },
      { checkpoint: 2, when: 'saved', after: 10 },
    ].entries()) {
      expect((await logonet(attempt === 0 ? train('killed', ...steps) : resume, killAt as KillAt)).signal).toBe('SIGKILL');
    }
    const resumed = await logonet([...resume, '--json']);
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout).steps).toBe(30);
    expect(
      readFileSync(join(folder, 'killed', 'weights.safetensors')).equals(readFileSync(join(folder, 'whole', 'weights.safetensors'))),
    ).toBe(true);
  });

  it(
    'leaves out what cannot be used, naming each file in one sentence, and refuses when nothing is left',
    { timeout: 300_000 },
    async () => {
      const bad = join(folder, 'bad');
      mkdirSync(join(bad, 'images'), { recursive: true });
      mkdirSync(join(bad, 'labels'), { recursive: true });
      const copy = (name: string, image: Buffer, mask: Buffer): void => {
        writeFileSync(join(bad, 'images', `${name}.nii.gz`), image);
        writeFileSync(join(bad, 'labels', `${name}.nii.gz`), mask);
      };
      const image = readFileSync(join(images, 'case_1.nii.gz'));
      const mask = readFileSync(join(labels, 'case_1.nii.gz'));
      copy('good', image, mask);
      copy('truncated', image.subarray(0, image.length / 2), mask);
      copy('nonsense', Buffer.from('this is no image'), mask);
      copy('othergrid', image, readFileSync(join(labels, 'case_2.nii.gz')));
      const { volume } = await readImage(join(images, 'case_1.nii.gz'));
      await writeVolume(join(bad, 'images', 'nan.nii.gz'), { grid: volume.grid, data: new Float32Array(volume.data.length).fill(NaN) });
      writeFileSync(join(bad, 'labels', 'nan.nii.gz'), mask);
      const truth = await readLabels(join(labels, 'case_1.nii.gz'));
      copy('unknownlabel', image, mask);
      await writeVolume(join(bad, 'labels', 'unknownlabel.nii.gz'), {
        grid: truth.volume.grid,
        data: Uint8Array.from(truth.volume.data, (value) => (value === 5 ? 77 : value)),
      });
      writeFileSync(
        join(bad, 'dataset.json'),
        JSON.stringify({ name: 'bad', modality: { 0: 'CT' }, labels: { 0: 'background', 1: 'a', 2: 'b', 3: 'c', 4: 'd', 5: 'e' } }),
      );
      const args = [
        'train',
        '--images',
        join(bad, 'images'),
        '--labels',
        join(bad, 'labels'),
        '--dataset',
        join(bad, 'dataset.json'),
        ...quick,
        '--steps',
        '1',
        '--json',
      ];

      const some = await logonet([...args, '--out', join(folder, 'some')]);
      expect(some.code).toBe(0);
      const { skipped, trainingCases } = JSON.parse(some.stdout);
      expect(trainingCases).toBe(1);
      expect(skipped.map(({ path }: { path: string }) => path).sort()).toEqual(
        ['nan', 'nonsense', 'othergrid', 'truncated', 'unknownlabel'].map((name) => `${name}.nii.gz`),
      );
      for (const { path, reason } of skipped) {
        expect(reason).toContain(path.replace('.nii.gz', ''));
        expect(reason.trim().split('\n')).toHaveLength(1);
      }

      rmSync(join(bad, 'images', 'good.nii.gz'));
      rmSync(join(bad, 'labels', 'good.nii.gz'));
      const none = await logonet([...args, '--out', join(folder, 'none')]);
      expect(none.code).toBe(1);
      expect(JSON.parse(none.stdout).error.code).toBe('invalid-file');
      expect(existsSync(join(folder, 'none', 'model.json'))).toBe(false);
    },
  );

  it('keeps models apart: no second training into one folder, no resume without a checkpoint', async () => {
    expect((await logonet(train('model', '--steps', '1'))).code).toBe(2);
    expect((await logonet(['train', '--out', join(folder, 'nowhere'), '--resume'])).code).toBe(2);
  });
});
