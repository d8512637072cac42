import type { ServiceHandlers } from '#shared/contract/contract.ts';
import type { Workbench } from './workbench.ts';

export function documentService(workbench: Workbench): ServiceHandlers<'document'> {
  return {
    open: async ({ caseId }) => {
      const { recovery, ...opened } = await workbench.require().documents.open(caseId);
      return { caseId, ...opened, recovered: recovery === null ? null : { at: new Date(recovery.at).toISOString(), changes: recovery.changes, message: recovery.sentence } };
    },
    append: async ({ caseId, session, sequence, records }) => ({ sequence: await workbench.require().documents.append(caseId, session, sequence, records) }),
    snapshot: async ({ caseId, session }) => {
      await workbench.require().documents.snapshot(caseId, session);
      return {};
    },
    accept: async ({ caseId, session, sequence }) => {
      const revision = await workbench.require().documents.accept(caseId, session, sequence);
      return { revisionId: revision.id, acceptedAt: revision.createdAt };
    },
    close: async ({ caseId, session }) => {
      await workbench.current?.documents.close(caseId, session);
      return {};
    },
  };
}
