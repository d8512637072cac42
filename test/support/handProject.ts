import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Affine, Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { listCases, openProject } from '#main/library/index.ts';
import { addFinishedRuns } from './finishedRuns.ts';
import { storePrediction } from './storePrediction.ts';
import { startStudio, writeLabelList } from './studio.ts';
import { syntheticCase } from './syntheticCase.ts';

/**
 * A small project for hands: four labels; `patient 01` with a mask, `patient 02` without, `mirrored` with a mask on a grid of negative
 * determinant; three models with their runs, and a prediction of the first in use for each patient. Answers with its folder.
 */
export async function makeHandProject(folder: string): Promise<string> {
  const project = join(folder, 'project');
  const incoming = join(folder, 'incoming');
  for (const part of ['images', 'labels']) mkdirSync(join(incoming, part), { recursive: true });
  const write = async (name: string, size: Triple, withMask: boolean, flip: boolean): Promise<void> => {
    const { image, mask } = syntheticCase(size, [4, 4, 5]);
    const affine = image.grid.affine.map((value, at) => (flip && at < 4 ? -value : value)) as unknown as Affine;
    const grid = { ...image.grid, affine };
    await writeVolume(join(incoming, 'images', name), { ...image, grid });
    if (withMask) await writeVolume(join(incoming, 'labels', name), { ...mask, grid });
  };
  await write('patient 01.nrrd', [64, 60, 48], true, false);
  await write('patient 02.nrrd', [65, 60, 48], false, false);
  await write('mirrored.nrrd', [66, 60, 48], true, true);
  const { labels } = syntheticCase([4, 4, 4], [1, 1, 1]);
  writeLabelList(join(incoming, 'labels'), labels);
  const { client, studio } = startStudio(join(folder, 'studio'));
  await client.projects.create({ path: project, name: 'Abdomen', labels });
  await client.library.import({ sources: [incoming] });
  await studio.close();
  const library = openProject(project, { author: 'test' });
  addFinishedRuns(library);
  for (const { id, name } of listCases(library.read).cases)
    if (name.startsWith('patient'))
      await storePrediction(library, id, syntheticCase(name.endsWith('1') ? [64, 60, 48] : [65, 60, 48], [4, 4, 5]));
  library.close();
  return project;
}
