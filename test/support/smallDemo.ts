import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makePhantom, phantomLabelSet } from '#shared/domain/phantom.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { openProject } from '#main/library/index.ts';
import { importModel } from '#main/project/importModel.ts';
import { startStudio } from './studio.ts';

const shippedModel = resolve(import.meta.dirname, '../../resources/models/phantom');

/**
 * The demo project small, for tests that need a model that can predict and cases that can train it: `Phantom 01` to `03` with their truth, and
 * `Phantom 04` without. Answers with its folder, in `folder`.
 */
export async function makeSmallDemo(folder: string): Promise<string> {
  const [project, incoming] = [join(folder, 'project'), join(folder, 'incoming')];
  for (const part of ['images', 'labels']) mkdirSync(join(incoming, part), { recursive: true });
  for (let number = 1; number <= 4; number++) {
    const { image, labels } = makePhantom({ seed: 9000 + number, resolution: 6 });
    const name = `Phantom 0${String(number)}.nii.gz`;
    await writeVolume(join(incoming, 'images', name), image);
    if (number < 4) await writeVolume(join(incoming, 'labels', name), labels);
  }
  const { client, studio } = startStudio(join(folder, 'studio'));
  await client.projects.create({ path: project, name: 'Small demo', labels: [...phantomLabelSet.labels] });
  const keys = (await client.library.planImport({ sources: [incoming] })).labels;
  const labels = keys.map(({ key, values }) => ({
    key,
    target: phantomLabelSet.labels.find(({ value }) => value === values[0])?.name ?? null,
  }));
  await client.library.import({ sources: [incoming], labels });
  await studio.close();
  const library = openProject(project, { author: 'test' });
  await importModel(library, shippedModel, { name: 'Shipped phantom model' });
  library.close();
  return project;
}
