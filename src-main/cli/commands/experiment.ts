import { resolve } from 'node:path';
import { experimentTask } from '#main/jobs/tasks/experiment.ts';
import { gainText } from '#main/jobs/tasks/experimentReport.ts';
import { variantNames } from '#main/jobs/tasks/modelInfo.ts';
import { defineCommand, usageError, type CommandContext } from '../command.ts';
import { runReaderStudy } from '../readerStudy.ts';
import { runTask } from '../runTask.ts';
import { deviceOptions, figure, textTable } from './shared.ts';

const names = ['pretraining', 'active', 'ablation', 'reader'] as const;

const options = {
  dataset: { kind: 'text', help: 'dataset.json; cases without a mask are the unlabelled ones', value: 'FILE', required: true },
  out: { kind: 'text', help: 'folder for the report (report.md, results.json, plot.svg)', value: 'DIR', required: true },
  minutes: { kind: 'number', help: 'of each training (reader: improvement); 5 unless --steps is given', minimum: 0.01 },
  steps: { kind: 'integer', help: 'optimiser steps of each training instead', minimum: 1 },
  'pretrain-minutes': { kind: 'number', help: 'pretraining: of each pre-training; as long as a training unless given', minimum: 0.01 },
  'pretrain-steps': { kind: 'integer', help: 'optimiser steps of each pre-training instead (reader: before the first model; none unless given)', minimum: 1 },
  seeds: { kind: 'integer', help: 'repetitions', minimum: 1, maximum: 100, default: 3 },
  within: { kind: 'number', help: 'minutes after which no further training begins; the same command later goes on (not: reader)', minimum: 0.01 },
  arm: { kind: 'list', help: 'only this arm of the study (several times: those); all unless given', value: 'NAME' },
  labelled: { kind: 'integer', help: 'labelled cases that train (active, reader: at the start)', minimum: 1, default: 5 },
  test: { kind: 'integer', help: 'labelled cases that only measure', minimum: 1, default: 20 },
  added: { kind: 'integer', help: 'active, reader: cases added in a round; 2 and 5 unless given', minimum: 1 },
  rounds: { kind: 'integer', help: 'active, reader: rounds; 3 and 5 unless given', minimum: 1 },
  variant: { kind: 'text', help: 'network', choices: variantNames, default: 'small' },
  ...deviceOptions,
} as const;

type Command = CommandContext<typeof options>;

export const experimentCommand = defineCommand({
  name: 'experiment',
  summary: 'Rerun the paper\'s kind of tables on your own data: pretraining, active, ablation; or a simulated reader who works with a project. Goes on where it was interrupted.',
  positionals: { name: 'STUDY', minimum: 1, maximum: 1 },
  options,
  run(command) {
    const study = command.positionals[0] ?? '';
    if (!names.some((name) => name === study)) throw usageError(`The study is one of ${names.join(', ')}, not "${study}".`);
    return study === 'reader' ? runReader(command) : runStudy(study, command);
  },
});

async function runStudy(study: string, command: Command) {
  const { options } = command;
  const out = resolve(options.out);
  const budget = options.steps === undefined ? { minutes: options.minutes ?? 5 } : { steps: options.steps };
  const pretrainBudget = options['pretrain-steps'] !== undefined ? { steps: options['pretrain-steps'] } : options['pretrain-minutes'] !== undefined ? { minutes: options['pretrain-minutes'] } : budget;
  const result = await runTask(experimentTask, {
    study, dataset: resolve(options.dataset), arms: options.arm, within: options.within, variant: options.variant, device: options.device, threads: options.threads,
    testCases: options.test, labelled: options.labelled, seeds: options.seeds, budget, pretrainBudget: study === 'pretraining' ? pretrainBudget : undefined,
    added: options.added, rounds: options.rounds,
  }, command, { outFolder: out, checkpointFolder: `${out}/work` });
  const rows = result.summary.map(({ arm, labelled, seeds, mean, deviation, gain }) => [arm, String(labelled), String(seeds), figure(mean, 4), figure(deviation, 4), gainText(gain)]);
  const table = textTable(['', 'labelled', 'seeds', 'mean Dice', 'sd', `against ${result.summary[0]?.arm ?? ''}, points`], rows);
  const missing = result.missing === 0 ? '' : `\n${result.missing} trainings are missing; the same command goes on with them.`;
  return { json: { ...result }, text: `${table}\n\nReport: ${result.report}${missing}` };
}

async function runReader(command: Command) {
  const { options } = command;
  const { report, summary } = await runReaderStudy({
    dataset: resolve(options.dataset), outFolder: resolve(options.out), seeds: options.seeds, labelled: options.labelled, testCases: options.test,
    added: options.added ?? 5, rounds: options.rounds ?? 5, variant: options.variant, device: options.device, threads: options.threads,
    budget: options.steps === undefined ? { minutes: options.minutes ?? 5 } : { steps: options.steps, pretrain: options['pretrain-steps'] ?? 0 },
  }, command);
  const rows = summary.map(({ round, trainingCases, newDice, dice, promoted, seeds, changed, changedShare, heldOutChanged }) => [
    String(round), figure(trainingCases, 0), figure(newDice, 4), figure(dice, 4), `${promoted} of ${seeds}`, figure(changed, 0), figure(changedShare, 3), figure(heldOutChanged, 0),
  ]);
  const table = textTable(['round', 'training cases', 'Dice, new model', 'in use', 'promoted', 'voxels changed a case', 'share', 'in held-out cases'], rows);
  return { json: { report, summary }, text: `${table}\n\nReport: ${report}` };
}
