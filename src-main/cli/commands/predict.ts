import { resolve } from 'node:path';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';
import { deviceOptions, deviceWith, precisionOption } from './shared.ts';

export const predictCommand = defineCommand({
  name: 'predict',
  summary: "Segment images with a model; each mask lies on its image's grid.",
  positionals: { name: 'FILE…', minimum: 1, maximum: Infinity },
  options: {
    model: { kind: 'text', help: 'folder of the model', value: 'MODELDIR', required: true },
    out: { kind: 'text', help: 'folder for the masks (.nii.gz)', value: 'DIR', required: true },
    channels: {
      kind: 'text',
      help: "what the files _0000, _0001, … of a case, or the volumes of a 4-D file, are called (unless given: the model's channels, in order)",
      value: 'NAMES',
    },
    overlap: { kind: 'number', help: 'part of a window that neighbours share', minimum: 0, maximum: 0.9, default: 0.5 },
    'no-mirror': { kind: 'flag', help: 'do not predict mirrored images too (faster)' },
    overwrite: { kind: 'flag', help: 'replace masks of the same name; an image that is read is never replaced' },
    uncertainty: { kind: 'flag', help: 'write a map of the uncertainty (0..255) beside each mask' },
    ...deviceOptions,
    ...precisionOption,
  },
  async run(command) {
    const { options, positionals } = command;
    const { predictions, skipped } = await runHere(
      'predict',
      {
        model: resolve(options.model),
        images: positionals.map((path) => ({ path: resolve(path) })),
        channels: options.channels?.split(','),
        device: deviceWith(options),
        threads: options.threads,
        overlap: options.overlap,
        mirror: !options['no-mirror'],
        uncertainty: options.uncertainty,
        overwrite: options.overwrite,
      },
      command,
      { outFolder: resolve(options.out) },
    );
    const lines = predictions.map(
      ({ mask, volumes, seconds, uncertainSlices }) =>
        `${mask}  ${Object.entries(volumes)
          .map(([name, millilitres]) => `${name} ${millilitres.toFixed(1)} ml`)
          .join(
            ', ',
          )}${uncertainSlices.length === 0 ? '' : `; least sure in the slices ${uncertainSlices.map((slice) => slice + 1).join(', ')}`}  (${seconds.toFixed(1)} s)`,
    );
    return { json: { predictions, skipped }, text: lines.join('\n') || 'No image could be predicted.', failed: predictions.length === 0 };
  },
});
