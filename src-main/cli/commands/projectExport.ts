import { resolve } from 'node:path';
import { exportProject } from '#main/project/headlessProject.ts';
import { defineCommand } from '../command.ts';

export const projectExportCommand = defineCommand({
  name: 'project export',
  summary: 'Export accepted masks, or predictions; every file is read back and compared before it counts.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    out: { kind: 'text', help: 'folder for the files', value: 'DIR', required: true },
    format: {
      kind: 'text',
      help: 'what to write',
      choices: ['nifti', 'regions', 'nrrd', 'dicom-seg', 'rtstruct', 'dicom', 'stl', 'obj', 'csv', 'measurements', 'nnunet'],
      default: 'nifti',
    },
    case: { kind: 'list', help: 'id of a case; all accepted ones (with --prediction: all predicted ones) unless given', value: 'ID' },
    prediction: { kind: 'flag', help: 'export the newest predictions instead of the masks' },
    identify: { kind: 'flag', help: 'keep names (they are left out unless asked for)' },
    values: {
      kind: 'text',
      help: "numbers of the labels: the project's, or those of the files that the masks came from (nifti, nrrd)",
      choices: ['project', 'source'],
      default: 'project',
    },
    regions: {
      kind: 'flag',
      help: 'each label with all that lies inside it, so that they overlap (dicom-seg, rtstruct, dicom, stl, obj; regions, csv and nnunet have it anyway)',
    },
    overwrite: { kind: 'flag', help: 'replace files of the same name' },
  },
  async run({ options, positionals: [folder = ''], report, note, cancellation }) {
    const { files, failures, pseudonyms, space } = await exportProject(
      resolve(folder),
      {
        format: options.format,
        destination: resolve(options.out),
        source: options.prediction ? 'prediction' : 'mask',
        deidentify: !options.identify,
        overwrite: options.overwrite,
        regions: options.regions,
        values: options.values === 'source' ? 'source' : 'project',
        ...(options.case.length === 0 ? {} : { caseIds: options.case }),
      },
      { report, cancellation, note },
    );
    if (space !== null) note(space);
    if (pseudonyms !== null) note(`Who is who, on this computer alone: ${pseudonyms}`);
    for (const { caseId, error } of failures) note(`failed: ${caseId}: ${error.message}`);
    const nothing =
      failures.length > 0
        ? 'Nothing was exported.'
        : `Nothing was exported: no case ${options.prediction ? 'has a prediction' : 'is accepted'} yet.`;
    return {
      json: { files, failures, pseudonyms },
      text: files.map(({ path }) => path).join('\n') || nothing,
      failed: failures.length > 0 || files.length === 0,
    };
  },
});
