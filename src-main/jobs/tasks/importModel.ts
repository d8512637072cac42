import { join } from 'node:path';
import { claimOutputs } from '#main/files/outputs.ts';
import { saveModel } from '#main/model/modelFolder.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { elementCountOf } from '#main/model/weights.ts';
import { importModelRequest, type ImportModelConfig, type ImportModelResult } from '../requests/importModel.ts';
import type { Task } from '../task.ts';

/** An nnU-Net result folder as a model folder. Throws what `importNnunetFolder` throws, and `conflict` where there is a model already. */
export const importModelTask: Task<ImportModelConfig, ImportModelResult> = {
  kind: 'importModel',
  parse: importModelRequest.parse,
  run: async ({ config: { folder, folds, overwrite }, outFolder, cancellation, report }) => {
    await claimOutputs([join(outFolder, 'model.json'), join(outFolder, 'weights.safetensors')], { inputs: [folder], overwrite });
    const { card, weights } = await importNnunetFolder(folder, {
      folds,
      cancellation,
      onProgress: (fraction) => report({ phase: 'Reading the checkpoints', fraction }),
    });
    await saveModel(outFolder, card, weights);
    return { card, parameters: Math.round(elementCountOf(weights) / card.folds.length) };
  },
};
