import { Random } from '#shared/base/random.ts';
import type { Case } from '#shared/domain/case.ts';
import { pretrainedProfiles } from '#main/training/pretrained/pretrained.ts';
import { everyCase, listCases, type Project } from '#main/library/index.ts';
import { rankCases } from '#main/ranking/rankCases.ts';
import { pretrainedFolder } from './improvement.ts';

type Strategy = 'suggested' | 'uncertainty' | 'diversity' | 'random';

/** The next case that no one has accepted yet, `except` the one at hand, and why. */
export function suggestNext(project: Project, strategy: Strategy, except?: string): { caseId: string; reason: string } | null {
  const open = { statuses: ['inCorrection', 'predicted', 'unlabelled'] as const };
  const first = (filter: Parameters<typeof listCases>[1]): Case | undefined =>
    listCases(project.read, { ...open, ...filter, limit: 2 }).cases.find(({ id }) => id !== except);
  if (strategy === 'random') {
    const { total } = listCases(project.read, { ...open, limit: 1 });
    const picked = total === 0 ? undefined : first({ offset: new Random(Date.now() >>> 0).integer(total) });
    return picked === undefined ? null : { caseId: picked.id, reason: 'Drawn at random.' };
  }
  if (strategy === 'diversity') {
    const different = mostDifferent(project, except);
    if (different !== null) return different;
  }
  if (strategy === 'suggested') {
    const ranked = first({ sort: 'rank' });
    if (ranked !== undefined && ranked.ranking !== null) return { caseId: ranked.id, reason: ranked.ranking.reason };
  }
  const unsure = first({ sort: 'uncertainty', descending: true, statuses: ['predicted', 'inCorrection'] });
  if (unsure !== undefined && unsure.uncertainty !== null)
    return { caseId: unsure.id, reason: `The model is least sure of it (uncertainty ${(100 * unsure.uncertainty).toFixed(0)}%).` };
  const any = first({ sort: 'name' });
  const why = {
    suggested: 'no case has been ranked yet',
    uncertainty: 'no case has been predicted yet',
    diversity: 'the scans have not been clustered yet',
    random: '',
  }[strategy];
  return any === undefined ? null : { caseId: any.id, reason: `Next by name: ${why}.` };
}

/** The open case whose slices lie in clusters that accepted cases cover least; null where nothing was clustered. */
function mostDifferent(project: Project, except?: string): { caseId: string; reason: string } | null {
  const profiles = pretrainedProfiles(pretrainedFolder(project));
  const cases = everyCase(project.read);
  const candidates = cases
    .filter(({ id, status }) => profiles.has(id) && status !== 'accepted' && status !== 'excluded' && id !== except)
    .map(({ id }) => ({ id, uncertainty: null, profile: profiles.get(id) ?? null }));
  const accepted = cases.filter(({ status }) => status === 'accepted').flatMap(({ id }) => profiles.get(id) ?? []);
  const [next] = rankCases({ candidates, accepted, strategy: 'diversity', seed: 0 });
  return next === undefined ? null : { caseId: next.id, reason: next.reason };
}
