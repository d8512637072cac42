import { basename, resolve } from 'node:path';
import { fileSize } from '#shared/base/bytes.ts';
import { appFolders } from '#main/services/studio.ts';
import { ModelShelf } from '#main/project/modelShelf.ts';
import { defineCommand, usageError } from '../command.ts';

export const modelShelfCommand = defineCommand({
  name: 'model shelf',
  summary: 'List the models that this computer keeps for all projects, keep another one, or remove one. Nothing is downloaded.',
  options: {
    keep: { kind: 'text', help: 'model folder to copy to the shelf', value: 'MODELDIR' },
    name: { kind: 'text', help: "its name there; the folder's unless given", value: 'NAME' },
    remove: {
      kind: 'text',
      help: 'model to remove, by its SHA-256 or the beginning of it; projects that use it have their own copy',
      value: 'SHA',
    },
  },
  async run({ options }) {
    if (options.keep !== undefined && options.remove !== undefined) throw usageError('Give either --keep MODELDIR or --remove SHA.');
    if (options.name !== undefined && options.keep === undefined) throw usageError('--name belongs to --keep MODELDIR.');
    if (options.remove !== undefined && !/^[0-9a-f]{6,64}$/.test(options.remove))
      throw usageError('--remove takes at least six characters of a SHA-256.');
    const shelf = new ModelShelf(appFolders().data);
    if (options.keep !== undefined) {
      const folder = resolve(options.keep);
      await shelf.keep(folder, options.name ?? basename(folder));
    }
    if (options.remove !== undefined) await shelf.remove(options.remove);
    const models = await shelf.list();
    return {
      json: { models },
      text:
        models.length === 0
          ? 'The shelf is empty. Put a model on it with --keep MODELDIR, or in the window: Models → Keep on this computer.'
          : models.map(describe).join('\n'),
    };
  },
});

function describe({
  hash,
  name,
  variant,
  labels,
  licence,
  source,
  parameters,
  bytes,
}: Awaited<ReturnType<ModelShelf['list']>>[number]): string {
  return [
    `${hash.slice(0, 12)}  ${name}: ${variant}, ${(parameters / 1e6).toFixed(2)} M parameters, ${fileSize(bytes)}`,
    `              ${labels.join(', ')}`,
    ...(source === null ? [] : [`              ${source}; licence: ${licence ?? 'not stated'}`]),
  ].join('\n');
}
