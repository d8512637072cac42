import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { budgetMinutes } from '#main/jobs/improvePlan.ts';
import { comparisonOf } from '#main/project/results/comparisonResult.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import { trySubmission } from '#main/jobs/submit/trySubmission.ts';
import type { Submit } from '#main/project/handOver.ts';
import { trainingWarning } from '#main/project/care/diskNeeds.ts';
import { planImprovement, startImprovement, startRanking, type ImproveOptions } from '#main/project/improvement.ts';
import { describeNight } from '#main/project/night.ts';
import type { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import type { Workbench } from '#main/project/workbench.ts';

type Input = Parameters<ServiceHandlers<'jobs'>['plan']>[0];

function submitOptions({ to, folder, mapped }: NonNullable<Parameters<ServiceHandlers<'jobs'>['improve']>[0]['submit']>): Submit {
  return { target: to, mapped, ...(folder !== '' && { sharedFolder: requireAbsolute(folder) }) };
}

export function jobsService(workbench: Workbench, settings: SettingsKeeper): ServiceHandlers<'jobs'> {
  const optionsFor = ({ budget, device, channels, missingChannels, variant }: Input): ImproveOptions => ({
    minutes: budgetMinutes(budget),
    device: device ?? workbench.device,
    memoryBytes: settings.current.memoryBytes,
    ...(channels && { channels }),
    ...(missingChannels && { missingChannels }),
    ...(variant && { variant }),
  });
  return {
    plan: async (input) => {
      const { project } = workbench.require();
      const [plan, space] = [await planImprovement(project, optionsFor(input)), await trainingWarning(project)];
      return space === null ? plan : { ...plan, remarks: [space, ...plan.remarks] };
    },
    improve: async ({ submit, ...input }) => {
      const options = optionsFor(input);
      const jobId = await startImprovement(
        workbench.require(),
        // What computes there is not known here.
        submit === undefined ? options : { ...options, device: input.device ?? 'auto', submit: submitOptions(submit) },
      );
      workbench.casesChanged(null);
      return { jobId };
    },
    trySubmit: async ({ to, folder }, { signal }) =>
      trySubmission(to, folder === '' ? null : requireAbsolute(folder), settings.folder, signal),
    rank: async () => ({ jobId: await startRanking(workbench.require(), workbench.device) }),
    night: () => describeNight(workbench.require().night),
    planNight: async (plan) => {
      const { night } = workbench.require();
      await night.setPlan(plan);
      return describeNight(night);
    },
    nightSeen: async () => {
      await workbench.require().night.seen();
      return {};
    },
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
