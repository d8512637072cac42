import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { encodeMask } from '#shared/segmentation/index.ts';
import { acceptCases } from '#main/project/acceptCases.ts';
import { previewMask } from '#main/project/maskPreview.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function documentService(workbench: Workbench): ServiceHandlers<'document'> {
  return {
    read: async ({ caseId }) => ({ mask: encodeMask((await workbench.require().documents.standing(caseId)).volume) }),
    open: async ({ caseId }, { signal }) => {
      const { recovery, ...opened } = await workbench.require().documents.open(caseId, signal);
      return {
        caseId,
        ...opened,
        recovered:
          recovery === null ? null : { at: new Date(recovery.at).toISOString(), changes: recovery.changes, message: recovery.sentence },
      };
    },
    resume: async ({ caseId, session, sequence, base, records }) => ({
      sequence: await workbench.require().documents.resume(caseId, { session, sequence }, base, records),
    }),
    append: async ({ caseId, session, sequence, records }) => {
      const { documents, night } = workbench.require();
      night.corrected();
      return { sequence: await documents.append(caseId, session, sequence, records) };
    },
    snapshot: async ({ caseId, session }) => {
      await workbench.require().documents.snapshot(caseId, session);
      return {};
    },
    accept: async ({ caseId, session, sequence, asItIs, lookedAt }) => {
      const acceptance = lookedAt ? 'reviewed' : 'unseen';
      const answer = await workbench.require().documents.accept(caseId, session, sequence, { asItIs, acceptance });
      return answer.kind === 'asks' ? answer : { kind: 'accepted', revisionId: answer.revision.id, acceptedAt: answer.revision.createdAt };
    },
    preview: async ({ caseId, prediction }, { signal }) => {
      const { voxels, slices, ...preview } = await previewMask(workbench.require(), caseId, { prediction }, signal);
      return {
        ...preview,
        labels: Object.entries(voxels).map(([value, count]) => ({ value: Number(value), voxels: count })),
        slices: slices.map(({ grey, labels, of, ...slice }) => ({ ...slice, of: [...of], gray: grey, mask: labels })),
      };
    },
    acceptMany: async ({ cases, prediction, allowEmpty }, { signal, report }) => {
      const shown = new Map(cases.map(({ caseId, fingerprint }) => [caseId, fingerprint]));
      const options = { caseIds: [...shown.keys()], prediction, allowEmpty, shown };
      const { accepted, skipped } = await acceptCases(workbench.require(), options, { cancellation: signal, report });
      return { accepted: accepted.map(({ caseId }) => caseId), skipped: skipped.map(({ caseId, reason }) => ({ caseId, reason })) };
    },
    close: async ({ caseId, session }) => {
      await workbench.current?.documents.close(caseId, session);
      return {};
    },
  };
}
