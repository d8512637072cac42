import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { Job } from '#shared/domain/job.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { imageStem } from '#main/imageio/endings.ts';
import { readJobFile, readResult } from '#main/jobs/jobFolder.ts';
import { addPrediction, getModel, newId, setRanking, type Project } from '#main/library/index.ts';
import { adoptPointing } from './adoptPointing.ts';
import { adoptModel } from './adoptModel.ts';
import type { AdoptionEvents } from './adoptionEvents.ts';
import { makePredictionLayers } from './predictionLayers.ts';

const predictConfig = v.object({ modelId: v.string() });
const predictResult = v.object({
  predictions: v.array(v.object({ mask: v.string(), uncertainty: v.nullable(v.string()) })),
  skipped: v.array(v.object({ path: v.string(), reason: v.string() })),
});

const rankResult = v.object({ order: v.array(v.object({ id: v.string(), rank: v.number(), reason: v.string() })) });

const marker = 'adopted';

/**
 * Brings what a finished job made into the library, once: the marker in its folder is written last, so that after a crash it is done
 * again rather than lost. Files are moved out of the job's folder.
 */
export async function adoptResult(project: Project, job: Job, events: AdoptionEvents): Promise<void> {
  const folder = project.paths.job(job.id);
  if (job.state !== 'done' || existsSync(join(folder, marker))) return;
  if (job.kind === 'predict') await adoptPredictions(project, folder, events);
  if (job.kind === 'train' || job.kind === 'improve') await adoptModel(project, job, folder, events);
  if (job.kind === 'improvePrompts') await adoptPointing(project, job, folder, events);
  if (job.kind === 'rank') {
    const { order } = v.parse(rankResult, await readResult(folder));
    setRanking(
      project.write,
      order.map(({ id, rank, reason }) => ({ caseId: id, score: 1 / rank, reason })),
    );
    events.casesChanged(null);
  }
  await writeFileAtomically(join(folder, marker), '');
}

async function adoptPredictions(project: Project, folder: string, events: AdoptionEvents): Promise<void> {
  const { modelId } = v.parse(predictConfig, (await readJobFile(folder)).config);
  const { predictions, skipped } = v.parse(predictResult, await readResult(folder));
  const model = getModel(project.read, modelId);
  for (const { mask, uncertainty } of predictions) {
    const caseId = imageStem(mask);
    if (!existsSync(mask)) continue; // adopted before a crash
    const target = join(project.paths.case(caseId), 'predictions');
    makeFolderBelow(project.paths.folder, target);
    const name = newId();
    const layers = await makePredictionLayers({ mask, uncertainty, output: join(target, `${name}.mask`) });
    if (uncertainty !== null) await rename(uncertainty, join(target, `${name}.uncertainty.nii.gz`));
    await writeFile(join(target, `${name}.json`), JSON.stringify(layers.regions));
    addPrediction(project.write, {
      caseId,
      modelId,
      path: project.paths.relative(join(target, `${name}.mask`)),
      uncertaintyPath: uncertainty === null ? null : project.paths.relative(join(target, `${name}.uncertainty.nii.gz`)),
      contentHash: layers.contentHash,
      weightsHash: model.weightsHash,
      uncertainty: layers.uncertainty,
      labels: layers.labels,
    });
    await rm(mask, { force: true });
    events.predicted(caseId, modelId);
    events.casesChanged([caseId]);
  }
  for (const { path, reason } of skipped) await events.problem(path, `Not predicted: ${reason}`);
}

const storedRegions = v.array(v.object({ centre: v.tuple([v.number(), v.number(), v.number()]), voxels: v.number(), score: v.number() }));

/** The stops of the uncertainty tour that were found when the prediction was stored. */
export async function readRegions(project: Project, predictionPath: string): Promise<v.InferOutput<typeof storedRegions>> {
  try {
    return v.parse(storedRegions, JSON.parse(await readFile(project.paths.inside(predictionPath.replace(/\.mask$/, '.json')), 'utf8')));
  } catch (error) {
    if (error instanceof StudioError) throw error;
    return [];
  }
}
