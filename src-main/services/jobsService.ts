import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { budgetMinutes } from '#main/jobs/improvePlan.ts';
import { comparisonOf } from './comparisonResult.ts';
import { planImprovement, startImprovement, startRanking, type ImproveWish } from './improvement.ts';
import type { SettingsKeeper } from './settingsService.ts';
import type { Workbench } from './workbench.ts';

type Budget = Parameters<ServiceHandlers<'jobs'>['plan']>[0]['budget'];

export function jobsService(workbench: Workbench, settings: SettingsKeeper): ServiceHandlers<'jobs'> {
  const wish = (budget: Budget, device: string | undefined): ImproveWish => ({
    minutes: budgetMinutes(budget), device: device ?? workbench.device, memoryBytes: settings.current.memoryBytes,
  });
  return {
    plan: ({ budget, device }) => planImprovement(workbench.require().project, wish(budget, device)),
    improve: async ({ budget, device }) => {
      const jobId = await startImprovement(workbench.require(), wish(budget, device));
      workbench.casesChanged(null);
      return { jobId };
    },
    rank: async () => ({ jobId: await startRanking(workbench.require(), workbench.device) }),
    list: ({ limit }) => ({ jobs: workbench.require().queue.list(limit) }),
    get: async ({ jobId }) => {
      const { queue, adopted } = workbench.require();
      // A job that says "done" has its model or predictions in the library.
      await adopted(jobId).catch(() => undefined);
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
