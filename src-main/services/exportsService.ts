import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { exportCases } from './exportCases.ts';
import { caseFormats, projectFormats } from './exportFormats.ts';
import { everyCase } from './improvement.ts';
import type { Workbench } from './workbench.ts';

export function exportsService(workbench: Workbench): ServiceHandlers<'exports'> {
  return {
    formats: () => ({
      formats: [
        ...caseFormats.map(({ id, name, description }) => ({ id, name, description, scope: 'case' as const })),
        ...projectFormats.map((format) => ({ ...format, scope: 'project' as const })),
      ],
    }),
    run: ({ cases, ...request }, { signal, report }) => {
      const session = workbench.require();
      const caseIds = cases.kind === 'these' ? cases.caseIds : everyCase(session.project).filter(({ status }) => status === 'accepted').map(({ id }) => id);
      return exportCases(session, { ...request, caseIds }, { cancellation: signal, report });
    },
  };
}
