import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand, usageError } from '../command.ts';
import { withProject } from '../withProject.ts';

export const modelImportCommand = defineCommand({
  name: 'model import',
  summary:
    'Make a model of an nnU-Net v2 result folder (plans.json, dataset.json, fold_N/checkpoint_final.pth; nothing in it is run), or bring a model into a project.',
  positionals: { name: 'FOLDER', minimum: 1, maximum: 1 },
  options: {
    out: { kind: 'text', help: 'folder for the model', value: 'MODELDIR' },
    project: {
      kind: 'text',
      help: 'project that the model joins; its labels are found there by name. FOLDER may be a model folder, or the SHA-256 of a model on the shelf',
      value: 'DIR',
    },
    folds: { kind: 'text', help: 'folds that are averaged, e.g. 0,1 or all; every numbered one unless given', value: '0,1' },
    name: { kind: 'text', help: "name in the project; the data set's unless given", value: 'NAME' },
    overwrite: { kind: 'flag', help: 'replace a model in MODELDIR' },
  },
  async run(command) {
    const { options } = command;
    const folder = resolve(command.positionals[0] ?? '.');
    const folds = options.folds === undefined ? [] : options.folds.split(',').map((fold) => fold.trim());
    if (folds.some((fold) => !/^(?:fold_)?(?:\d{1,3}|all)$/.test(fold)))
      throw usageError(`--folds is written 0,1 or all, not "${options.folds ?? ''}".`);
    if ((options.out === undefined) === (options.project === undefined)) throw usageError('Give either --out MODELDIR or --project DIR.');
    if (options.project !== undefined)
      return withProject(options.project, command, async ({ models, call }) => {
        const given = command.positionals[0] ?? '';
        if (/^[0-9a-f]{6,64}$/.test(given) && !existsSync(folder)) {
          const { modelId } = await models.take({ hash: given }, call);
          const { card } = await models.card({ modelId }, call);
          return { json: { modelId, card: JSON.parse(card) as unknown }, text: `Taken from the shelf as model ${modelId}.` };
        }
        const { modelId, card } = await models.importFolder(
          { folder, folds, ...(options.name !== undefined && { name: options.name }) },
          call,
        );
        return { json: { modelId, card: JSON.parse(card) as unknown }, text: `Imported as model ${modelId}.` };
      });
    const { card, parameters } = await runHere('importModel', { folder, folds, overwrite: options.overwrite }, command, {
      outFolder: resolve(options.out ?? '.'),
    });
    const { source, pipeline, labelSet } = card;
    return {
      json: { model: resolve(options.out ?? '.'), parameters, card },
      text: [
        `${source.dataset}: ${card.variant}, ${(parameters / 1e6).toFixed(2)} M parameters, ${card.folds.join(', ')}`,
        `labels             ${labelSet.labels.map(({ value, name }) => `${value} ${name}`).join(', ')}`,
        `images             ${pipeline.channels.map(({ name }) => name).join(', ')}`,
        `licence            ${source.licence ?? 'not stated'}${source.reference === null ? '' : ` (${source.reference})`}`,
        ...Object.entries(source.checkpoints).map(([fold, hash]) => `SHA-256 ${fold}     ${hash}`),
      ].join('\n'),
    };
  },
});
