import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { readMask } from '#main/imageio/readMask.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { measureModel } from '#main/inference/cases/measureModel.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '../../support/improve.ts';
import { seenHooks } from '../../support/training/runs.ts';

const UNMARKED = 9;
let root: string;
let cases: PhantomCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'ignored-'));
  cases = await phantoms(join(root, 'scans'), 4, 3);
  // In the cases that train every fourth slice is marked, and of the others nothing is known.
  for (const { mask } of cases.slice(0, 3)) {
    const { volume } = await readMask(mask, neverCancelled);
    const slice = volume.grid.size[0] * volume.grid.size[1];
    const data = Uint8Array.from(volume.data, (value, at) => (Math.floor(at / slice) % 4 === 2 ? value : UNMARKED));
    await writeVolume(mask, { grid: volume.grid, data });
  }
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function trained(folder: string, more: { ignore?: number; labelSet?: LabelSet; steps?: number }) {
  const { steps = 150, ...settings } = more;
  return runTask(
    trainTask,
    {
      cases: cases.map(({ name, image, mask }) => ({ name, image, labels: mask })),
      labelSet,
      ...settings,
      validation: [cases[3]?.name ?? ''],
      variant: 'tiny',
      patch: [16, 16, 16],
      batch: 2,
      budget: { steps },
      validateEvery: 1000,
      threads: 1,
      adjust: { averageSteps: 8 },
    },
    join(root, folder),
  ).result;
}

it('cases of which only some slices are marked teach the whole organ', { timeout: 600_000 }, async () => {
  const { dice, skipped, trainingCases } = await trained('partly', { ignore: UNMARKED });
  expect([skipped, trainingCases]).toEqual([[], 3]);
  expect(dice?.['kidney']).toBeGreaterThan(0.7);
});

it('without being told what stands for unmarked voxels, such masks are left out', async () => {
  await expect(trained('strict', {})).rejects.toThrow(/none left to train on/);
});

it('a label named "ignore" stands for such voxels: the model has no class of it, and what it covers is not measured', async () => {
  const ignored = { value: UNMARKED, name: 'Ignore', color: '#000000', locked: false };
  const { trainingCases } = await trained('named', { labelSet: { labels: [...labelSet.labels, ignored] }, steps: 1 });
  expect(trainingCases).toBe(3);
  const folder = join(root, 'named', 'out');
  expect((await loadModel(folder)).card.labelSet).toEqual(labelSet);
  // Of a mask that is "ignore" throughout there is nothing to measure.
  const { volume } = await readMask(cases[3]?.mask ?? '', neverCancelled);
  const unmarked = join(root, 'unmarked.nii');
  await writeVolume(unmarked, { grid: volume.grid, data: new Uint8Array(volume.data.length).fill(UNMARKED) });
  const each = { id: '1', name: '1', image: cases[3]?.image ?? '', mask: unmarked };
  const [measured] = await withExecutor({ device: 'cpu', threads: 1 }, (executor) =>
    measureModel(executor, folder, [each], [1, 2], { phase: '', ignore: UNMARKED }, seenHooks()),
  );
  expect(measured?.metrics.map(({ dice }) => dice)).toEqual([null, null]);
});
