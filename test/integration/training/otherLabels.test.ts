import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadModel } from '#main/model/modelFolder.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '../../support/improve.ts';
import { writeTinyModel } from '../../support/tinyModel.ts';

let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'labels-'));
  cases = await phantoms(join(root, 'scans'), 2, 3);
  await writeTinyModel(join(root, 'model'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

it('a training that starts from a model with other labels takes over what it knows, label by label', async () => {
  const labels = [
    { value: 1, name: 'kidney' },
    { value: 5, name: 'cyst' },
    { value: 2, name: 'stone' },
  ].map((label) => ({ ...label, color: '#e69f00', locked: false }));
  expect(labelSet.labels.map(({ value }) => value)).toEqual([1, 2]); // what the masks hold
  const folder = join(root, 'job');
  await runTask(
    trainTask,
    {
      cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })),
      labelSet: { labels },
      from: join(root, 'model'),
      validationFraction: 0,
      budget: { steps: 1 },
      threads: 1,
      batch: 1,
      adjust: { learningRate: 0, averageSteps: 0 },
    },
    folder,
  ).result;
  const [before, after] = [await loadModel(join(root, 'model')), await loadModel(join(folder, 'out'))];
  expect([before.card.classToLabel, after.card.classToLabel]).toEqual([
    [0, 1, 2],
    [0, 1, 2, 5],
  ]);
  const bias = (model: typeof before): number[] => [...(model.weights.get('head.cls.bias')?.data ?? [])];
  expect(bias(before).every((value) => value !== 0)).toBe(true);
  expect(bias(after)).toEqual([...bias(before), 0]);
});
