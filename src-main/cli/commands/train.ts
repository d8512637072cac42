import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { variantNames } from '#main/jobs/tasks/modelInfo.ts';
import { withAbsolutePaths, withRelativePaths } from '#main/files/portablePaths.ts';
import { trainTask, type TrainTaskResult } from '#main/jobs/tasks/train.ts';
import { trainingInput } from '#main/jobs/tasks/trainingInput.ts';
import { defineCommand, usageError } from '../command.ts';
import { duration } from '../progressBar.ts';
import { runTask } from '../runTask.ts';
import { deviceOptions, deviceWith, figure, precisionOption, textTable } from './shared.ts';

export const trainCommand = defineCommand({
  name: 'train',
  summary: 'Train a model on images and masks (NIfTI, NRRD, MetaImage) within a time budget.',
  options: {
    images: { kind: 'text', help: 'folder of images', value: 'DIR' },
    labels: { kind: 'text', help: 'folder of masks with the names of the images', value: 'DIR' },
    dataset: { kind: 'text', help: 'dataset.json (MSD, nnU-Net): names the labels, and the cases where no folders are given', value: 'FILE' },
    out: { kind: 'text', help: 'folder for the model', value: 'MODELDIR', required: true },
    minutes: { kind: 'number', help: 'time budget; 15 unless --steps is given', minimum: 0.05 },
    steps: { kind: 'integer', help: 'budget in optimiser steps instead (repeatable bit for bit)', minimum: 1 },
    variant: { kind: 'text', help: 'network; chosen from device and data unless given', choices: variantNames },
    recipe: { kind: 'text', help: 'training recipe', choices: ['standard', 'paper'], default: 'standard' },
    seed: { kind: 'integer', help: 'seed of all random draws', default: 0 },
    validation: { kind: 'number', help: 'part of the cases that validate and never train', minimum: 0, maximum: 0.5, default: 0.2 },
    from: { kind: 'text', help: 'start from this model\'s weights', value: 'MODELDIR' },
    resume: { kind: 'flag', help: 'go on from the checkpoint in --out' },
    patch: { kind: 'text', help: 'patch in voxels along D, H, W instead of the planned one', value: '64x64x64' },
    batch: { kind: 'integer', help: 'patches in a step instead of the planned number', minimum: 1 },
    adjust: { kind: 'list', help: 'replace a number of the recipe, e.g. learningRate=0.001', value: 'NAME=VALUE' },
    'validate-every': { kind: 'integer', help: 'steps between two validations; about twelve in the budget unless given', minimum: 1 },
    'checkpoint-seconds': { kind: 'number', help: 'seconds between two checkpoints', minimum: 0, default: 30 },
    'memory-gb': { kind: 'number', help: 'most memory that the training step may take', minimum: 0.1 },
    ...deviceOptions, ...precisionOption,
  },
  async run(command) {
    const { options } = command;
    const out = resolve(options.out);
    const work = join(out, 'training');
    const settings = join(work, 'settings.json');
    if (options.resume) {
      if (!existsSync(settings)) throw usageError(`There is no interrupted training in ${options.out}: start it without --resume.`);
    } else {
      if (existsSync(join(out, 'model.json'))) throw usageError(`${options.out} already holds a model: choose another folder.`);
      if (existsSync(settings)) throw usageError(`${options.out} holds an interrupted training: go on with --resume, or choose another folder.`);
      if ((options.images === undefined) !== (options.labels === undefined)) throw usageError('--images and --labels belong together.');
      const input = await trainingInput(options.images, options.labels, options.dataset);
      for (const { reason } of input.leftOut) command.note(`Left out: ${reason}`);
      const config = {
        cases: input.cases, labelSet: input.labelSet, modality: input.modality, validationFraction: options.validation,
        budget: options.steps === undefined ? { minutes: options.minutes ?? 15 } : { steps: options.steps },
        recipe: options.recipe, variant: options.variant, seed: options.seed, device: deviceWith(options), threads: options.threads,
        from: options.from === undefined ? undefined : resolve(options.from), batch: options.batch,
        patch: options.patch?.split('x').map(Number), adjust: adjustments(options.adjust),
        validateEvery: options['validate-every'], checkpointSeconds: options['checkpoint-seconds'],
        memoryBudgetBytes: options['memory-gb'] === undefined ? undefined : options['memory-gb'] * 2 ** 30,
      };
      trainTask.parse(config);
      await mkdir(work, { recursive: true });
      await writeFile(settings, JSON.stringify(withRelativePaths(config, work, out)));
    }
    const result = await runTask(trainTask, withAbsolutePaths(JSON.parse(await readFile(settings, 'utf8')), work), command, {
      outFolder: out, checkpointFolder: work, log: true,
      onPoint: ({ dice, seconds, step }) => {
        if (dice !== null) command.note(`${duration(seconds)}, step ${step}: ${Object.entries(dice).map(([name, value]) => `${name} ${value.toFixed(4)}`).join(', ')}`);
      },
    });
    await rm(join(work, 'cases'), { recursive: true, force: true });
    for (const name of ['checkpoint.safetensors', 'best.safetensors', 'settings.json', 'preparation.json']) await rm(join(work, name), { force: true });
    return { json: { model: out, ...result }, text: report(options.out, result) };
  },
});

function adjustments(given: readonly string[]): Record<string, number | boolean> {
  return Object.fromEntries(given.map((text) => {
    const [name = '', value = ''] = text.split('=');
    const number = Number(value);
    if (value === '' || (Number.isNaN(number) && value !== 'true' && value !== 'false')) throw usageError(`--adjust is written NAME=NUMBER, not "${text}".`);
    return [name, Number.isNaN(number) ? value === 'true' : number];
  }));
}

function report(out: string, result: TrainTaskResult): string {
  const lines = [
    `Trained ${result.variant} on ${result.trainingCases} cases for ${duration(result.seconds)} (${result.steps} steps, patch ${result.plan.patch.join('×')}, batch ${result.plan.batch}) on ${result.device}.`,
  ];
  if (result.dice !== null) {
    const rows = Object.entries(result.dice).map(([name, dice]) => [name, figure(dice, 4), figure(result.hd95?.[name], 2)]);
    lines.push('', textTable([`On ${result.validationCases.length} validation cases`, 'Dice', 'HD95 mm'], [...rows, ['mean', figure(result.meanDice, 4), '']]));
  }
  lines.push('', `The model is in ${out}.`);
  return lines.join('\n');
}
