import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import { encodeMask } from '#shared/segmentation/index.ts';
import { noteScans, placementOfScan, scansOfPatient } from '#main/exchange/patientScans.ts';
import { tellOfScans } from '#main/project/followUp/patients.ts';
import { startMask } from '#main/project/followUp/startFrom.ts';
import { volumesOverTime } from '#main/exchange/volumesOverTime.ts';
import type { Workbench } from '#main/project/workbench.ts';
import { shownImage } from './imagesService.ts';

export function scansService(workbench: Workbench, publish: Publish): ServiceHandlers<'scans'> {
  return {
    list: async ({ caseId }, { signal }) => {
      const { project } = workbench.require();
      const ids = scansOfPatient(project, caseId).map((scan) => scan.caseId);
      if (ids.length > 1) await noteScans(project, ids, signal);
      const scans = scansOfPatient(project, caseId);
      const own = scans.find((scan) => scan.caseId === caseId);
      if (own === undefined) return { date: null, others: [] };
      return {
        date: own.date,
        others: scans
          .filter((scan) => scan !== own)
          .map((scan) => {
            const placement = placementOfScan(project, own, scan);
            const image = { ...scan.image, placement: placement ?? { by: 'hand' as const, toLeading: null } };
            return {
              caseId: scan.caseId,
              name: scan.name,
              date: scan.date,
              hasMask: scan.hasMask,
              image: shownImage(image),
              isPlaced: placement !== null,
            };
          }),
      };
    },
    start: async ({ caseId, scanId }, { signal }) => {
      const { name, volume } = await startMask(workbench.require(), caseId, scanId, signal);
      return { name, mask: encodeMask(volume) };
    },
    volumes: ({ caseId }) => ({ scans: volumesOverTime(workbench.require().project, caseId) }),
    tell: (told) => {
      workbench.casesChanged(tellOfScans(workbench.require().project, told));
      publish('history.changed', {});
      return {};
    },
  };
}
