import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pointable } from '#shared/prompts/reader.ts';
import { claimFolder } from '#main/files/outputs.ts';
import { withAbsolutePaths, withRelativePaths } from '#main/files/portablePaths.ts';
import { trainPromptsRequest } from '#main/jobs/requests/trainPrompts.ts';
import { runHere } from '#main/jobs/run.ts';
import { trainingInput } from '#main/project/trainingInput.ts';
import { defineCommand, usageError } from '../command.ts';
import { duration } from '../progressBar.ts';
import { checkBegun, deviceOptions, figure } from './shared.ts';

export const promptsTrainCommand = defineCommand({
  name: 'prompts train',
  summary:
    'Train a prompt network, which segments what is pointed out, on generated volumes, and on images and masks where they are given.',
  options: {
    out: { kind: 'text', help: 'folder for the model', value: 'MODELDIR', required: true },
    from: { kind: 'text', help: 'go on from this prompt network', value: 'MODELDIR' },
    images: { kind: 'text', help: 'folder of images to learn from, too', value: 'DIR' },
    labels: { kind: 'text', help: 'folder of their masks, with the names of the images', value: 'DIR' },
    dataset: {
      kind: 'text',
      help: 'dataset.json (MSD, nnU-Net): names the labels, and the cases where no folders are given',
      value: 'FILE',
    },
    minutes: { kind: 'number', help: 'time budget; 60 unless --steps is given', minimum: 0.05 },
    steps: { kind: 'integer', help: 'budget in optimiser steps instead (repeatable bit for bit)', minimum: 1 },
    batch: { kind: 'integer', help: 'volumes in a step', minimum: 1, default: 2 },
    seed: { kind: 'integer', help: 'seed of all random draws', default: 0 },
    resume: { kind: 'flag', help: 'go on from the checkpoint in --out' },
    'checkpoint-seconds': { kind: 'number', help: 'seconds between two checkpoints', minimum: 0, default: 30 },
    ...deviceOptions,
  },
  async run(command) {
    const { options } = command;
    const out = resolve(options.out);
    const work = join(out, 'training');
    const settings = join(work, 'settings.json');
    checkBegun(options, settings);
    if (!options.resume) {
      if ((options.images === undefined) !== (options.labels === undefined)) throw usageError('--images and --labels belong together.');
      const isGiven = options.images !== undefined || options.dataset !== undefined;
      const input = isGiven ? await trainingInput(options.images, options.labels, options.dataset) : null;
      for (const { reason } of input?.skipped ?? []) command.note(`Left out: ${reason}`);
      const config = {
        ...(options.from !== undefined && { from: resolve(options.from) }),
        ...(input !== null && { cases: input.cases }),
        ...(input?.labelSet !== undefined && pointable(input.labelSet)),
        budget: options.steps === undefined ? { minutes: options.minutes ?? 60 } : { steps: options.steps },
        seed: options.seed,
        batch: options.batch,
        device: options.device,
        threads: options.threads,
        checkpointSeconds: options['checkpoint-seconds'],
      };
      trainPromptsRequest.parse(config);
      await claimFolder(out, ['model.json', 'weights.safetensors', 'training'], 'training/begun');
      await writeFile(settings, JSON.stringify(withRelativePaths(config, work, out)));
    }
    const config = trainPromptsRequest.parse(withAbsolutePaths(JSON.parse(await readFile(settings, 'utf8')), work));
    const shown = (dice: Readonly<Record<string, number>>): string =>
      Object.entries(dice)
        .map(([clicks, value]) => `${clicks}: ${figure(value, 3)}`)
        .join(', ');
    const result = await runHere('trainPrompts', config, command, {
      outFolder: out,
      checkpointFolder: work,
      log: true,
      onPoint: ({ dice, seconds, step }) => {
        if (dice !== null) command.note(`${duration(seconds)}, step ${String(step)}: Dice ${shown(dice)}`);
      },
    });
    for (const name of ['checkpoint.safetensors', 'settings.json', 'begun']) await rm(join(work, name), { force: true });
    const seen = result.cases === 0 ? '' : ` with ${String(result.structures)} structures of ${String(result.cases)} cases`;
    const text = `Trained${seen} for ${duration(result.seconds)} (${String(result.steps)} steps) on ${result.device}. Dice on other generated volumes, by clicks: ${shown(result.dice)}.\n\nThe model is in ${options.out}.`;
    return { json: { model: out, ...result }, text };
  },
});
