import {
  addLabelCodes,
  getLabelSet,
  listLabelCodes,
  listRemovedLabels,
  modelLabelValues,
  setLabelSet,
  type Project,
} from '#main/library/index.ts';
import type { AdmittedLabels, PlannedLabel, ProjectLabels } from './plan/mapLabels.ts';

/** What a project calls things, and is known to mean by codes. */
export function projectLabels(project: Pick<Project, 'read'>): ProjectLabels {
  return {
    labels: getLabelSet(project.read).labels,
    removed: listRemovedLabels(project.read),
    taken: modelLabelValues(project.read),
    codes: listLabelCodes(project.read),
  };
}

/** Adds the labels that are new, and the codes that labels came with. To be called in a transaction. */
export function keepLabels(project: Project, planned: readonly PlannedLabel[], { labels, valueOf }: AdmittedLabels): void {
  if (labels.length > getLabelSet(project.read).labels.length)
    setLabelSet(project.write, { labels: labels.toSorted((a, b) => a.value - b.value) });
  addLabelCodes(
    project.write,
    planned.flatMap(({ key, code }) => {
      const value = valueOf.get(key) ?? 0;
      return code === null || value === 0 ? [] : [{ value, ...code }];
    }),
  );
}
