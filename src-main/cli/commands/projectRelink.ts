import { resolve } from 'node:path';
import { relinkProject } from '#main/project/headlessProject.ts';
import { defineCommand } from '../command.ts';

/** Of any system: the images may have been imported on another one. */
const isFullPath = /^([A-Za-z]:)?[\\/]/;

export const projectRelinkCommand = defineCommand({
  name: 'project relink',
  summary: 'Say where referenced images lie now; each is taken from there once it was read and is what was imported.',
  positionals: { name: 'DIR FROM TO', minimum: 3, maximum: 3 },
  options: {},
  async run({ positionals: [folder = '', from = '', to = ''], report, note, cancellation }) {
    const { relinked, skipped } = await relinkProject(resolve(folder), isFullPath.test(from) ? from : resolve(from), resolve(to), {
      report,
      cancellation,
    });
    for (const { path, message } of skipped) note(`skipped: ${path}: ${message}`);
    return {
      json: { relinked, skipped },
      text: `${String(relinked.length)} images are read from ${resolve(to)}${skipped.length === 0 ? '' : `, ${String(skipped.length)} skipped`}.`,
      failed: skipped.length > 0,
    };
  },
});
