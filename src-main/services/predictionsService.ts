import { StudioError } from '#shared/base/errors.ts';
import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { describePrediction, finished, readPredictionLayer, submitPrediction } from '#main/project/predictions.ts';
import type { Workbench } from '#main/project/workbench.ts';
import { streamVoxels } from './voxelStream.ts';

export function predictionsService(workbench: Workbench): ServiceHandlers<'predictions'> {
  return {
    run: async ({ caseId, modelId }, { signal, report }) => {
      const session = workbench.require();
      const job = await submitPrediction(session, workbench.device, [caseId], modelId, 'interactive');
      const cancel = (): void => {
        void session.queue.cancel(job.id).catch(() => undefined);
      };
      signal.addEventListener('abort', cancel, { once: true });
      try {
        await finished(session, job.id, report);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
      const made = await describePrediction(session.project, caseId);
      if (made === null) throw new StudioError('invalid-file', 'This case could not be predicted; see Problems for the reason.');
      return made;
    },
    runMany: async ({ caseIds, modelId }) => ({
      jobId: (await submitPrediction(workbench.require(), workbench.device, caseIds, modelId, 'background')).id,
    }),
    get: ({ caseId }) => describePrediction(workbench.require().project, caseId),
    read: async ({ caseId, layer }, context) =>
      streamVoxels(await readPredictionLayer(workbench.require().project, caseId, layer, context.signal), context, { sparse: true }),
  };
}
