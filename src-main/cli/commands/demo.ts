import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { claimFolder } from '#main/files/outputs.ts';
import { runHere } from '#main/jobs/run.ts';
import { StudioError } from '#shared/base/errors.ts';
import { defineCommand } from '../command.ts';
import { deviceOptions, figure, textTable } from './shared.ts';

/** With fewer optimiser steps than this in all, the Dice says nothing yet. */
const FEW_STEPS = 200;

const demoNames = ['images', 'truth', 'truth-test', 'training', 'model-1', 'model-2', 'to-correct', 'before', 'after'];

export const demoCommand = defineCommand({
  name: 'demo',
  summary: 'The whole loop on generated phantoms: label, train, predict, correct, improve, measure.',
  options: {
    minutes: { kind: 'number', help: 'minutes for both trainings together', minimum: 0.1, default: 3 },
    out: { kind: 'text', help: 'folder for images, masks and models; a temporary one unless given', value: 'DIR' },
    seed: { kind: 'integer', help: 'seed of phantoms and trainings', default: 1 },
    ...deviceOptions,
  },
  async run(command) {
    const { options } = command;
    const outFolder = options.out === undefined ? await mkdtemp(join(tmpdir(), 'logonet-demo-')) : resolve(options.out);
    await claimFolder(outFolder, demoNames, 'demo.begun');
    const { minutes, seed, device, threads } = options;
    const result = await runHere('demo', { minutes, seed, device, threads }, command, { outFolder });
    if (result.after.summary.length === 0) throw new StudioError('internal', 'The demo measured nothing.');
    const rows = result.after.summary.map((row, index) => [
      row.name,
      figure(result.before.summary[index]?.dice, 3),
      figure(row.dice, 3),
      figure(result.before.summary[index]?.hd95, 1),
      figure(row.hd95, 1),
    ]);
    const table = textTable(
      ['', 'Dice before', 'after', 'HD95 mm before', 'after'],
      [
        ...rows,
        [
          'mean',
          figure(result.before.meanDice, 3),
          figure(result.after.meanDice, 3),
          figure(result.before.meanHd95, 1),
          figure(result.after.meanHd95, 1),
        ],
      ],
    );
    const [first, second] = result.steps;
    const story = `Four phantoms labelled (${first} training steps), eight predicted and corrected (${Math.round(result.correctedVoxels)} voxels a case), trained on all twelve (${second} steps), four held out:`;
    const advice =
      first + second < FEW_STEPS
        ? `\n\nThat is little training: this computer is slow or busy. --minutes ${Math.ceil(options.minutes * 5)} gives it time to learn.`
        : '';
    return { json: { ...result }, text: `${story}\n\n${table}${advice}\n\nMasks: ${result.masks}\nModel: ${result.model}` };
  },
});
