import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Volume } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { addPrediction, promotedModel, type Project } from '#main/library/index.ts';
import { makePredictionLayers } from '#main/project/results/predictionLayers.ts';

/** Gives a case a prediction of the model in use, as the project keeps what a prediction job has written. */
export async function storePrediction(
  library: Project,
  caseId: string,
  { prediction, uncertainty }: { readonly prediction: Volume<Uint8Array>; readonly uncertainty: Volume<Uint8Array> },
): Promise<void> {
  const folder = join(library.paths.case(caseId), 'predictions');
  mkdirSync(folder, { recursive: true });
  const [mask, map] = [join(folder, 'raw.nii.gz'), join(folder, 'one.uncertainty.nii.gz')];
  await writeVolume(mask, prediction);
  await writeVolume(map, uncertainty);
  const layers = await makePredictionLayers({ mask, uncertainty: map, output: join(folder, 'one.mask') });
  writeFileSync(join(folder, 'one.json'), JSON.stringify(layers.regions));
  const model = promotedModel(library.read);
  addPrediction(library.write, {
    caseId,
    modelId: model?.id ?? '',
    path: library.paths.relative(join(folder, 'one.mask')),
    uncertaintyPath: library.paths.relative(map),
    contentHash: layers.contentHash,
    weightsHash: model?.weightsHash ?? '',
    uncertainty: layers.uncertainty,
    labels: layers.labels,
  });
}
