import { resolve } from 'node:path';
import { addLabels } from '#main/services/headlessProject.ts';
import { defineCommand, usageError } from '../command.ts';

export const projectLabelsCommand = defineCommand({
  name: 'project labels',
  summary: 'List a project\'s labels; name or add some.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    label: { kind: 'list', help: 'a mask value and its name, e.g. 3=Spleen; adds the label or renames it', value: 'VALUE=NAME' },
  },
  async run({ options, positionals: [folder = ''] }) {
    const labels = await addLabels(resolve(folder), options.label.map(parseLabel));
    return { json: { labels }, text: labels.map(({ value, name }) => `${String(value)} ${name}`).join('\n') || 'The project has no labels yet.' };
  },
});

function parseLabel(text: string): { value: number; name: string } {
  const [, digits = '', name = ''] = /^(\d+)=(.+)$/.exec(text) ?? [];
  const value = Number(digits);
  if (name.trim() === '' || value < 1 || value > 255) throw usageError(`--label is written VALUE=NAME with a value from 1 to 255, e.g. 3=Spleen, not "${text}".`);
  return { value, name: name.trim() };
}
