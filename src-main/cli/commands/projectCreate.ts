import { basename, resolve } from 'node:path';
import { createProjectFolder } from '#main/services/headlessProject.ts';
import { defineCommand } from '../command.ts';

export const projectCreateCommand = defineCommand({
  name: 'project create',
  summary: 'Make a project in a new or empty folder.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    name: { kind: 'text', help: 'name of the project; the folder\'s unless given' },
    label: { kind: 'list', help: 'a label\'s name; values 1, 2, … in order (a data set brings its own)' },
  },
  async run({ options, positionals: [folder = ''] }) {
    const path = resolve(folder);
    const labels = await createProjectFolder(path, options.name ?? basename(path), options.label);
    return { json: { path, labels }, text: `Made the project ${path}.` };
  },
});
