import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { everyCase } from '#main/library/index.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import { exportWarning } from '#main/project/care/diskNeeds.ts';
import { cleanDisk, diskUsage } from '#main/project/care/diskUsage.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function diskService(workbench: Workbench): ServiceHandlers<'disk'> {
  return {
    usage: () => diskUsage(workbench.require().project),
    clean: ({ kinds }) => cleanDisk(workbench.require(), kinds),
    exportWarning: async ({ format, destination, caseIds }) => {
      const { project } = workbench.require();
      const accepted = everyCase(project.read).filter(({ status }) => status === 'accepted');
      return {
        warning: await exportWarning(project, {
          format,
          destination: requireAbsolute(destination),
          caseIds: caseIds ?? accepted.map(({ id }) => id),
        }),
      };
    },
  };
}
