import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { comparisonOf } from './comparisonResult.ts';
import type { Workbench } from './workbench.ts';

export function jobsService(workbench: Workbench): Omit<ServiceHandlers<'jobs'>, 'plan' | 'improve'> {
  return {
    list: ({ limit }) => ({ jobs: workbench.require().queue.list(limit) }),
    get: async ({ jobId }) => {
      const { queue } = workbench.require();
      const { points, alarms } = await queue.log(jobId);
      return { job: queue.get(jobId), points, alarms, comparison: comparisonOf(await queue.result(jobId).catch(() => null)) };
    },
    cancel: async ({ jobId }) => {
      await workbench.require().queue.cancel(jobId);
      return {};
    },
    pause: async ({ jobId }) => {
      await workbench.require().queue.pause(jobId);
      return {};
    },
    resume: ({ jobId }) => {
      workbench.require().queue.resume(jobId);
      return {};
    },
  };
}
