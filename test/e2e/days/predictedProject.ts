import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { listCases, openProject } from '#main/library/index.ts';
import { labelPalette } from '#shared/domain/labelPalette.ts';
import { addFinishedRuns } from '../../support/finishedRuns.ts';
import { storePrediction } from '../../support/storePrediction.ts';
import { startStudio } from '../../support/studio.ts';
import { dayPhantom, labelNames } from './phantom.ts';

export interface PredictedProject {
  readonly project: string;
  readonly incoming: string;
  /** Predictions by case name. */
  readonly predictions: ReadonlyMap<string, Volume<Uint8Array>>;
}

/** A project in `folder` of cases that a model has predicted and nobody corrected; each prediction lies a voxel beside the truth. */
export async function makePredictedProject(
  folder: string,
  options: {
    readonly cases: number;
    readonly labels: number;
    readonly size: Triple;
    readonly spacing: Triple;
    readonly mode?: 'copy' | 'reference';
    /** Where the project lies; inside the folder unless given. */
    readonly project?: string;
  },
): Promise<PredictedProject> {
  const incoming = join(folder, 'incoming');
  const project = options.project ?? join(folder, 'project');
  mkdirSync(incoming, { recursive: true });
  const predictions = new Map<string, Volume<Uint8Array>>();
  for (let index = 0; index < options.cases; index++) {
    const name = `patient ${String(index + 1).padStart(3, '0')}`;
    const { image, mask } = dayPhantom(
      [options.size[0] + (index % 8), options.size[1], options.size[2]],
      options.spacing,
      500 + index,
      options.labels,
    );
    await writeVolume(join(incoming, `${name}.nii.gz`), image);
    const shifted = new Uint8Array(mask.data.length);
    shifted.set(mask.data.subarray(0, -1), 1);
    predictions.set(name, { grid: mask.grid, data: shifted });
  }
  const { client, studio } = startStudio(join(folder, 'studio'));
  const labels = labelNames(options.labels).map((name, index) => ({
    value: index + 1,
    name,
    color: labelPalette[index % labelPalette.length] ?? '#ffffff',
    locked: false,
  }));
  await client.projects.create({ path: project, name: 'Reading', labels });
  await client.library.import({ sources: [incoming], mode: options.mode ?? 'copy' });
  await studio.close();
  const library = openProject(project, { author: 'test' });
  addFinishedRuns(library);
  for (const { id, name } of listCases(library.read, { limit: 1000 }).cases) {
    const prediction = predictions.get(name);
    if (prediction === undefined) throw new Error(`No prediction of ${name}.`);
    const uncertainty = {
      grid: prediction.grid,
      data: prediction.data.map((value, at) => (value !== (prediction.data[at + 1] ?? 0) ? 200 : 0)),
    };
    await storePrediction(library, id, { prediction, uncertainty });
  }
  library.close();
  return { project, incoming, predictions };
}
