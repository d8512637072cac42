import { resolve } from 'node:path';
import { changeLabels } from '#main/services/headlessProject.ts';
import { defineCommand, usageError } from '../command.ts';

export const projectLabelsCommand = defineCommand({
  name: 'project labels',
  summary: 'List a project\'s labels; name, add or remove some.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    label: { kind: 'list', help: 'a mask value and its name, e.g. 3=Spleen; adds the label or renames it', value: 'VALUE=NAME' },
    remove: { kind: 'list', help: 'remove the label of this value or name, if no mask holds it; its value is not used again', value: 'LABEL' },
    restore: { kind: 'list', help: 'bring a removed label back', value: 'LABEL' },
  },
  async run(command) {
    const { options, positionals: [folder = ''] } = command;
    const { labels, removedLabels } = await changeLabels(resolve(folder), { added: options.label.map(parseLabel), removed: options.remove, restored: options.restore }, command);
    const lines = [...labels.map(({ value, name }) => `${String(value)} ${name}`), ...removedLabels.map(({ value, name }) => `${String(value)} ${name} (removed)`)];
    return { json: { labels, removedLabels }, text: lines.join('\n') || 'The project has no labels yet.' };
  },
});

function parseLabel(text: string): { value: number; name: string } {
  const [, digits = '', name = ''] = /^(\d+)=(.+)$/.exec(text) ?? [];
  const value = Number(digits);
  if (name.trim() === '' || value < 1 || value > 255) throw usageError(`--label is written VALUE=NAME with a value from 1 to 255, e.g. 3=Spleen, not "${text}".`);
  return { value, name: name.trim() };
}
