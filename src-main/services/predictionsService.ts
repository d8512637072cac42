import { StudioError, fromWireError } from '#shared/base/errors.ts';
import type { ServiceHandlers } from '#shared/contract/contract.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { readMaskFile } from '#main/document/index.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { getCase, getModel, latestPrediction, listRemovedLabels, promotedModel, type Project } from '#main/library/index.ts';
import { imageOf, imagePaths } from './imageCache.ts';
import { readRegions } from './jobResults.ts';
import { leaveOut } from './leaveOut.ts';
import { streamVoxels } from './voxelStream.ts';
import type { ProjectSession, Workbench } from './workbench.ts';

export function predictionsService(workbench: Workbench): ServiceHandlers<'predictions'> {
  return {
    run: async ({ caseId, modelId }, { signal, report }) => {
      const session = workbench.require();
      const job = await submitPrediction(session, workbench.device, [caseId], modelId, 'interactive');
      const cancel = (): void => { void session.queue.cancel(job.id).catch(() => undefined); };
      signal.addEventListener('abort', cancel, { once: true });
      try {
        await finished(session, job.id, report);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
      const made = await describe(session.project, caseId);
      if (made === null) throw new StudioError('invalid-file', 'This case could not be predicted; see Problems for the reason.');
      return made;
    },
    runMany: async ({ caseIds, modelId }) => ({ jobId: (await submitPrediction(workbench.require(), workbench.device, caseIds, modelId, 'background')).id }),
    get: ({ caseId }) => describe(workbench.require().project, caseId),
    read: async ({ caseId, layer }, context) => {
      const { project } = workbench.require();
      const prediction = latestPrediction(project.read, caseId);
      if (prediction === undefined) throw new StudioError('not-found', 'This case has not been predicted yet.');
      if (layer === 'labels') {
        const { data } = leaveOut(await readMaskFile(project.paths.inside(prediction.path)), removedValues(project));
        return streamVoxels(data instanceof Uint8Array ? data : Uint8Array.from(data), context, { sparse: true });
      }
      if (prediction.uncertaintyPath === null) throw new StudioError('not-found', 'This prediction has no uncertainty map. Predict the case again to get one.');
      const { volume } = await readImage(project.paths.inside(prediction.uncertaintyPath), { cancellation: context.signal });
      return streamVoxels(volume.data instanceof Uint8Array ? volume.data : Uint8Array.from(volume.data), context, { sparse: true });
    },
  };
}

/** Puts a prediction job in line. `conflict` where there is no model. */
export async function submitPrediction({ project, queue }: ProjectSession, device: string, caseIds: readonly string[], modelId: string | undefined, priority: 'interactive' | 'background') {
  const model = modelId === undefined ? promotedModel(project.read) : getModel(project.read, modelId);
  if (model === undefined) throw new StudioError('conflict', 'There is no model yet. Accept a few corrected cases and press Improve, or import a model.');
  const images = caseIds.map((caseId) => ({ name: getCase(project.read, caseId).id, path: [...imagePaths(project, imageOf(project, caseId))] }));
  return queue.submit({
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
    if (job.state !== 'done') throw job.error === null ? new StudioError('internal', 'The prediction did not finish. Try again.') : fromWireError(job.error);
    await session.adopted(jobId);
  } finally {
    stop();
  }
}

/** What a model that was made before goes on finding, but the project no longer has. */
function removedValues(project: Project): number[] {
  return listRemovedLabels(project.read).map(({ value }) => value);
}

async function describe(project: Project, caseId: string) {
  getCase(project.read, caseId);
  const record = latestPrediction(project.read, caseId);
  if (record === undefined) return null;
  const { name } = getModel(project.read, record.modelId);
  const removed = removedValues(project);
  return {
    caseId, modelId: record.modelId, modelName: name, at: record.createdAt, grid: imageOf(project, caseId).grid,
    labels: record.labels.filter((value) => !removed.includes(value)),
    uncertainty: record.uncertainty, hasUncertaintyMap: record.uncertaintyPath !== null, regions: await readRegions(project, record.path),
  };
}
