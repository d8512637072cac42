import { StudioError } from '#shared/base/errors.ts';
import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import type { Comparison } from '#shared/domain/job.ts';
import type { CaseMetric, ModelRecord } from '#shared/domain/model.ts';
import { getLabelSet, getModel, listMetrics, listModels, promotedModel, promoteModel, rollBackModel } from '#main/library/index.ts';
import { comparisonOf } from './comparisonResult.ts';
import { startRanking } from './improvement.ts';
import type { ProjectSession, Workbench } from './workbench.ts';

/** A class whose mean Dice on the held-out cases is below this, while others do better, has collapsed. */
const collapsedDice = 0.01;

export function modelsService(workbench: Workbench, publish: Publish): ServiceHandlers<'models'> {
  return {
    list: () => ({ models: listModels(workbench.require().project.read).map(toRow) }),
    card: async ({ modelId }) => {
      const session = workbench.require();
      const model = getModel(session.project.read, modelId);
      return { model: toRow(model), card: JSON.stringify(model.card, null, 2), comparison: await comparisonOfModel(session, model) };
    },
    promote: async ({ modelId, despite }) => {
      const { project } = workbench.require();
      const collapsed = collapsedLabels(workbench.require(), getModel(project.read, modelId));
      if (collapsed.length > 0 && !despite) {
        throw new StudioError('conflict', `This model finds nothing of ${collapsed.join(', ')} on the held-out cases. Promote it only if that is meant.`);
      }
      promoteModel(project.write, modelId);
      publish('models.changed', {});
      await startRanking(workbench.require(), workbench.device);
      return {};
    },
    rollback: () => {
      const model = rollBackModel(workbench.require().project.write);
      publish('models.changed', {});
      return { modelId: model.id };
    },
  };
}

function toRow({ id, name, createdAt, variant, promoted, wasPromoted, parameters, trainingCases, dice, weightsHash }: ModelRecord) {
  return { id, name, createdAt, variant, promoted, wasPromoted, parameters, trainingCases, dice, weightsHash };
}

async function comparisonOfModel({ queue }: ProjectSession, model: ModelRecord): Promise<Comparison | null> {
  return model.jobId === null ? null : comparisonOf(await queue.result(model.jobId).catch(() => null));
}

function collapsedLabels({ project }: ProjectSession, model: ModelRecord): string[] {
  const metrics = listMetrics(project.read, model.id);
  const inUse = promotedModel(project.read);
  const current = inUse === undefined ? [] : listMetrics(project.read, inUse.id);
  const wanted = new Set(getLabelSet(project.read).labels.map(({ value }) => value));
  return model.card.labelSet.labels.filter(({ value }) => wanted.has(value)).flatMap(({ value, name }) => {
    const [now, before] = [meanOf(metrics, value), meanOf(current, value)];
    // What the model in use does not find either has not collapsed.
    return now !== null && now < collapsedDice && (before === null || before >= collapsedDice) ? [name] : [];
  });
}

function meanOf(metrics: readonly CaseMetric[], label: number): number | null {
  const dice = metrics.flatMap((metric) => (metric.label === label && metric.dice !== null ? [metric.dice] : []));
  return dice.length === 0 ? null : dice.reduce((sum, each) => sum + each, 0) / dice.length;
}
