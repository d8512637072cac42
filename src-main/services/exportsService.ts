import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { exportCases } from '#main/exchange/exportCases.ts';
import { everyCase } from '#main/library/index.ts';
import { keepPseudonyms } from '#main/exchange/pseudonymFile.ts';
import { caseFormats, projectFormats } from '#main/exchange/exportFormats.ts';
import { keepsValues } from '#main/exchange/sourceValues.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function exportsService(workbench: Workbench, dataFolder: string): ServiceHandlers<'exports'> {
  return {
    formats: () => ({
      formats: [
        ...caseFormats.map(({ id, name, description, byRegion }) => ({
          ...{ id, name, description, scope: 'case' as const },
          keepsValues: keepsValues(id),
          byRegion: byRegion === 'asked',
        })),
        ...projectFormats.map((format) => ({ ...format, keepsValues: false, byRegion: false })),
      ],
    }),
    run: async ({ cases, ...request }, { signal, report }) => {
      const session = workbench.require();
      const caseIds =
        cases.kind === 'these'
          ? cases.caseIds
          : everyCase(session.project.read)
              .filter(({ status }) => status === 'accepted')
              .map(({ id }) => id);
      const outcome = await exportCases(session, { ...request, caseIds }, { cancellation: signal, report });
      return { ...outcome, pseudonyms: await keepPseudonyms(dataFolder, session.project, { ...request, caseIds }, outcome) };
    },
  };
}
