import { extname, resolve } from 'node:path';
import { writeProjectSheet } from '#main/project/headlessProject.ts';
import { defineCommand, usageError } from '../command.ts';

export const projectSheetCommand = defineCommand({
  name: 'project sheet',
  summary: 'One page with the middle slices of every mask that would be accepted in bulk, to be looked at before "project accept --sheet".',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    out: { kind: 'text', help: 'the page, with the ending .html', value: 'FILE', required: true },
    case: { kind: 'list', help: 'id of a case; all that are not accepted yet unless given', value: 'ID' },
    prediction: { kind: 'flag', help: 'show the newest prediction where nothing was corrected' },
    overwrite: { kind: 'flag', help: 'replace a file of the same name' },
  },
  async run({ options, positionals: [folder = ''], report, note, cancellation }) {
    const out = resolve(options.out);
    if (extname(out).toLowerCase() !== '.html') throw usageError('--out is a file with the ending .html.');
    const { cases } = await writeProjectSheet(
      resolve(folder),
      {
        out,
        prediction: options.prediction,
        overwrite: options.overwrite,
        ...(options.case.length > 0 && { caseIds: options.case }),
      },
      { report, note, cancellation },
    );
    for (const { name, reason } of cases) if (reason !== null) note(`would not be accepted: ${name}: ${reason}`);
    const ready = cases.filter(({ reason }) => reason === null);
    return {
      json: { out, cases },
      text: `${out}: ${String(ready.length)} of ${String(cases.length)} cases would be accepted. Look at it, then: logonet project accept ${folder} --sheet ${options.out}`,
      failed: ready.length === 0,
    };
  },
});
