import { resolve } from 'node:path';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';

export const modelJoinCommand = defineCommand({
  name: 'model join',
  summary:
    'Make one model of several, which predict one after the other: labels by name; where they overlap, a later one is written over an earlier one.',
  positionals: { name: 'FOLDER', minimum: 2, maximum: 16 },
  options: {
    out: { kind: 'text', help: 'folder for the joined model', value: 'MODELDIR', required: true },
    overwrite: { kind: 'flag', help: 'replace a model in MODELDIR' },
  },
  async run(command) {
    const { options } = command;
    const model = resolve(options.out);
    const folders = command.positionals.map((folder) => resolve(folder));
    const { card, parameters } = await runHere('joinModels', { folders, overwrite: options.overwrite }, command, { outFolder: model });
    return {
      json: { model, parameters, card },
      text: [
        `${card.variant}, ${(parameters / 1e6).toFixed(2)} M parameters, ${card.labelSet.labels.length} labels`,
        ...card.parts.map((part) => `${part.name}: ${part.card.labelSet.labels.map(({ value, name }) => `${value} ${name}`).join(', ')}`),
      ].join('\n'),
    };
  },
});
