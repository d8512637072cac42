import { defineCommand } from '../command.ts';
import { withProject } from '../withProject.ts';

export const rankCommand = defineCommand({
  name: 'next',
  summary: 'The case of a project that is best labelled next, and why.',
  positionals: { name: 'PROJECT', minimum: 1, maximum: 1 },
  options: {
    strategy: { kind: 'text', help: 'how to choose', choices: ['suggested', 'uncertainty', 'diversity', 'random'], default: 'suggested' },
  },
  run: (command) => withProject(command.positionals[0] ?? '.', command, async ({ library, call }) => {
    const strategy = command.options.strategy as 'suggested' | 'uncertainty' | 'diversity' | 'random';
    const { suggestion } = await library.next({ strategy }, call);
    if (suggestion === null) return { json: { suggestion }, text: 'Nothing is left to label.' };
    const { case: row } = await library.get({ caseId: suggestion.caseId }, call);
    return { json: { suggestion: { ...suggestion, name: row.name } }, text: `${row.name}: ${suggestion.reason}` };
  }),
});
