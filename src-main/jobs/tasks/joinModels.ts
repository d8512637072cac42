import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import { joinModels, type NamedModel } from '#main/model/joinModels.ts';
import { loadAnyModel, saveModel } from '#main/model/modelFolder.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { encodeSafetensors } from '#main/model/safetensors.ts';
import { parametersOf } from '#main/model/parameters.ts';
import { joinModelsRequest, type JoinModelsConfig, type JoinModelsResult } from '../requests/joinModels.ts';
import type { Task } from '../task.ts';

/** Several models as one model folder. Throws what `joinModels`, `loadAnyModel` and `importNnunetFolder` throw, and `conflict` where there is a model already. */
export const joinModelsTask: Task<JoinModelsConfig, JoinModelsResult> = {
  kind: 'joinModels',
  parse: joinModelsRequest.parse,
  run: async ({ config: { folders, overwrite }, outFolder, cancellation, report }) => {
    await claimOutputs([join(outFolder, 'model.json'), join(outFolder, 'weights.safetensors')], { inputs: folders, overwrite });
    const models: NamedModel[] = [];
    for (const [index, folder] of folders.entries()) {
      throwIfCancelled(cancellation);
      report({ phase: 'Reading the models', fraction: index / folders.length, detail: basename(folder) });
      models.push(await readOne(folder));
    }
    const { card, weights } = joinModels(models);
    await saveModel(outFolder, card, weights);
    return { card, parameters: parametersOf(card, weights) };
  },
};

async function readOne(folder: string): Promise<NamedModel> {
  if (existsSync(join(folder, 'model.json'))) return { name: basename(folder), model: await loadAnyModel(folder) };
  const { card, weights } = await importNnunetFolder(folder);
  const weightsHash = createHash('sha256').update(encodeSafetensors(weights)).digest('hex');
  return { name: card.source.dataset, model: { card, weights, weightsHash } };
}
