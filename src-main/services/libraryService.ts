import { readFile } from 'node:fs/promises';
import { Random } from '#shared/base/random.ts';
import type { ServiceHandlers } from '#shared/contract/contract.ts';
import type { Case } from '#shared/domain/case.ts';
import { getCase, listCases, listEvents, setCaseStatus, updateCase, type Project } from '#main/library/index.ts';
import { learnedProfiles } from '#main/jobs/tasks/learned.ts';
import { rankCases } from '#main/ranking/rankCases.ts';
import { importCases } from './importCases.ts';
import { everyCase, learnedFolder } from './improvement.ts';
import { decodePicture, thumbnailFile } from './thumbnailFile.ts';
import { requireAbsolute } from './requireAbsolute.ts';
import type { Workbench } from './workbench.ts';

export function libraryService(workbench: Workbench): ServiceHandlers<'library'> {
  return {
    import: async ({ sources, mode }, { signal, report }) => {
      const session = workbench.require();
      const result = await importCases(session.project, sources.map(requireAbsolute), { mode, cancellation: signal, report, onAdded: (caseIds) => { workbench.casesChanged(caseIds); } });
      await session.problems.add([
        ...result.warnings.map(({ path, message }) => ({ severity: 'warning' as const, subject: path, message, caseId: null })),
        ...result.refused.map(({ path, message }) => ({ severity: 'error' as const, subject: path, message, caseId: null })),
      ]);
      workbench.casesChanged(null);
      return result;
    },
    list: (filter) => {
      const { total, cases } = listCases(workbench.require().project.read, filter);
      return { total, cases: cases.map(toRow) };
    },
    get: ({ caseId }) => {
      const { read } = workbench.require().project;
      return {
        case: toRow(getCase(read, caseId)),
        events: listEvents(read, { caseId, limit: 500 }).map(({ at, who, kind, message }) => ({ at, who, kind, message })),
      };
    },
    update: ({ caseIds, status, notes, heldOut }) => {
      const { project } = workbench.require();
      const cases = project.write.transaction(() => caseIds.map((id) => {
        if (notes !== undefined || heldOut !== undefined) updateCase(project.write, id, { ...(notes === undefined ? {} : { notes }), ...(heldOut === undefined ? {} : { heldOut }) });
        if (status !== undefined) setCaseStatus(project.write, id, status);
        return toRow(getCase(project.write, id));
      }));
      workbench.casesChanged(caseIds);
      return { cases };
    },
    thumbnail: async ({ caseId }) => {
      const { project } = workbench.require();
      getCase(project.read, caseId);
      return decodePicture(await readFile(thumbnailFile(project, caseId)).catch(() => null));
    },
    next: ({ strategy }) => ({ suggestion: suggest(workbench.require().project, strategy) }),
  };
}

type Strategy = 'suggested' | 'uncertainty' | 'diversity' | 'random';

/** The next case that no one has accepted yet, and why. */
export function suggest(project: Project, strategy: Strategy): { caseId: string; reason: string } | null {
  const open = { statuses: ['inCorrection', 'predicted', 'unlabelled'] as const };
  const first = (filter: Parameters<typeof listCases>[1]): Case | undefined => listCases(project.read, { ...open, ...filter, limit: 1 }).cases[0];
  if (strategy === 'random') {
    const { total } = listCases(project.read, { ...open, limit: 1 });
    const picked = total === 0 ? undefined : first({ offset: new Random(Date.now() >>> 0).integer(total) });
    return picked === undefined ? null : { caseId: picked.id, reason: 'Drawn at random.' };
  }
  if (strategy === 'diversity') {
    const different = mostDifferent(project);
    if (different !== null) return different;
  }
  if (strategy === 'suggested') {
    const ranked = first({ sort: 'rank' });
    if (ranked !== undefined && ranked.ranking !== null) return { caseId: ranked.id, reason: ranked.ranking.reason };
  }
  const unsure = first({ sort: 'uncertainty', descending: true, statuses: ['predicted', 'inCorrection'] });
  if (unsure !== undefined && unsure.uncertainty !== null) return { caseId: unsure.id, reason: `The model is least sure of it (uncertainty ${(100 * unsure.uncertainty).toFixed(0)}%).` };
  const any = first({ sort: 'name' });
  const why = { suggested: 'no case has been ranked yet', uncertainty: 'no case has been predicted yet', diversity: 'the scans have not been clustered yet', random: '' }[strategy];
  return any === undefined ? null : { caseId: any.id, reason: `Next by name: ${why}.` };
}

/** The open case whose slices lie in clusters that accepted cases cover least; null where nothing was clustered. */
function mostDifferent(project: Project): { caseId: string; reason: string } | null {
  const profiles = learnedProfiles(learnedFolder(project));
  const cases = everyCase(project);
  const candidates = cases.filter(({ id, status }) => profiles.has(id) && status !== 'accepted' && status !== 'excluded')
    .map(({ id }) => ({ id, uncertainty: null, profile: profiles.get(id) ?? null }));
  const accepted = cases.filter(({ status }) => status === 'accepted').flatMap(({ id }) => profiles.get(id) ?? []);
  const [next] = rankCases({ candidates, accepted, strategy: 'diversity', seed: 0 });
  return next === undefined ? null : { caseId: next.id, reason: next.reason };
}

function toRow({ ranking, patientKey: _pseudonym, ...row }: Case) {
  return { ...row, rank: ranking?.rank ?? null, reason: ranking?.reason ?? null };
}
