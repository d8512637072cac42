import { must } from '#shared/base/assert.ts';
import { neverCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError, fromWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { lackingText } from '#shared/domain/trainingCase.ts';
import type { LabelVolume, VoxelArray } from '#shared/geometry/grid.ts';
import { submitJob } from '#main/jobs/run.ts';
import { readMaskFile } from '#main/document/index.ts';
import { checkCaseImages } from '#main/exchange/caseImages.ts';
import { withoutLabels } from '#main/exchange/withoutLabels.ts';
import { readImage } from '#main/imageio/readImage.ts';
import {
  getCase,
  getModel,
  imageOf,
  latestPrediction,
  listImages,
  listRemovedLabels,
  promotedModel,
  type Project,
} from '#main/library/index.ts';
import { channelsOfCard, filesOfCase, lackedImages } from './caseFiles.ts';
import { readRegions } from './results/jobResults.ts';
import type { ProjectSession } from './session.ts';

/** Enqueues a prediction job. `conflict` where there is no model; for a single case also what `checkCaseImages` throws. */
export async function submitPrediction(
  { project, queue }: ProjectSession,
  device: string,
  caseIds: readonly string[],
  modelId: string | undefined,
  priority: 'interactive' | 'background',
) {
  const model = modelId === undefined ? promotedModel(project.read) : getModel(project.read, modelId);
  if (model === undefined)
    throw new StudioError('conflict', 'There is no model yet. Accept a few corrected cases and press Improve, or import a model.');
  // Of many, one that cannot be used is named and left out when its turn comes.
  if (caseIds.length === 1) await checkCaseImages(project, caseIds[0] ?? '', neverCancelled);
  const images = caseIds.map((caseId) => {
    const own = listImages(project.read, getCase(project.read, caseId).id);
    const { image, ...known } = must(filesOfCase(project, own.length > 0 ? own : [imageOf(project.read, caseId)]), 'files');
    const lacking = lackedImages(own, channelsOfCard(model));
    if (caseIds.length === 1 && lacking.length > 0)
      throw new StudioError('unsupported', `The model “${model.name}” cannot predict this case: ${lackingText(own, lacking)}.`);
    return { name: caseId, path: image, ...known };
  });
  return submitJob(queue, {
    kind: 'predict',
    title: caseIds.length === 1 ? 'Predict a case' : `Predict ${String(caseIds.length)} cases`,
    priority,
    config: { modelId: model.id, model: project.paths.model(model.id), images, device, uncertainty: true },
  });
}

/** Resolves when the job's result is in the library; throws what it failed with. */
export async function finished(session: ProjectSession, jobId: string, report: ReportProgress): Promise<void> {
  const stop = session.watch(jobId, ({ phase, fraction, remainingSeconds }) => {
    report({ phase, fraction, ...(remainingSeconds === null ? {} : { remainingSeconds }) });
  });
  try {
    const job = await session.queue.wait(jobId);
    if (job.state === 'cancelled') throw new StudioError('cancelled', 'Cancelled.');
    if (job.state !== 'done')
      throw job.error === null ? new StudioError('internal', 'The prediction did not finish. Try again.') : fromWireError(job.error);
    await session.adopted(jobId);
  } finally {
    stop();
  }
}

/** Voxels of a layer of the newest prediction; labels that were removed since are background. Throws `not-found`. */
export async function readPredictionLayer(
  project: Project,
  caseId: string,
  layer: 'labels' | 'uncertainty',
  cancellation: Cancellation,
): Promise<Uint8Array> {
  const [prediction, mask] = [latestPrediction(project.read, caseId), layer === 'labels' ? await predictedMask(project, caseId) : null];
  if (prediction === undefined) throw new StudioError('not-found', 'This case has not been predicted yet.');
  if (mask !== null) return asBytes(mask.data);
  if (prediction.uncertaintyPath === null)
    throw new StudioError('not-found', 'This prediction has no uncertainty map. Predict the case again to get one.');
  return asBytes((await readImage(project.paths.inside(prediction.uncertaintyPath), { cancellation })).volume.data);
}

const asBytes = (data: VoxelArray): Uint8Array => (data instanceof Uint8Array ? data : Uint8Array.from(data));

/** What a model that was made before goes on finding, but the project no longer has. */
function removedValues(project: Project): number[] {
  return listRemovedLabels(project.read).map(({ value }) => value);
}

/** The newest prediction as a mask, without labels that were removed since; null where there is none. */
export async function predictedMask(project: Project, caseId: string): Promise<LabelVolume | null> {
  const prediction = latestPrediction(project.read, caseId);
  return prediction === undefined ? null : withoutLabels(await readMaskFile(project.paths.inside(prediction.path)), removedValues(project));
}

/** Labels of the newest prediction that the project still has; none where nothing is predicted. */
export function predictedLabels(project: Project, caseId: string): number[] {
  const removed = removedValues(project);
  return (latestPrediction(project.read, caseId)?.labels ?? []).filter((value) => !removed.includes(value));
}

/** The newest prediction of a case and what it found, or null. Throws `not-found` for an unknown case. */
export async function describePrediction(project: Project, caseId: string) {
  getCase(project.read, caseId);
  const record = latestPrediction(project.read, caseId);
  if (record === undefined) return null;
  const { name } = getModel(project.read, record.modelId);
  return {
    caseId,
    modelId: record.modelId,
    modelName: name,
    at: record.createdAt,
    grid: imageOf(project.read, caseId).grid,
    labels: predictedLabels(project, caseId),
    uncertainty: record.uncertainty,
    hasUncertaintyMap: record.uncertaintyPath !== null,
    regions: await readRegions(project, record.path),
  };
}
