import { StudioError } from '#shared/base/errors.ts';
import type { CaseMetric, ModelRecord } from '#shared/domain/model.ts';
import { getLabelSet, getModel, listMetrics, promotedModel, promoteModel, type Project } from '#main/library/index.ts';

/** A class whose mean Dice on the held-out cases is below this, while others do better, has collapsed. */
const collapsedDice = 0.01;

/** Puts a model in use. Throws `not-found`, and `conflict` where a class collapses, unless it is meant despite that. */
export function promote(project: Project, modelId: string, despite: boolean): void {
  const collapsed = collapsedLabels(project, getModel(project.read, modelId));
  if (collapsed.length > 0 && !despite) {
    throw new StudioError(
      'conflict',
      `This model finds nothing of ${collapsed.join(', ')} on the held-out cases. Promote it only if that is meant.`,
    );
  }
  promoteModel(project.write, modelId);
}

function collapsedLabels(project: Project, model: ModelRecord): string[] {
  const metrics = listMetrics(project.read, model.id);
  const inUse = promotedModel(project.read);
  const current = inUse === undefined ? [] : listMetrics(project.read, inUse.id);
  const wanted = new Set(getLabelSet(project.read).labels.map(({ value }) => value));
  return model.card.labelSet.labels
    .filter(({ value }) => wanted.has(value))
    .flatMap(({ value, name }) => {
      const [now, before] = [meanOf(metrics, value), meanOf(current, value)];
      // What the model in use does not find either has not collapsed.
      return now !== null && now < collapsedDice && (before === null || before >= collapsedDice) ? [name] : [];
    });
}

function meanOf(metrics: readonly CaseMetric[], label: number): number | null {
  const dice = metrics.flatMap((metric) => (metric.label === label && metric.dice !== null ? [metric.dice] : []));
  return dice.length === 0 ? null : dice.reduce((sum, each) => sum + each, 0) / dice.length;
}
