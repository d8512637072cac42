import { resolve } from 'node:path';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';

export const phantomsCommand = defineCommand({
  name: 'phantoms',
  summary: 'Write generated abdominal CT phantoms with masks as a data set.',
  options: {
    out: { kind: 'text', help: 'folder for imagesTr, labelsTr and dataset.json', value: 'DIR', required: true },
    count: { kind: 'integer', help: 'how many', minimum: 1, maximum: 10_000, default: 20 },
    seed: { kind: 'integer', help: 'seed of the first', default: 1 },
    overwrite: { kind: 'flag', help: 'replace files of the same name' },
    resolution: { kind: 'number', help: 'mean in-plane voxel size in mm', minimum: 0.5, maximum: 20, default: 2.5 },
  },
  async run(command) {
    const { options } = command;
    const { dataset, cases } = await runHere(
      'phantoms',
      {
        folder: resolve(options.out),
        count: options.count,
        seed: options.seed,
        resolution: options.resolution,
        overwrite: options.overwrite,
      },
      command,
    );
    return { json: { dataset, cases }, text: `${cases.length} phantoms: ${dataset}` };
  },
});
