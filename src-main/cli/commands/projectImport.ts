import { resolve } from 'node:path';
import { importIntoProject } from '#main/services/headlessProject.ts';
import { defineCommand } from '../command.ts';

export const projectImportCommand = defineCommand({
  name: 'project import',
  summary: 'Bring files, folders, DICOM series and data sets (dataset.json, pairs of images and labels) into a project.',
  positionals: { name: 'DIR FILE…', minimum: 2, maximum: Infinity },
  options: {
    reference: { kind: 'flag', help: 'leave the files where they are instead of copying them' },
  },
  async run({ options, positionals: [folder = '', ...sources], report, note, cancellation }) {
    const result = await importIntoProject(resolve(folder), sources.map((source) => resolve(source)), options.reference ? 'reference' : 'copy', { report, cancellation });
    for (const { path, message } of result.refused) note(`refused: ${path}: ${message}`);
    for (const { path, message } of result.warnings) note(`warning: ${path}: ${message}`);
    return {
      json: { ...result },
      text: `${String(result.added.length)} cases added, ${String(result.masks)} masks, ${String(result.duplicates)} already there, ${String(result.refused.length)} refused.`,
      failed: result.added.length === 0 && result.duplicates === 0,
    };
  },
});
