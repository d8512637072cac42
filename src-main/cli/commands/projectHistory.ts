import { resolve } from 'node:path';
import { projectHistory } from '#main/project/headlessCare.ts';
import { defineCommand, usageError } from '../command.ts';

export const projectHistoryCommand = defineCommand({
  name: 'project history',
  summary: 'Steps of the project as a whole (labels, exclusion, edits of every mask); takes the last one back, or does it again.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    undo: { kind: 'flag', help: 'take the last step back' },
    redo: { kind: 'flag', help: 'do the step again that was taken back last' },
  },
  async run({ options, positionals: [folder = ''], note, report, cancellation }) {
    if (options.undo && options.redo) throw usageError('Give --undo or --redo, not both.');
    const { steps, outcome } = await projectHistory(resolve(folder), options.undo ? 'undo' : options.redo ? 'redo' : null, {
      report,
      cancellation,
      note,
    });
    for (const { name, reason } of outcome?.kept ?? []) note(`stays: ${name}: ${reason}`);
    const lines = steps.map(
      ({ at, who, name, state }) => `${new Date(at).toLocaleString()}  ${who}  ${name}${state === 'undone' ? ' (taken back)' : ''}`,
    );
    return {
      json: { steps: steps.map(({ id, at, who, kind, name, state }) => ({ id, at, who, kind, name, state })), outcome },
      text:
        [...(outcome === null ? [] : [`${options.undo ? 'Taken back' : 'Done again'}: ${outcome.name}.`]), ...lines].join('\n') ||
        'No steps yet.',
      failed: outcome !== null && outcome.kept.length > 0,
    };
  },
});
