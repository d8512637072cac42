import { resolve } from 'node:path';
import { experimentTask } from '#main/jobs/tasks/experiment.ts';
import { variantNames } from '#main/jobs/tasks/modelInfo.ts';
import { defineCommand, usageError } from '../command.ts';
import { runTask } from '../runTask.ts';
import { deviceOptions, figure, textTable } from './shared.ts';

const names = ['pretraining', 'active', 'ablation'] as const;

export const experimentCommand = defineCommand({
  name: 'experiment',
  summary: 'Rerun the paper\'s kind of tables on your own data: pretraining, active or ablation. Goes on where it was interrupted.',
  positionals: { name: 'STUDY', minimum: 1, maximum: 1 },
  options: {
    dataset: { kind: 'text', help: 'dataset.json; cases without a mask are the unlabelled ones', value: 'FILE', required: true },
    out: { kind: 'text', help: 'folder for the report (report.md, results.json, plot.svg)', value: 'DIR', required: true },
    minutes: { kind: 'number', help: 'of each training; 5 unless --steps is given', minimum: 0.01 },
    steps: { kind: 'integer', help: 'optimiser steps of each training instead', minimum: 1 },
    'pretrain-minutes': { kind: 'number', help: 'of each pre-training; as long as a training unless given', minimum: 0.01 },
    'pretrain-steps': { kind: 'integer', help: 'optimiser steps of each pre-training instead', minimum: 1 },
    seeds: { kind: 'integer', help: 'repetitions', minimum: 1, maximum: 100, default: 3 },
    labelled: { kind: 'integer', help: 'labelled cases that train (active: at the start)', minimum: 1, default: 5 },
    test: { kind: 'integer', help: 'labelled cases that only measure', minimum: 1, default: 40 },
    added: { kind: 'integer', help: 'active: cases added in a round', minimum: 1, default: 2 },
    rounds: { kind: 'integer', help: 'active: rounds', minimum: 1, default: 3 },
    variant: { kind: 'text', help: 'network', choices: variantNames, default: 'small' },
    ...deviceOptions,
  },
  async run(command) {
    const { options, positionals } = command;
    const study = positionals[0] ?? '';
    if (!names.some((name) => name === study)) throw usageError(`The study is one of ${names.join(', ')}, not "${study}".`);
    const out = resolve(options.out);
    const budget = options.steps === undefined ? { minutes: options.minutes ?? 5 } : { steps: options.steps };
    const pretrainBudget = options['pretrain-steps'] !== undefined ? { steps: options['pretrain-steps'] } : options['pretrain-minutes'] !== undefined ? { minutes: options['pretrain-minutes'] } : budget;
    const result = await runTask(experimentTask, {
      study, dataset: resolve(options.dataset), variant: options.variant, device: options.device, threads: options.threads, testCases: options.test,
      labelled: options.labelled, seeds: options.seeds, budget, pretrainBudget: study === 'pretraining' ? pretrainBudget : undefined, added: options.added, rounds: options.rounds,
    }, command, { outFolder: out, checkpointFolder: `${out}/work` });
    const rows = result.summary.map(({ arm, labelled, seeds, mean, deviation }) => [arm, String(labelled), String(seeds), figure(mean, 4), figure(deviation, 4)]);
    return { json: { ...result }, text: `${textTable(['', 'labelled', 'seeds', 'mean Dice', 'sd'], rows)}\n\nReport: ${result.report}` };
  },
});
