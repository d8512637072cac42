import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { variantNames } from '#shared/domain/modelCard.ts';
import { claimFolder } from '#main/files/outputs.ts';
import { contrastRules, sliceRules } from '#shared/domain/trainConfig.ts';
import { contextHere } from '#main/jobs/run.ts';
import { defineCommand, usageError, type CommandContext, type CommandResult } from '../command.ts';
import { deviceOptions, figure, textTable } from './shared.ts';

const names = ['recipe', 'unlabelled', 'pretraining', 'active', 'ablation', 'reader', 'prompts', 'slices', 'improvements'] as const;

const options = {
  dataset: {
    kind: 'text',
    help: 'folder of imagesTr and labelsTr (and imagesTs, labelsTs, imagesUnlabelled), or a dataset.json; cases without a mask are the unlabelled ones (improvements: none, they make phantoms)',
    value: 'PATH',
  },
  labels: {
    kind: 'text',
    help: 'names of the label values 1, 2, … in order, or VALUE=NAME each (prompts: labels of one name are one structure)',
    value: 'NAME,NAME',
  },
  channel: {
    kind: 'integer',
    help: 'which file alone of several of one case: N of the ending _000N; all of them go in together unless given (prompts, slices: 0)',
    minimum: 0,
  },
  masks: { kind: 'text', help: 'folder of the set that has the masks that train, beside labelsTr that measures', value: 'NAME' },
  ignore: {
    kind: 'integer',
    help: 'label value of voxels that nobody marked, which are not learned from (unless given: that of a label named "ignore")',
    minimum: 1,
    maximum: 255,
  },
  patch: { kind: 'text', help: 'patch in voxels along D, H, W instead of the planned one', value: '64x64x64' },
  batch: { kind: 'integer', help: 'patches in a step instead of the planned number', minimum: 1 },
  spacing: { kind: 'text', help: 'mm along left-right, back-front and foot-head instead of the planned ones', value: '1.5x1.5x5' },
  contrast: {
    kind: 'text',
    help: 'MR intensities relative to the whole volume, or to what lies around each voxel, in all directions or in its slice',
    choices: contrastRules,
  },
  slices: { kind: 'text', help: 'what becomes of thick slices', choices: sliceRules },
  out: { kind: 'text', help: 'folder for the report (report.md, results.json, plot.svg)', value: 'DIR', required: true },
  minutes: { kind: 'number', help: 'of each training (reader: improvement); 5 unless --steps is given', minimum: 0.01 },
  steps: { kind: 'integer', help: 'optimiser steps of each training instead', minimum: 1 },
  'pretrain-minutes': { kind: 'number', help: 'pretraining: of each pre-training; as long as a training unless given', minimum: 0.01 },
  'pretrain-steps': {
    kind: 'integer',
    help: 'optimiser steps of each pre-training instead (reader: before the first model; none unless given)',
    minimum: 1,
  },
  seeds: { kind: 'integer', help: 'repetitions', minimum: 1, maximum: 100, default: 3 },
  within: {
    kind: 'number',
    help: 'minutes after which no further training begins; the same command later goes on (not: reader)',
    minimum: 0.01,
  },
  arm: {
    kind: 'list',
    help: 'only this arm of the study (several times: those); all unless given. prompts: region growing; region growing, best tolerance; case classifier; prompt network; network after accepted cases; prediction after accepted cases; classifier after accepted cases; prediction and classifier after accepted cases. recipe: a change beside the standard, e.g. learningRate=0.002, loss=paper, network=unet or channels=T1+FLAIR',
    value: 'NAME',
  },
  labelled: { kind: 'integer', help: 'labelled patients that train (active, reader: at the start)', minimum: 1, default: 5 },
  test: {
    kind: 'integer',
    help: 'labelled patients that only measure, where the set has no test cases of its own',
    minimum: 1,
    default: 20,
  },
  accepted: {
    kind: 'text',
    help: 'improvements: accepted cases of a project, each number an improvement of its own; 1,2,3,4 unless given. prompts: labelled patients that a segmentation model learns from, and --prompt-model goes on with, in --minutes or --steps and for each of --seeds, as arms of their own',
    value: 'N,N',
  },
  added: { kind: 'integer', help: 'active, reader: cases added in a round; 2 and 5 unless given', minimum: 1 },
  rounds: { kind: 'integer', help: 'active, reader: rounds; 3 and 5 unless given', minimum: 1 },
  'prompt-model': { kind: 'text', help: 'prompts, slices: folder of a network that is asked with prompts', value: 'MODELDIR' },
  variant: { kind: 'text', help: 'network', choices: variantNames, default: 'small' },
  ...deviceOptions,
} as const;

type Command = CommandContext<typeof options>;

export const experimentCommand = defineCommand({
  name: 'experiment',
  summary:
    "Rerun the paper's kind of tables on your own data: recipe (one change at a time), unlabelled (with and without scans that nobody labelled), pretraining, active, ablation; a simulated reader who works with a project; one who points structures out (prompts), or goes on from one slice (slices); or improvements of demo projects with few accepted cases. Resumes where it was interrupted.",
  positionals: { name: 'STUDY', minimum: 1, maximum: 1 },
  options,
  async run(command) {
    const study = command.positionals[0] ?? '';
    if (!names.some((name) => name === study)) throw usageError(`The study is one of ${names.join(', ')}, not "${study}".`);
    const kept = ['work/experiment.json', 'work/settings.json'];
    await claimFolder(resolve(command.options.out), ['report.md', 'results.json', 'plot.svg', 'work'], 'work/begun', kept);
    if (study === 'improvements') return runImprovements(command);
    if (study === 'prompts') return runPrompts(command);
    if (study === 'slices') return runSlices(command);
    return study === 'reader' ? runReader(command) : runStudy(study, command);
  },
});

function datasetOf({ dataset }: Command['options']): string {
  if (dataset === undefined) throw usageError('Say which data with --dataset PATH.');
  return resolve(dataset);
}

/** The research code is not packed with the program. Throws `unsupported` where it is missing. */
function openLab() {
  if (!existsSync(join(import.meta.dirname, '../../lab')))
    throw new StudioError('unsupported', 'Experiments are not part of the installed program; run them from its source code.');
  return import('#main/lab/index.ts');
}

/** What the studies that measure case by case are asked for. */
const caseStudy = (options: Command['options']) => ({
  dataset: datasetOf(options),
  labels: options.labels?.split(','),
  channel: options.channel,
  outFolder: resolve(options.out),
  testCases: options.test,
  network: options['prompt-model'] === undefined ? undefined : resolve(options['prompt-model']),
  device: options.device,
  threads: options.threads,
});

/** A study's table, and where its report is. */
function answer(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  json: CommandResult['json'] & { readonly report: string },
  left = '',
): CommandResult {
  return { json, text: `${textTable(header, rows)}\n\nReport: ${json.report}${left}` };
}

const missingText = ({ missing }: { readonly missing: number }, what: string): string =>
  missing === 0 ? '' : `\n${missing} ${what} are missing; the same command goes on with them.`;

const trainingBudget = ({ steps, minutes }: Command['options']) => (steps === undefined ? { minutes: minutes ?? 5 } : { steps });

async function runStudy(study: string, command: Command) {
  const { options } = command;
  const out = resolve(options.out);
  const budget = trainingBudget(options);
  const pretrainBudget =
    options['pretrain-steps'] !== undefined
      ? { steps: options['pretrain-steps'] }
      : options['pretrain-minutes'] !== undefined
        ? { minutes: options['pretrain-minutes'] }
        : budget;
  const { gainText, intervalText, parseExperiment, runExperiment } = await openLab();
  const config = parseExperiment({
    study,
    dataset: datasetOf(options),
    labels: options.labels?.split(','),
    channel: options.channel,
    masks: options.masks,
    ignore: options.ignore,
    patch: options.patch?.split('x').map(Number),
    batch: options.batch,
    contrast: options.contrast,
    slices: options.slices,
    spacing: options.spacing?.split('x').map(Number),
    arms: options.arm,
    within: options.within,
    variant: options.variant,
    device: options.device,
    threads: options.threads,
    testCases: options.test,
    labelled: options.labelled,
    seeds: options.seeds,
    budget,
    pretrainBudget: study === 'pretraining' ? pretrainBudget : undefined,
    added: options.added,
    rounds: options.rounds,
  });
  const result = await runExperiment(await contextHere(config, command, { outFolder: out, checkpointFolder: `${out}/work` }));
  const rows = result.summary.map(({ arm, labelled, seeds, mean, deviation, gain, overPatients }) => [
    arm,
    String(labelled),
    String(seeds),
    figure(mean, 4),
    figure(deviation, 4),
    gainText(gain),
    intervalText(overPatients),
  ]);
  const against = `against ${result.summary[0]?.arm ?? ''}, points`;
  return answer(
    ['', 'labelled', 'seeds', 'mean Dice', 'sd', against, '95% over patients'],
    rows,
    { ...result },
    missingText(result, 'trainings'),
  );
}

async function runPrompts({ options, ...command }: Command) {
  const { acceptedArms, armNames, learnedArm, runPromptStudy } = await openLab();
  const unknown = options.arm.find((arm) => !armNames.some((name) => name === arm));
  if (unknown !== undefined) throw usageError(`The arms are ${armNames.join('; ')}: not "${unknown}".`);
  const request = caseStudy(options);
  const { network } = request;
  const patients = options.accepted === undefined ? undefined : Number(options.accepted);
  if (patients !== undefined && !(Number.isInteger(patients) && patients > 0))
    throw usageError(`--accepted of prompts is one number of patients, not "${options.accepted ?? ''}".`);
  const isThere: Readonly<Record<string, boolean>> = {
    'prompt network': network !== undefined,
    ...Object.fromEntries(acceptedArms.map((arm) => [arm, patients !== undefined])),
    [learnedArm]: network !== undefined && patients !== undefined,
  };
  const asked: readonly string[] = options.arm.length === 0 ? armNames.filter((name) => isThere[name] ?? true) : options.arm;
  const arms = armNames.filter((name) => asked.includes(name));
  const asking = ['prompt network', learnedArm].find((arm) => asked.includes(arm));
  if (asking !== undefined && network === undefined) throw usageError(`The arm "${asking}" needs --prompt-model, the folder of one.`);
  const learns = acceptedArms.some((arm) => asked.includes(arm));
  if (learns !== (patients !== undefined))
    throw usageError(`--accepted belongs to the arms ${acceptedArms.map((arm) => `"${arm}"`).join(', ')}.`);
  const { report, summary } = await runPromptStudy(
    { ...request, arms, ...(patients !== undefined && { accepted: { patients, seeds: options.seeds, budget: trainingBudget(options) } }) },
    command,
  );
  const rows = summary.map(({ structure, arm, cases, dice, clicksTo85, clicksTo90, firstSeconds, nextSeconds }) => [
    structure,
    arm,
    String(cases),
    ...dice.map((value) => figure(value, 3)),
    figure(clicksTo85, 1),
    figure(clicksTo90, 1),
    figure(firstSeconds, 2),
    figure(nextSeconds, 2),
  ]);
  const header = ['', 'arm', 'cases', 'Dice after 1', '3', '5', '10', 'to .85', 'to .90', 's, first', 'further'];
  return answer(header, rows, { report, summary });
}

async function runSlices({ options, ...command }: Command) {
  const { runSliceStudy } = await openLab();
  const { report, summary } = await runSliceStudy(caseStudy(options), command);
  const rows = summary.map(({ structure, arm, rows: walks, step, dice, misses, seconds }) => [
    structure,
    arm,
    String(walks),
    figure(step, 1),
    ...dice.map((value) => (value === null ? '-' : figure(value, 3))),
    misses === null ? '-' : figure(misses, 1),
    figure(seconds, 2),
  ]);
  return answer(['', 'arm', 'walks', 'mm', 'Dice 1 away', '2', '3', '5', '10', 'misses', 's'], rows, { report, summary });
}

async function runImprovements({ options, ...command }: Command) {
  const text = options.accepted ?? '1,2,3,4';
  const accepted = text.split(',').map(Number);
  if (!accepted.every((number) => Number.isInteger(number) && number >= 1 && number <= 9))
    throw usageError(`--accepted is written 1,2,3 with numbers from 1 to 9, not "${text}".`);
  const { runImprovementStudy } = await openLab();
  const { report, summary, missing } = await runImprovementStudy(
    {
      outFolder: resolve(options.out),
      seeds: options.seeds,
      accepted,
      testCases: options.test,
      resolution: 3,
      budget: options.steps === undefined ? { minutes: options.minutes ?? 3 } : { steps: options.steps },
      device: options.device,
      threads: options.threads,
      within: options.within,
    },
    command,
  );
  const rows = summary.map((row) => [
    String(row.accepted),
    String(row.improvements),
    figure(100 * row.mean, 2),
    figure(100 * row.least, 2),
    String(row.fell),
  ]);
  const header = ['accepted', 'improvements', 'mean gain, points', 'least', 'lower by more than 0.5'];
  return answer(header, rows, { report, summary, missing }, missingText({ missing }, 'improvements'));
}

async function runReader(command: Command) {
  const { options } = command;
  const { runReaderStudy } = await openLab();
  const { report, summary } = await runReaderStudy(
    {
      dataset: datasetOf(options),
      outFolder: resolve(options.out),
      seeds: options.seeds,
      labelled: options.labelled,
      testCases: options.test,
      added: options.added ?? 5,
      rounds: options.rounds ?? 5,
      variant: options.variant,
      device: options.device,
      threads: options.threads,
      budget:
        options.steps === undefined
          ? { minutes: options.minutes ?? 5 }
          : { steps: options.steps, pretrain: options['pretrain-steps'] ?? 0 },
    },
    command,
  );
  const rows = summary.map(({ round, trainingCases, newDice, dice, promoted, seeds, changed, changedShare, heldOutChanged }) => [
    String(round),
    figure(trainingCases, 0),
    figure(newDice, 4),
    figure(dice, 4),
    `${promoted} of ${seeds}`,
    figure(changed, 0),
    figure(changedShare, 3),
    figure(heldOutChanged, 0),
  ]);
  const header = [
    'round',
    'training cases',
    'Dice, new model',
    'in use',
    'promoted',
    'voxels changed a case',
    'share',
    'in held-out cases',
  ];
  return answer(header, rows, { report, summary });
}
