/** What was done to a project as a whole, taken back and done again: labels, what imports called them, exclusion, edits everywhere. */
import { StudioError } from '#shared/base/errors.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { CaseStatus } from '#shared/domain/case.ts';
import {
  addStep,
  everyCase,
  getCase,
  labelState,
  listSteps,
  recordEvent,
  returnToLabels,
  setCaseStatus,
  setLabelSources,
  setStep,
  updateCase,
  type LabelsStep,
  type LabelState,
  type Project,
  type ProjectStep,
} from '#main/library/index.ts';
import { redoEverywhere, undoEverywhere, type EverywhereOutcome } from './everywhere.ts';
import { replayRenaming } from '../projectImages.ts';
import { refuseHeldLabel } from '../labelChanges.ts';
import type { ProjectSession } from '../session.ts';

export interface HistoryOutcome extends EverywhereOutcome {
  readonly name: string;
}

interface Options {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}
type Session = Pick<ProjectSession, 'project' | 'documents'>;

interface CaseState {
  readonly status: CaseStatus;
  readonly heldOut: boolean;
  /** Not noted by earlier versions. */
  readonly patientKey?: string | null;
  readonly scanDate?: string | null;
}
const stateNames = ['status', 'heldOut', 'patientKey', 'scanDate'] as const;
const sameState = (a: CaseState, b: CaseState): boolean => stateNames.every((name) => a[name] === b[name]);
interface CasesStep {
  readonly cases: readonly { readonly caseId: string; readonly before: CaseState; readonly after: CaseState }[];
}

/** Steps that can be taken back or done again, oldest first. */
export function historyOf(project: Project): ProjectStep[] {
  return listSteps(project.read).filter(({ state }) => state === 'done' || state === 'undone');
}

/** Changes status, validation lock, patient or day of cases in one transaction, as one step; what changes none of them is none. */
export function asCasesStep<T>(project: Project, caseIds: readonly string[], change: () => T): T {
  const state = (caseId: string): CaseState => {
    const { status, heldOut, patientKey, scanDate } = getCase(project.write, caseId);
    return { status, heldOut, patientKey, scanDate };
  };
  return project.write.transaction(() => {
    const before = caseIds.map(state);
    const result = change();
    const cases = caseIds.flatMap((caseId, n) => {
      const [was, is] = [before[n], state(caseId)];
      return was === undefined || sameState(was, is) ? [] : [{ caseId, before: was, after: is }];
    });
    if (cases.length > 0)
      addStep(project.write, { kind: 'cases', name: nameOf(cases), state: 'done', detail: { cases } satisfies CasesStep });
    return result;
  });
}

function nameOf(cases: CasesStep['cases']): string {
  const many = cases.length === 1 ? '1 case' : `${String(cases.length)} cases`;
  const [first] = cases;
  if (first === undefined) return many;
  if (first.before.heldOut !== first.after.heldOut) return `${many} ${first.after.heldOut ? 'held out' : 'used for training'}`;
  if (first.before.patientKey !== first.after.patientKey)
    return first.after.patientKey === null ? `${many} of a patient of its own` : `${many} of one patient`;
  if (first.before.scanDate !== first.after.scanDate) return `${many} of ${first.after.scanDate ?? 'no known day'}`;
  if (first.after.status === 'excluded') return `${many} excluded`;
  return first.before.status === 'excluded' ? `${many} included` : `${many} reopened`;
}

/** Takes the last step back. Throws `conflict` where there is none, or masks hold a label that would go. */
export async function undoStep(session: Session, options: Options): Promise<HistoryOutcome> {
  const step = historyOf(session.project).findLast(({ state }) => state === 'done');
  if (step === undefined) throw new StudioError('conflict', 'There is nothing to take back in the history of the project.');
  return { name: step.name, ...(await play(session, step, 'before', options)) };
}

/** Does the step again that was taken back last. Throws as `undoStep`. */
export async function redoStep(session: Session, options: Options): Promise<HistoryOutcome> {
  const step = historyOf(session.project).find(({ state }) => state === 'undone');
  if (step === undefined) throw new StudioError('conflict', 'There is nothing to do again in the history of the project.');
  return { name: step.name, ...(await play(session, step, 'after', options)) };
}

async function play(session: Session, step: ProjectStep, to: 'before' | 'after', options: Options): Promise<EverywhereOutcome> {
  const { project } = session;
  if (step.kind === 'edit') return to === 'before' ? undoEverywhere(session, step) : redoEverywhere(session, step, options);
  if (step.kind === 'labels') {
    const target = (step.detail as LabelsStep)[to];
    await refuseHeld(session, target, options);
    project.write.transaction(() => {
      returnToLabels(project.write, target, `${to === 'before' ? 'Taken back' : 'Done again'}: ${step.name}.`);
      setLabelSources(project.write, target.sources);
      settle(project, step, to);
    });
    return { changed: [], kept: [] };
  }
  if (step.kind === 'images')
    return project.write.transaction(() => {
      replayRenaming(project, step, to);
      settle(project, step, to);
      return { changed: [], kept: [] };
    });
  return project.write.transaction(() => {
    const outcome = returnCases(project, step.detail as CasesStep, to);
    settle(project, step, to);
    return outcome;
  });
}

function settle(project: Project, step: ProjectStep, to: 'before' | 'after'): void {
  setStep(project.write, step.id, { state: to === 'before' ? 'undone' : 'done' });
  recordEvent(project.write, {
    kind: to === 'before' ? 'step-undone' : 'step-redone',
    message: `${to === 'before' ? 'Taken back' : 'Done again'}: ${step.name}.`,
  });
}

/** Labels that the other state has not must not be held by a mask. */
async function refuseHeld(session: Session, target: LabelState, options: Options): Promise<void> {
  for (const label of labelState(session.project.read).labels)
    if (!target.labels.some(({ value }) => value === label.value)) await refuseHeldLabel(session, label, options);
}

/** Cases that have changed again since stay as they are, and are named. */
function returnCases({ write, read }: Project, { cases }: CasesStep, to: 'before' | 'after'): EverywhereOutcome {
  const from = to === 'before' ? 'after' : 'before';
  const names = new Map(everyCase(read).map(({ id, name }) => [id, name]));
  const changed: EverywhereOutcome['changed'][number][] = [];
  const kept: EverywhereOutcome['kept'][number][] = [];
  for (const each of cases) {
    const { caseId } = each;
    const name = names.get(caseId);
    if (name === undefined) continue; // removed since
    const now = getCase(write, caseId);
    if (!sameState({ ...now, ...each[from] }, now)) {
      kept.push({ caseId, name, reason: 'It was changed again since.' });
      continue;
    }
    const { status, ...further } = each[to];
    if (!sameState({ ...now, ...further }, now)) updateCase(write, caseId, further);
    setCaseStatus(write, caseId, status);
    changed.push({ caseId, name });
  }
  return { changed, kept };
}
