import { readFile } from 'node:fs/promises';
import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import type { Acceptance } from '#shared/domain/mask.ts';
import type { Case } from '#shared/domain/case.ts';
import { acceptancesOf, getCase, includeCase, listCases, listEvents, setCaseStatus, updateCase } from '#main/library/index.ts';
import { carryOut, importCases, importTarget } from '#main/exchange/importCases.ts';
import { describePlan } from '#main/exchange/plan/describePlan.ts';
import { KeptPlans } from '#main/exchange/plan/keptPlans.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { describeReferenced, relinkImages } from '#main/exchange/relinkImages.ts';
import { importWarning } from '#main/project/care/diskNeeds.ts';
import { readingAgreement, takeReading } from '#main/exchange/readings/agreement.ts';
import { mergeReadings } from '#main/exchange/readings/mergeReadings.ts';
import { toArrival } from '#main/exchange/watch/watchedFolder.ts';
import { withOtherProject } from '#main/exchange/readings/otherProject.ts';
import { suggestNext } from '#main/project/nextCase.ts';
import { decodePicture, thumbnailFile } from '#main/exchange/thumbnailFile.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import { asCasesStep } from '#main/project/care/projectHistory.ts';
import { planRemoval, removeCases } from '#main/project/care/removal.ts';
import type { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function libraryService(workbench: Workbench, settings: SettingsKeeper, publish: Publish): ServiceHandlers<'library'> {
  const plans = new KeptPlans();
  return {
    planImport: async ({ sources, ...joining }, { signal, report }) => {
      const { project } = workbench.require();
      const options = { cancellation: signal, report, ...joining };
      const plan = await planImport(sources.map(requireAbsolute), importTarget(project, signal), options);
      const space = await importWarning(project, plan, settings.current.importMode);
      return { plan: plans.keep(project, plan), ...describePlan(plan), space };
    },
    import: async ({ sources, mode, plan, masksAre, labels, overlapOrder }, { signal, report }) => {
      const session = workbench.require();
      session.project.requireFolder();
      const options = {
        mode,
        masksAre,
        choices: new Map(labels.map(({ key, target }) => [key, target])),
        overlapOrder,
        cancellation: signal,
        report,
        onAdded: (caseIds: readonly string[]) => {
          workbench.casesChanged(caseIds);
        },
        isOpen: (caseId: string) => session.documents.isOpen(caseId),
      };
      const result =
        plan === undefined
          ? await importCases(session.project, sources.map(requireAbsolute), options)
          : await carryOut(session.project, plans.take(session.project, plan), options);
      await session.problems.add([
        ...result.warnings.map(({ path, message }) => ({ severity: 'warning' as const, subject: path, message, caseId: null })),
        ...result.skipped.map(({ path, message }) => ({ severity: 'error' as const, subject: path, message, caseId: null })),
      ]);
      workbench.casesChanged(null);
      publish('history.changed', {});
      return result;
    },
    referenced: () => describeReferenced(workbench.require().project),
    relink: async ({ from, to }, { signal, report }) => {
      const result = await relinkImages(workbench.require().project, requireAbsolute(from), requireAbsolute(to), {
        cancellation: signal,
        report,
      });
      workbench.casesChanged(result.relinked);
      return result;
    },
    mergeReadings: async ({ path, reader }, { signal, report }) => {
      const { project } = workbench.require();
      const options = { cancellation: signal, report };
      const merged = await withOtherProject(requireAbsolute(path), options, (other) =>
        mergeReadings(project, other, { ...options, ...(reader !== undefined && { reader }) }),
      );
      workbench.casesChanged(merged.added);
      return merged;
    },
    readings: (_input, { signal, report }) => readingAgreement(workbench.require().project, { cancellation: signal, report }),
    takeReading: async ({ readingId }) => {
      const { project, documents } = workbench.require();
      const caseId = await takeReading(project, readingId, (id) => documents.isOpen(id));
      workbench.casesChanged([caseId]);
      return { caseId };
    },
    watched: () => {
      const { folder, arrival } = workbench.require().watched;
      return { folder, arrived: arrival === null ? null : toArrival(arrival) };
    },
    watch: async ({ folder }) => {
      await workbench.require().watched.watch(folder === null ? null : requireAbsolute(folder));
      return {};
    },
    arrivalSeen: async () => {
      await workbench.require().watched.seen();
      return {};
    },
    list: (filter) => {
      const { read } = workbench.require().project;
      const { total, cases } = listCases(read, filter);
      const how = acceptancesOf(
        read,
        cases.map(({ id }) => id),
      );
      return { total, cases: cases.map((row) => toRow(row, how)) };
    },
    get: ({ caseId }) => {
      const { read } = workbench.require().project;
      return {
        case: toRow(getCase(read, caseId), acceptancesOf(read, [caseId])),
        events: listEvents(read, { caseId, limit: 500 }).map(({ at, who, kind, message }) => ({ at, who, kind, message })),
      };
    },
    update: ({ caseIds, status, notes, heldOut }) => {
      const { project } = workbench.require();
      const how = acceptancesOf(project.read, caseIds);
      const cases = asCasesStep(project, caseIds, () =>
        caseIds.map((id) => {
          if (notes !== undefined || heldOut !== undefined)
            updateCase(project.write, id, { ...(notes === undefined ? {} : { notes }), ...(heldOut === undefined ? {} : { heldOut }) });
          if (status === 'unlabelled' && getCase(project.read, id).status === 'excluded') includeCase(project.write, id);
          else if (status !== undefined) setCaseStatus(project.write, id, status);
          return toRow(getCase(project.write, id), how);
        }),
      );
      workbench.casesChanged(caseIds);
      publish('history.changed', {});
      return { cases };
    },
    planRemoval: ({ caseIds, patients }) => planRemoval(workbench.require().project, caseIds, patients),
    remove: async ({ caseIds, patients }) => {
      const plan = await removeCases(workbench.require(), caseIds, patients);
      for (const { caseId } of plan.cases) await settings.forgetCase(caseId);
      workbench.casesChanged(null);
      publish('problems.changed', {});
      return plan;
    },
    thumbnail: async ({ caseId }) => {
      const { project } = workbench.require();
      getCase(project.read, caseId);
      return decodePicture(await readFile(thumbnailFile(project, caseId)).catch(() => null));
    },
    next: ({ strategy, except }) => ({ suggestion: suggestNext(workbench.require().project, strategy, except) }),
  };
}

function toRow({ ranking, patientKey: _pseudonym, scanDate: _day, ...row }: Case, how: ReadonlyMap<string, Acceptance>) {
  return { ...row, acceptance: how.get(row.id) ?? null, rank: ranking?.rank ?? null, reason: ranking?.reason ?? null };
}
