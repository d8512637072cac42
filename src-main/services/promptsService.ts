import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import { lessonsVerdict, pointingVerdict } from '#shared/domain/pointing.ts';
import { lessonsOf } from '#main/project/pointing/lessons.ts';
import { startPointing } from '#main/project/pointing/improvePointing.ts';
import { readPointing, takeBackVersion, useVersion } from '#main/project/pointing/versions.ts';
import { askPromptNetwork, promptNetwork } from '#main/project/promptNetwork.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function promptsService(workbench: Workbench, dataFolder: string, publish: Publish): ServiceHandlers<'prompts'> {
  return {
    network: async () => ({ side: (await promptNetwork(dataFolder, workbench.current?.project ?? null))?.side ?? null }),
    ask: async ({ input }) => ({ chance: await askPromptNetwork(workbench.require(), workbench.device, dataFolder, input) }),
    lessons: () => {
      const current = workbench.current?.project;
      return { lessons: current === undefined ? [] : lessonsOf(current) };
    },
    versions: async () => {
      const { project } = workbench.require();
      const { inUse, before, versions } = readPointing(project);
      return {
        from: (await promptNetwork(dataFolder, project))?.from ?? null,
        inUse,
        knows: lessonsOf(project).map(({ label }) => label),
        canGoBack: before.length > 0,
        versions: versions.map(({ jobId: _, weightsHash: __, lessons, ...each }) => ({
          ...each,
          verdict: `${pointingVerdict(each.measured)} ${lessonsVerdict(lessons)}`.trim(),
        })),
      };
    },
    improve: async ({ device, ...options }) => {
      const jobId = await startPointing(workbench.require(), { ...options, device: device ?? workbench.device });
      workbench.casesChanged(null);
      return { jobId };
    },
    use: async ({ version }) => {
      await useVersion(workbench.require().project, version);
      publish('prompts.changed', {});
      return {};
    },
    takeBack: async () => {
      await takeBackVersion(workbench.require().project);
      publish('prompts.changed', {});
      return {};
    },
  };
}
