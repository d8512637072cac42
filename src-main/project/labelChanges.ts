import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { sameLabel, type Label } from '#shared/domain/labelSet.ts';
import {
  casesWithLabel,
  everyCase,
  getLabelSet,
  listRemovedLabels,
  nextLabelValue,
  removeLabel,
  setLabelSet,
  type Project,
} from '#main/library/index.ts';
import { freshColor } from '#main/exchange/labelColors.ts';
import type { ProjectSession } from './session.ts';

export function labelLists(project: Project): { readonly labels: readonly Label[]; readonly removedLabels: readonly Label[] } {
  return { labels: getLabelSet(project.read).labels, removedLabels: listRemovedLabels(project.read) };
}

/** Adds a label to be named. Throws `conflict` where no value is left. */
export function addLabel(project: Project): Label {
  return project.write.transaction(() => {
    const { labels } = getLabelSet(project.write);
    const value = nextLabelValue(project.write);
    const name = freeName(`Label ${String(value)}`, labels);
    const label: Label = { value, name, color: freshColor(labels, value), locked: false };
    setLabelSet(project.write, { labels: [...labels, label] });
    return label;
  });
}

function freeName(name: string, labels: readonly Label[]): string {
  const isTaken = (wanted: string): boolean => labels.some((label) => sameLabel(label.name) === sameLabel(wanted));
  let free = name;
  for (let n = 2; isTaken(free); n++) free = `${name} (${String(n)})`;
  return free;
}

/**
 * Removes a label that no mask holds, neither as it was accepted last nor as it is in correction. Throws `not-found`, `cancelled`, and
 * `conflict` that says how many cases hold it.
 */
export async function removeUnusedLabel(
  session: Pick<ProjectSession, 'project' | 'documents'>,
  value: number,
  options: LookOptions,
): Promise<void> {
  const { project } = session;
  const label = getLabelSet(project.read).labels.find((each) => each.value === value);
  if (label === undefined) throw new StudioError('not-found', 'This label is not in the list any more.');
  await refuseHeldLabel(session, label, options);
  removeLabel(project.write, value);
}

interface LookOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

/** Throws `conflict` that says which cases hold a label, as accepted last or in correction. */
export async function refuseHeldLabel(
  { project, documents }: Pick<ProjectSession, 'project' | 'documents'>,
  label: Label,
  { cancellation, report }: LookOptions,
): Promise<void> {
  const accepted = new Set(casesWithLabel(project.read, label.value));
  const holds = (id: string, name: string): Promise<boolean> =>
    documents.holds(id, label.value).catch((error: unknown) => {
      throw error instanceof StudioError && error.code === 'corrupt'
        ? new StudioError('conflict', `“${label.name}” cannot be removed while the mask of ${name} cannot be read. ${error.message}`, {
            cause: error,
          })
        : error;
    });
  const cases = everyCase(project.read);
  const holding: string[] = [];
  for (const [index, { id, name }] of cases.entries()) {
    throwIfCancelled(cancellation);
    if (accepted.has(id) || (await holds(id, name))) holding.push(name);
    report({ phase: 'Looking through the masks', fraction: (index + 1) / cases.length, detail: name });
  }
  if (holding.length > 0) throw new StudioError('conflict', refusal(label.name, holding));
}

const MOST_NAMED = 3;

function refusal(label: string, cases: readonly string[]): string {
  const named = cases.length <= MOST_NAMED ? cases : [...cases.slice(0, MOST_NAMED - 1), `${String(cases.length - MOST_NAMED + 1)} more`];
  const list = named.length === 1 ? named[0] : `${named.slice(0, -1).join(', ')} and ${named.at(-1) ?? ''}`;
  const who = cases.length === 1 ? 'the mask of 1 case still holds it' : `the masks of ${String(cases.length)} cases still hold it`;
  return `“${label}” cannot be removed: ${who} (${list}). Turn it into another label or erase it everywhere (“Everywhere” above the list of labels), or with the tool Boolean in each case.`;
}
