import { basename, resolve } from 'node:path';
import { labelTemplates } from '#shared/domain/labelTemplates.ts';
import { createProjectFolder } from '#main/project/headlessProject.ts';
import { defineCommand } from '../command.ts';

export const projectCreateCommand = defineCommand({
  name: 'project create',
  summary: 'Make a project in a new or empty folder.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    name: { kind: 'text', help: "name of the project; the folder's unless given" },
    template: {
      kind: 'text',
      help: 'a set of labels to begin with, before those of --label',
      choices: labelTemplates.map(({ id }) => id),
    },
    label: { kind: 'list', help: "a label's name; values 1, 2, … in order (a data set brings its own)" },
  },
  async run({ options, positionals: [folder = ''] }) {
    const path = resolve(folder);
    const names = labelTemplates.find(({ id }) => id === options.template)?.labels.map(({ name }) => name) ?? [];
    const labels = await createProjectFolder(path, options.name ?? basename(path), [...names, ...options.label]);
    return { json: { path, labels }, text: `Made the project ${path}.` };
  },
});
