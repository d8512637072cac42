import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import type { Comparison } from '#shared/domain/job.ts';
import type { ModelRecord } from '#shared/domain/model.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import { getModel, listModels, rollBackModel } from '#main/library/index.ts';
import { comparisonOf } from '#main/project/results/comparisonResult.ts';
import { startRanking } from '#main/project/improvement.ts';
import { importModel, joinProjectModels } from '#main/project/importModel.ts';
import { ModelShelf } from '#main/project/modelShelf.ts';
import { promote } from '#main/project/promotion.ts';
import type { ProjectSession } from '#main/project/session.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function modelsService(workbench: Workbench, dataFolder: string, publish: Publish): ServiceHandlers<'models'> {
  const shelf = new ModelShelf(dataFolder);
  const joined = (): void => {
    publish('models.changed', {});
    workbench.projectChanged(); // Its labels may have joined the project's.
  };
  return {
    list: () => ({ models: listModels(workbench.require().project.read).map(toRow) }),
    card: async ({ modelId }) => {
      const session = workbench.require();
      const model = getModel(session.project.read, modelId);
      return { model: toRow(model), card: JSON.stringify(model.card, null, 2), comparison: await comparisonOfModel(session, model) };
    },
    importFolder: async ({ folder, folds, name }, { signal, report }) => {
      const { project } = workbench.require();
      const modelId = await importModel(project, requireAbsolute(folder), {
        folds,
        ...(name !== undefined && { name }),
        cancellation: signal,
        onProgress: (fraction) => report({ phase: 'Reading the checkpoints', fraction }),
      });
      joined();
      return { modelId, card: JSON.stringify(getModel(project.read, modelId).card, null, 2) };
    },
    join: async ({ modelIds, name }) => {
      const modelId = await joinProjectModels(workbench.require().project, modelIds, name);
      joined();
      return { modelId };
    },
    shelf: async () => ({ models: await shelf.list() }),
    keep: async ({ modelId }) => {
      const { project } = workbench.require();
      const { hash } = await shelf.keep(project.paths.model(modelId), getModel(project.read, modelId).name);
      publish('models.changed', {});
      return { hash };
    },
    take: async ({ hash }) => {
      const { project } = workbench.require();
      const { folder, entry } = await shelf.folderOf(hash);
      const modelId = await importModel(project, folder, { name: entry.name });
      joined();
      return { modelId };
    },
    discard: async ({ hash }) => {
      await shelf.remove(hash);
      publish('models.changed', {});
      return {};
    },
    promote: async ({ modelId, despite }) => {
      promote(workbench.require().project, modelId, despite);
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
