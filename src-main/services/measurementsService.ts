import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { keepMeasurements, readMeasurements } from '#main/exchange/measurementsFile.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function measurementsService(workbench: Workbench): ServiceHandlers<'measurements'> {
  return {
    get: async ({ caseId }) => ({ measurements: await readMeasurements(workbench.require().project, caseId) }),
    set: async ({ caseId, measurements }) => {
      await keepMeasurements(workbench.require().project, caseId, measurements);
      return {};
    },
  };
}
