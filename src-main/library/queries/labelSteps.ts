import type { Label } from '#shared/domain/labelSet.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { getLabelSet, listRemovedLabels } from './labels.ts';
import { listLabelSources, type LabelSource } from './labelSources.ts';
import { addStep } from './steps.ts';

/** The labels of a project, those that were removed, and what imports have called them. */
export interface LabelState {
  readonly labels: readonly Label[];
  readonly removed: readonly Label[];
  readonly sources: readonly LabelSource[];
}

export interface LabelsStep {
  readonly before: LabelState;
  readonly after: LabelState;
}

export function labelState(read: ReadHandle): LabelState {
  return { labels: getLabelSet(read).labels, removed: listRemovedLabels(read), sources: listLabelSources(read) };
}

/** Whose change is under way: what is changed inside it is part of it. */
const under = new WeakSet<WriteHandle>();

/** Changes labels in one transaction, as one step of the history of the project; what changes nothing is none. */
export function asLabelsStep<T>(write: WriteHandle, name: string, change: () => T): T {
  if (under.has(write)) return write.transaction(change);
  under.add(write);
  try {
    return write.transaction(() => {
      const before = labelState(write);
      const result = change();
      const after = labelState(write);
      if (JSON.stringify(before) !== JSON.stringify(after))
        addStep(write, { kind: 'labels', name: named(name, before, after), state: 'done', detail: { before, after } });
      return result;
    });
  } finally {
    under.delete(write);
  }
}

/** Says which label it is, where it is one. */
function named(name: string, before: LabelState, after: LabelState): string {
  const key = (label: Label): string => JSON.stringify(label);
  const was = new Set(before.labels.map(key));
  const is = new Set(after.labels.map(key));
  const changed = [...after.labels.filter((label) => !was.has(key(label))), ...before.labels.filter((label) => !is.has(key(label)))];
  const [first, second] = changed;
  const one = first !== undefined && changed.every(({ value }) => value === first.value);
  if (!one) return name;
  const renamed = second !== undefined && second.name !== first.name ? `“${second.name}” renamed to “${first.name}”` : undefined;
  return (
    renamed ??
    `${name === 'Labels changed' && !before.labels.some(({ value }) => value === first.value) ? 'Label added' : name}: “${first.name}”`
  );
}
