import { resolve } from 'node:path';
import { writePhantoms } from '#main/jobs/tasks/phantoms.ts';
import { defineCommand } from '../command.ts';

export const phantomsCommand = defineCommand({
  name: 'phantoms',
  summary: 'Write generated abdominal CT phantoms with masks as a data set.',
  options: {
    out: { kind: 'text', help: 'folder for imagesTr, labelsTr and dataset.json', value: 'DIR', required: true },
    count: { kind: 'integer', help: 'how many', minimum: 1, maximum: 10_000, default: 20 },
    seed: { kind: 'integer', help: 'seed of the first', default: 1 },
    resolution: { kind: 'number', help: 'mean in-plane voxel size in mm', minimum: 0.5, maximum: 20, default: 2.5 },
  },
  async run({ options, report, cancellation }) {
    const { dataset, cases } = await writePhantoms({ folder: resolve(options.out), count: options.count, seed: options.seed, resolution: options.resolution, report, cancellation });
    return { json: { dataset, cases }, text: `${cases.length} phantoms: ${dataset}` };
  },
});
