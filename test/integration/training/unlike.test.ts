import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { predictTask } from '#main/jobs/tasks/predict.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { loadModel, saveModel } from '#main/model/modelFolder.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '../../support/improve.ts';

const root = mkdtempSync(join(tmpdir(), 'unlike-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

async function trained(name: string, cases: readonly PhantomCase[], from?: string): Promise<string> {
  await runTask(
    trainTask,
    {
      cases: cases.map(({ name: title, image, mask }) => ({ name: title, image, labels: mask })),
      labelSet,
      validationFraction: 0,
      variant: 'tiny',
      patch: [16, 16, 16],
      batch: 1,
      budget: { steps: 1 },
      threads: 1,
      from,
    },
    join(root, name),
  ).result;
  return join(root, name, 'out');
}

/** What is said before the images are predicted. */
async function saidOf(model: string, images: readonly string[], folder: string): Promise<string[]> {
  const { result, alarms } = runTask(
    predictTask,
    { model, images: images.map((path) => ({ path })), threads: 1, mirror: false },
    join(root, folder),
  );
  expect((await result).predictions).toHaveLength(images.length);
  return alarms.map(({ message }) => message);
}

it(
  'a scan unlike what the model learned from is said before it is predicted, until the model has learned from such ones',
  { timeout: 300_000 },
  async () => {
    const cases = await phantoms(join(root, 'scans'), 6, 3);
    const coarse: PhantomCase[] = [];
    for (const each of cases.slice(4)) {
      const stretched = async (path: string): Promise<string> => {
        const { volume } = await readImage(path, { cancellation: neverCancelled });
        const { affine } = volume.grid;
        const to = path.replace('case', 'coarse');
        await writeVolume(to, {
          grid: { ...volume.grid, affine: affine.map((value) => 3 * value) as unknown as typeof affine },
          data: volume.data,
        });
        return to;
      };
      coarse.push({ ...each, image: await stretched(each.image), mask: await stretched(each.mask) });
    }
    const model = await trained('first', cases.slice(0, 3));
    const unseen = [cases[3]?.image ?? '', coarse[0]?.image ?? ''];
    expect(await saidOf(model, unseen, 'predicted')).toEqual([
      'coarse-004.nii is unlike the scans that this model learned from: its voxels are 3.0×3.0×3.0 mm, and the model learned from 1.0×1.0×1.0 mm; it is 45×48×42 mm large, and the model learned from 15×16×14 mm. Look closely at what it finds.',
    ]);
    const both = await trained('both', coarse.slice(1), model);
    expect((await loadModel(both)).card.scans?.spacing).toEqual({ low: [1, 1, 1], high: [3, 3, 3] });
    expect(await saidOf(both, unseen, 'predictedByBoth')).toEqual([]);
    // A model of an earlier version does not say what it learned from, and one that goes on from it cannot.
    const { card, weights } = await loadModel(model);
    const { scans: _, ...earlier } = card;
    await saveModel(join(root, 'earlier'), earlier, weights);
    expect(await saidOf(join(root, 'earlier'), unseen, 'predictedByEarlier')).toEqual([]);
    expect((await loadModel(await trained('on', coarse, join(root, 'earlier')))).card.scans).toBeUndefined();
  },
);
