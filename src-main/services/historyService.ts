import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import { casesHolding, editEverywhere } from '#main/project/care/everywhere.ts';
import { historyOf, redoStep, undoStep } from '#main/project/care/projectHistory.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function historyService(workbench: Workbench, publish: Publish): ServiceHandlers<'history'> {
  /** Steps change labels, cases and masks: whoever shows them reads them again. */
  const changed = <T>(result: T): T => {
    publish('history.changed', {});
    workbench.casesChanged(null);
    workbench.projectChanged();
    return result;
  };
  return {
    list: () => ({
      steps: historyOf(workbench.require().project).map(({ id, at, who, kind, name, state }) => ({
        id,
        at,
        who,
        kind,
        name,
        state: state === 'done' ? 'done' : 'undone',
      })),
    }),
    undo: async (_input, { signal, report }) => changed(await undoStep(workbench.require(), { cancellation: signal, report })),
    redo: async (_input, { signal, report }) => changed(await redoStep(workbench.require(), { cancellation: signal, report })),
    holding: async ({ label }, { signal, report }) => ({
      cases: await casesHolding(workbench.require(), label, { cancellation: signal, report }),
    }),
    edit: async (edit, { signal, report }) => changed(await editEverywhere(workbench.require(), edit, { cancellation: signal, report })),
  };
}
