import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sameChannelName } from '#shared/domain/caseImages.ts';
import { blockNames, variantNames } from '#shared/domain/modelCard.ts';
import { claimFolder } from '#main/files/outputs.ts';
import { contrastRules, lossNames, sliceRules } from '#shared/domain/trainConfig.ts';
import { withAbsolutePaths, withRelativePaths } from '#main/files/portablePaths.ts';
import { trainRequest, type TrainTaskInput, type TrainTaskResult } from '#main/jobs/requests/train.ts';
import { runHere } from '#main/jobs/run.ts';
import type { HeadlessOptions } from '#main/project/headless.ts';
import { findScans } from '#main/project/headlessProject.ts';
import { trainingInput, type TrainingInput } from '#main/project/trainingInput.ts';
import { defineCommand, usageError, type CommandContext } from '../command.ts';
import { duration } from '../progressBar.ts';
import { checkBegun, deviceOptions, deviceWith, figure, precisionOption, textTable } from './shared.ts';

export const trainCommand = defineCommand({
  name: 'train',
  summary: 'Train a model on images and masks (NIfTI, NRRD, MetaImage) within a time budget.',
  options: {
    images: { kind: 'text', help: 'folder of images', value: 'DIR' },
    labels: { kind: 'text', help: 'folder of masks with the names of the images', value: 'DIR' },
    dataset: {
      kind: 'text',
      help: 'dataset.json (MSD, nnU-Net): names the labels, and the cases where no folders are given',
      value: 'FILE',
    },
    ignore: {
      kind: 'integer',
      help: 'label value of voxels that nobody marked, which are not learned from (unless given: that of a label named "ignore")',
      minimum: 1,
      maximum: 255,
    },
    channels: {
      kind: 'text',
      help: 'images of a case that the network takes, by name, with commas between (unless given: all that the data set has; files without names are called by their numbers, 0000 first)',
      value: 'NAMES',
    },
    'missing-channels': {
      kind: 'text',
      help: 'a case that lacks one of them is left out, or has zeros there (and it is then left out of a quarter of the other patches)',
      choices: ['leave-out', 'zeros'],
      default: 'leave-out',
    },
    unlabelled: {
      kind: 'text',
      help: 'folder of scans without masks to learn from, too (a step then takes about three times as long)',
      value: 'DIR',
    },
    out: { kind: 'text', help: 'folder for the model', value: 'MODELDIR', required: true },
    minutes: { kind: 'number', help: 'time budget; 15 unless --steps is given', minimum: 0.05 },
    steps: { kind: 'integer', help: 'budget in optimiser steps instead (repeatable bit for bit)', minimum: 1 },
    variant: { kind: 'text', help: 'network; chosen from device and data unless given', choices: variantNames },
    block: {
      kind: 'text',
      help: "what an encoder's block is: the paper's text, the authors' code, or the usual residual one",
      choices: blockNames,
      default: 'literal',
    },
    recipe: { kind: 'text', help: 'training recipe', choices: ['standard', 'paper'], default: 'standard' },
    loss: { kind: 'text', help: "loss: the paper's, or weighted by class; the recipe's unless given", choices: lossNames },
    seed: { kind: 'integer', help: 'seed of all random draws', default: 0 },
    validation: { kind: 'number', help: 'part of the cases that validate and never train', minimum: 0, maximum: 0.5, default: 0.2 },
    from: { kind: 'text', help: "start from this model's weights", value: 'MODELDIR' },
    resume: { kind: 'flag', help: 'go on from the checkpoint in --out' },
    patch: { kind: 'text', help: 'patch in voxels along D, H, W instead of the planned one', value: '64x64x64' },
    batch: { kind: 'integer', help: 'patches in a step instead of the planned number', minimum: 1 },
    spacing: { kind: 'text', help: 'mm along left-right, back-front and foot-head instead of the planned ones', value: '1.5x1.5x5' },
    contrast: {
      kind: 'text',
      help: 'MR intensities relative to the whole volume, or to what lies around each voxel, in all directions or in its slice; slice where slices are thick unless given',
      choices: contrastRules,
    },
    slices: {
      kind: 'text',
      help: 'what becomes of slices over three times as thick as their voxels; whole with fewer than 20 cases, else keep, unless given',
      choices: sliceRules,
    },
    adjust: { kind: 'list', help: 'replace a number of the recipe, e.g. learningRate=0.001', value: 'NAME=VALUE' },
    'validate-every': { kind: 'integer', help: 'steps between two validations; about twelve in the budget unless given', minimum: 1 },
    'checkpoint-seconds': { kind: 'number', help: 'seconds between two checkpoints', minimum: 0, default: 30 },
    'memory-gb': { kind: 'number', help: 'most memory that the training step may take', minimum: 0.1 },
    ...deviceOptions,
    ...precisionOption,
  },
  async run(command) {
    const { options } = command;
    const out = resolve(options.out);
    const work = join(out, 'training');
    const settings = join(work, 'settings.json');
    checkBegun(options, settings);
    if (!options.resume) {
      if ((options.images === undefined) !== (options.labels === undefined)) throw usageError('--images and --labels belong together.');
      const input = await trainingInput(options.images, options.labels, options.dataset);
      for (const { reason } of input.skipped) command.note(`Left out: ${reason}`);
      const config = {
        cases: input.cases,
        unlabelled: options.unlabelled === undefined ? [] : await scansWithoutMasks(resolve(options.unlabelled), input, command),
        channels: input.channels && channelsFrom(options.channels, input.channels),
        missingChannels: options['missing-channels'] === 'zeros' ? 'zeros' : 'leaveOut',
        labelSet: input.labelSet,
        ignore: options.ignore,
        modality: input.modality,
        validationFraction: options.validation,
        budget: options.steps === undefined ? { minutes: options.minutes ?? 15 } : { steps: options.steps },
        recipe: options.recipe,
        loss: options.loss,
        variant: options.variant,
        block: options.block === 'literal' ? undefined : options.block,
        seed: options.seed,
        device: deviceWith(options),
        threads: options.threads,
        from: options.from === undefined ? undefined : resolve(options.from),
        batch: options.batch,
        contrast: options.contrast,
        slices: options.slices,
        spacing: options.spacing?.split('x').map(Number),
        patch: options.patch?.split('x').map(Number),
        adjust: adjustments(options.adjust),
        validateEvery: options['validate-every'],
        checkpointSeconds: options['checkpoint-seconds'],
        memoryBudgetBytes: options['memory-gb'] === undefined ? undefined : options['memory-gb'] * 2 ** 30,
      };
      trainRequest.parse(config);
      await claimFolder(out, ['model.json', 'weights.safetensors', 'training'], 'training/begun');
      await writeFile(settings, JSON.stringify(withRelativePaths(config, work, out)));
    }
    const result = await runHere(
      'train',
      withAbsolutePaths(JSON.parse(await readFile(settings, 'utf8')), work) as TrainTaskInput,
      command,
      {
        outFolder: out,
        checkpointFolder: work,
        log: true,
        onPoint: ({ dice, seconds, step }) => {
          if (dice !== null)
            command.note(
              `${duration(seconds)}, step ${step}: ${Object.entries(dice)
                .map(([name, value]) => `${name} ${value.toFixed(4)}`)
                .join(', ')}`,
            );
        },
      },
    );
    for (const name of ['cases', 'unlabelled']) await rm(join(work, name), { recursive: true, force: true });
    for (const name of ['checkpoint.safetensors', 'best.safetensors', 'settings.json', 'preparation.json', 'begun'])
      await rm(join(work, name), { force: true });
    return { json: { model: out, ...result }, text: report(options.out, result) };
  },
});

/** The scans of a folder that are not among the labelled cases. */
async function scansWithoutMasks(
  folder: string,
  { cases, channels: names = [] }: TrainingInput,
  command: HeadlessOptions & Pick<CommandContext<never>, 'note'>,
) {
  const { scans, skipped } = await findScans([folder], command);
  for (const { path, message } of skipped) command.note(`Skipped: ${path}: ${message}`);
  const labelled = new Set(cases.flatMap(({ image }) => image));
  const unlabelled = scans.filter(({ image }) => ![image].flat().some((path) => labelled.has(path)));
  if (unlabelled.length === 0) throw usageError(`There is no scan in ${folder} that is not among the labelled cases.`);
  return unlabelled.map(({ id, name, image, channels }) => ({
    id,
    name,
    image,
    channels: channels?.map((channel, n) => ({
      ...channel,
      name: /^(\d{4})?$/.test(channel.name) ? (names[Number(channel.name || n)] ?? channel.name) : channel.name,
    })),
  }));
}

/** Throws `usage` for a name that the data set does not have. */
function channelsFrom(asked: string | undefined, known: readonly string[]): readonly string[] {
  if (asked === undefined) return known;
  return asked.split(',').map((text) => {
    const found = known.find((name) => sameChannelName(name, text));
    if (found === undefined) throw usageError(`There is no image “${text}” in this data set; it has ${known.join(', ')}.`);
    return found;
  });
}

function adjustments(given: readonly string[]): Record<string, number | boolean> {
  return Object.fromEntries(
    given.map((text) => {
      const [name = '', value = ''] = text.split('=');
      const number = Number(value);
      if (value === '' || (Number.isNaN(number) && value !== 'true' && value !== 'false'))
        throw usageError(`--adjust is written NAME=NUMBER, not "${text}".`);
      return [name, Number.isNaN(number) ? value === 'true' : number];
    }),
  );
}

function report(out: string, result: TrainTaskResult): string {
  const lines = [
    `Trained ${result.variant} on ${result.trainingCases} cases${result.unlabelledScans > 0 ? ` and ${result.unlabelledScans} scans without masks` : ''} for ${duration(result.seconds)} (${result.steps} steps, patch ${result.plan.patch.join('×')}, batch ${result.plan.batch}) on ${result.device}.`,
  ];
  if (result.plan.channels !== undefined)
    lines.push(
      `It takes of each case: ${result.plan.channels.map(({ name, optional }) => `${name}${optional ? ' (may be missing)' : ''}`).join(', ')}.`,
    );
  if (result.dice !== null) {
    const rows = Object.entries(result.dice).map(([name, dice]) => [name, figure(dice, 4), figure(result.hd95?.[name], 2)]);
    lines.push(
      '',
      textTable(
        [`On ${result.validationCases.length} validation cases`, 'Dice', 'HD95 mm'],
        [...rows, ['mean', figure(result.meanDice, 4), '']],
      ),
    );
  }
  lines.push('', `The model is in ${out}.`);
  return lines.join('\n');
}
