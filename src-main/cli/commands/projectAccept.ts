import { resolve } from 'node:path';
import { acceptInProject } from '#main/project/headlessProject.ts';
import { defineCommand } from '../command.ts';

export const projectAcceptCommand = defineCommand({
  name: 'project accept',
  summary: 'Accept masks in bulk: they train models and never measure them, for nobody has looked at each.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    sheet: { kind: 'text', help: 'accept only what this page of "project sheet" shows, as it was shown', value: 'FILE' },
    case: { kind: 'list', help: 'id of a case; all that are not accepted yet unless given', value: 'ID' },
    prediction: { kind: 'flag', help: 'make the newest prediction the mask where nothing was corrected' },
    'allow-empty': { kind: 'flag', help: 'accept masks as they are, also empty ones and those without a label that is predicted' },
  },
  async run({ options, positionals: [folder = ''], report, note, cancellation }) {
    const { accepted, skipped } = await acceptInProject(
      resolve(folder),
      {
        prediction: options.prediction,
        allowEmpty: options['allow-empty'],
        ...(options.sheet !== undefined && { sheet: resolve(options.sheet) }),
        ...(options.case.length === 0 ? {} : { caseIds: options.case }),
      },
      { report, cancellation },
    );
    for (const { name, reason } of skipped) note(`skipped: ${name}: ${reason}`);
    return {
      json: { accepted, skipped },
      text: accepted.map(({ caseId, name }) => `${caseId}  ${name}`).join('\n') || 'Nothing was accepted.',
      failed: accepted.length === 0,
    };
  },
});
