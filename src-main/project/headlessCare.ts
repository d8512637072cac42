/** What a command does to a project beyond the loop: removing cases, its history, edits everywhere, room on the disk. */
import type { Label } from '#shared/domain/labelSet.ts';
import { StudioError } from '#shared/base/errors.ts';
import { getLabelSet, listCases, type ProjectStep } from '#main/library/index.ts';
import { cleanDisk, diskUsage, type CleanableKind, type DiskUsage } from './care/diskUsage.ts';
import { editEverywhere, type EverywhereOutcome } from './care/everywhere.ts';
import { labelNamed } from './headlessProject.ts';
import { readingWith, withProject, type HeadlessOptions } from './headless.ts';
import { historyOf, redoStep, undoStep, type HistoryOutcome } from './care/projectHistory.ts';
import { namedImages, renameImages, type NamedImages } from './projectImages.ts';
import { planRemoval, removeCases, type RemovalPlan } from './care/removal.ts';

export interface RemovalRequest {
  /** Identifiers or names. */
  readonly cases: readonly string[];
  readonly patients: boolean;
  /** False: only says what would go. */
  readonly forGood: boolean;
}

/** Throws `not-found` for an unknown case, and `conflict` where a name is that of several. */
export function removeFromProject(
  folder: string,
  { cases, patients, forGood }: RemovalRequest,
  options: Pick<HeadlessOptions, 'note'>,
): Promise<RemovalPlan> {
  return (forGood ? withProject : readingWith(options))(folder, (session) => {
    const ids = cases.map((wanted) => caseOf(session.project.read, wanted));
    return forGood ? removeCases(session, ids, patients) : planRemoval(session.project, ids, patients);
  });
}

/** The id of a case that is named by it or by its name. Throws `conflict` where several have the name. */
export function caseOf(read: Parameters<typeof listCases>[0], wanted: string): string {
  const found = listCases(read, { text: wanted, limit: 1000 }).cases.filter(({ name }) => name === wanted);
  if (found.length > 1)
    throw new StudioError(
      'conflict',
      `${String(found.length)} cases are called “${wanted}”. Give the id that “logonet project list” shows.`,
    );
  return found[0]?.id ?? wanted;
}

/** `from` and `into` are values or names. */
export function editProject(folder: string, from: string, into: string | null, options: HeadlessOptions): Promise<EverywhereOutcome> {
  return withProject(folder, (session) => {
    const { labels } = getLabelSet(session.project.read);
    const value = (wanted: string): Label['value'] => labelNamed(labels, wanted).value;
    return editEverywhere(session, { from: value(from), into: into === null ? null : value(into) }, options);
  });
}

/** Renames images in all cases (from, to), then says what images are called. */
export function projectImages(
  folder: string,
  renamed: readonly (readonly [from: string, to: string])[],
): Promise<{ readonly images: readonly NamedImages[]; readonly warnings: readonly string[] }> {
  return withProject(folder, ({ project }) => {
    const warnings = renamed.map(([from, to]) => renameImages(project, from, to).warning).filter((warning) => warning !== null);
    return Promise.resolve({ images: namedImages(project), warnings });
  });
}

export async function projectHistory(
  folder: string,
  step: 'undo' | 'redo' | null,
  options: HeadlessOptions,
): Promise<{ readonly steps: readonly ProjectStep[]; readonly outcome: HistoryOutcome | null }> {
  return (step === null ? readingWith(options) : withProject)(folder, async (session) => {
    const outcome = step === null ? null : await (step === 'undo' ? undoStep : redoStep)(session, options);
    return { steps: historyOf(session.project), outcome };
  });
}

/** Cleans these kinds, then measures. */
export function projectDisk(
  folder: string,
  kinds: readonly CleanableKind[],
  options: Pick<HeadlessOptions, 'note'>,
): Promise<DiskUsage & { readonly freed: { readonly files: number; readonly bytes: number } | null }> {
  return (kinds.length === 0 ? readingWith(options) : withProject)(folder, async (session) => {
    const freed = kinds.length === 0 ? null : await cleanDisk(session, kinds);
    return { ...(await diskUsage(session.project)), freed };
  });
}
