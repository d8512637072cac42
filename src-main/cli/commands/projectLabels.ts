import { resolve } from 'node:path';
import { editProject } from '#main/project/headlessCare.ts';
import { changeLabels } from '#main/project/headlessProject.ts';
import { defineCommand, usageError } from '../command.ts';

export const projectLabelsCommand = defineCommand({
  name: 'project labels',
  summary: "List a project's labels; name, add or remove some, or turn one into another in every mask.",
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    label: { kind: 'list', help: 'a mask value and its name, e.g. 3=Spleen; adds the label or renames it', value: 'VALUE=NAME' },
    remove: {
      kind: 'list',
      help: 'remove the label of this value or name, if no mask holds it; its value is not used again',
      value: 'LABEL',
    },
    turn: {
      kind: 'list',
      help: 'turn a label into another one in the masks of all cases, as one step (project history)',
      value: 'LABEL=OTHER',
    },
    erase: { kind: 'list', help: 'erase a label in the masks of all cases, as one step', value: 'LABEL' },
    inside: {
      kind: 'list',
      help: 'a label lies inside another one, whose region it belongs to, e.g. tumour=liver; "tumour=" takes that back',
      value: 'LABEL=OUTER',
    },
    restore: { kind: 'list', help: 'bring a removed label back', value: 'LABEL' },
  },
  async run(command) {
    const {
      options,
      positionals: [folder = ''],
    } = command;
    const turned = options.turn.map((text): [string, string | null] => {
      const at = text.lastIndexOf('=');
      if (at < 1 || at === text.length - 1) throw usageError(`--turn is written LABEL=OTHER, e.g. Cyst=Kidney, not "${text}".`);
      return [text.slice(0, at), text.slice(at + 1)];
    });
    for (const [from, into] of [...turned, ...options.erase.map((label): [string, null] => [label, null])]) {
      const { changed } = await editProject(resolve(folder), from, into, command);
      command.note(
        `${into === null ? `${from} erased` : `${from} turned into ${into}`} in ${String(changed.length)} ${changed.length === 1 ? 'case' : 'cases'}.`,
      );
    }
    const { labels, removedLabels } = await changeLabels(
      resolve(folder),
      { added: options.label.map(parseLabel), removed: options.remove, restored: options.restore, inside: options.inside.map(parseInside) },
      command,
    );
    const nameOf = (value: number): string => labels.find((label) => label.value === value)?.name ?? String(value);
    const lines = [
      ...labels.map(({ value, name, inside }) => `${String(value)} ${name}${inside === undefined ? '' : ` (inside ${nameOf(inside)})`}`),
      ...removedLabels.map(({ value, name }) => `${String(value)} ${name} (removed)`),
    ];
    return { json: { labels, removedLabels }, text: lines.join('\n') || 'The project has no labels yet.' };
  },
});

function parseInside(text: string): [string, string | null] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw usageError(`--inside is written LABEL=OUTER, e.g. tumour=liver, not "${text}".`);
  return [text.slice(0, at), text.slice(at + 1) || null];
}

function parseLabel(text: string): { value: number; name: string } {
  const [, digits = '', name = ''] = /^(\d+)=(.+)$/.exec(text) ?? [];
  const value = Number(digits);
  if (name.trim() === '' || value < 1 || value > 255)
    throw usageError(`--label is written VALUE=NAME with a value from 1 to 255, e.g. 3=Spleen, not "${text}".`);
  return { value, name: name.trim() };
}
