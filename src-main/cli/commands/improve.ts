import { resolve } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { isTime, nextTime } from '#shared/domain/night.ts';
import type { Comparison, ImprovePlan } from '#shared/domain/job.ts';
import { variantNames, type VariantName } from '#shared/domain/modelCard.ts';
import { defineCommand, usageError, type CommandContext } from '../command.ts';
import { withProject, type OpenedProject } from '../withProject.ts';
import { settleRanking, suggestion } from './rankNext.ts';
import { deviceOptions, deviceWith, figure, precisionOption, rememberedDevice, textTable } from './shared.ts';

export const improveCommand = defineCommand({
  name: 'improve',
  summary: "Improve a project's model from its accepted and unlabelled cases; shows the plan, then a comparison.",
  positionals: { name: 'PROJECT', minimum: 1, maximum: 1 },
  options: {
    budget: {
      kind: 'text',
      help: 'quick (10 minutes), standard (1 hour) or overnight',
      choices: ['quick', 'standard', 'overnight'],
      default: 'standard',
    },
    minutes: { kind: 'number', help: 'minutes instead of a named budget', minimum: 1 },
    channels: {
      kind: 'text',
      help: 'images of a case that the network takes, by name, with commas between; unless given, what the model in use takes, or those that every accepted case has. What the model in use does not take begins a new one',
      value: 'NAMES',
    },
    'missing-channels': {
      kind: 'text',
      help: 'a case that lacks one of them is left out, or has zeros in its place',
      choices: ['leave-out', 'zeros'],
      default: 'leave-out',
    },
    variant: {
      kind: 'text',
      help: 'network of a first model, chosen from device and data unless given; beside an imported model in use a new one of this kind begins, and is compared with it',
      choices: variantNames,
    },
    device: deviceOptions.device,
    ...precisionOption,
    at: {
      kind: 'text',
      help: 'wait until the clock shows this time, then begin, at once where that was up to five minutes ago; the project is not held open until then',
      value: 'HH:MM',
    },
    plan: { kind: 'flag', help: 'only show the plan' },
    promote: { kind: 'flag', help: 'promote the new model if the comparison proposes it' },
    submit: {
      kind: 'text',
      help: 'run it elsewhere: slurm (with options of sbatch, as in "slurm --partition=gpu"), or a command that runs a worker, as "ssh gpu1 logonet worker"',
      value: 'slurm|CMD',
    },
    folder: { kind: 'text', help: 'with --submit: where the other machine finds job folders; in the project unless given', value: 'DIR' },
    map: { kind: 'list', help: 'with --submit: images below HERE are read there as THERE instead of being packed', value: 'HERE=THERE' },
    detach: {
      kind: 'flag',
      help: 'with --submit slurm: do not wait; whoever opens the project next follows the job and adopts its result',
    },
    resume: { kind: 'text', help: 'go on with an interrupted job', value: 'JOB' },
  },
  run: async (command) => {
    if (command.options.at !== undefined) await waitUntil(command.options.at, command);
    return withProject(command.positionals[0] ?? '.', command, async (project) => {
      const { jobs, models, call, follow } = project;
      const { options, note } = command;
      const budget =
        options.minutes === undefined
          ? { kind: options.budget as 'quick' | 'standard' | 'overnight' }
          : { kind: 'minutes' as const, minutes: options.minutes };
      const chosen = deviceWith(options);
      const asked = {
        budget,
        ...(options.channels !== undefined && { channels: options.channels.split(',') }),
        ...(options['missing-channels'] === 'zeros' && { missingChannels: 'zeros' as const }),
        ...(options.variant !== undefined && { variant: options.variant as VariantName }),
      };
      const request = { ...asked, device: chosen };
      const plan = await jobs.plan(request, call);
      if (options.plan) return { json: { plan }, text: planText(plan), failed: plan.obstacles.length > 0 };
      if (options.resume === undefined) note(planText(plan));
      const submit = submitted(options);
      if (options.detach && !/^slurm\b/.test(submit?.to ?? ''))
        throw usageError('--detach belongs to --submit slurm: what computes here, or by a command, ends with this one.');
      const { jobId } =
        options.resume === undefined
          ? await jobs.improve(
              submit === undefined ? request : { ...asked, ...(chosen !== rememberedDevice() && { device: chosen }), submit },
              call,
            )
          : { jobId: options.resume };
      if (options.resume !== undefined) {
        const { state } = (await jobs.get({ jobId }, call)).job;
        // What runs elsewhere is followed already, and may be done by now.
        if (state !== 'running' && state !== 'queued' && state !== 'done') await jobs.resume({ jobId }, call);
      }
      const again = `logonet improve ${command.positionals[0] ?? '.'} --resume ${jobId}`;
      if (options.detach) {
        await handedIn(jobId, project, command);
        return { json: { jobId, plan, comparison: null }, text: `Handed over as job ${jobId}. Follow it with: ${again}` };
      }
      const job = await follow(jobId);
      if (job.state === 'paused' || job.state === 'interrupted') {
        throw new StudioError('cancelled', `Stopped; its checkpoint is kept. Go on with: ${again}`);
      }
      if (job.state !== 'done')
        throw new StudioError(job.error?.code ?? 'internal', job.error?.message ?? 'The improvement did not finish.');
      const { comparison } = await jobs.get({ jobId }, call);
      if (comparison === null) throw new StudioError('internal', 'The improvement ended without a comparison.');
      if (options.promote && comparison.promotionProposed) await models.promote({ modelId: comparison.afterModelId, despite: false }, call);
      const inUse = (await models.list({}, call)).models.find((model) => model.promoted)?.id === comparison.afterModelId;
      if (inUse) await settleRanking(project);
      const next = inUse ? await suggestion(project, 'suggested') : null;
      const lines = [
        comparisonText(comparison),
        ...(inUse
          ? [comparison.beforeModelId === null ? 'It is in use, as the only model.' : 'The new model is in use.']
          : comparison.promotionProposed
            ? ['Put it in use with --promote, or in the window.']
            : []),
        ...(next === null ? [] : [`Next best case: ${next.name}. ${next.reason}`]),
      ];
      return { json: { jobId, plan, comparison, promoted: inUse, next }, text: lines.join('\n') };
    });
  },
});

/** A command that its time was meant for may start a little late: what schedules it, or the computer, was busy. */
const lateMilliseconds = 5 * 60_000;

/** Resolves when the clock shows a time of the day, at once where it does or just did. Throws `usage` and `cancelled`. */
async function waitUntil(at: string, { cancellation, note }: Pick<CommandContext, 'cancellation' | 'note'>): Promise<void> {
  if (!isTime(at)) throw usageError(`--at is written HH:MM, from 00:00 to 23:59, not "${at}".`);
  const begins = nextTime(at, Date.now() - lateMilliseconds);
  note(`Begins at ${new Date(begins).toLocaleString()}. Leave this running; Ctrl-C gives it up.`);
  while (Date.now() < begins) {
    throwIfCancelled(cancellation);
    // In short turns: a computer that slept comes back to the right hour.
    await new Promise((settle) => {
      setTimeout(settle, Math.min(1000, Math.max(0, begins - Date.now())));
    });
  }
}

/** What `--submit`, `--folder` and `--map` say; `usage` where they say nothing together. */
function submitted({
  submit,
  folder,
  map,
}: {
  readonly submit: string | undefined;
  readonly folder: string | undefined;
  readonly map: readonly string[];
}) {
  if (submit === undefined) {
    if (folder !== undefined || map.length > 0) throw usageError('--folder and --map belong to --submit.');
    return undefined;
  }
  const mapped = map.map((rule) => {
    const [from = '', to = '', ...more] = rule.split('=');
    if (from === '' || to === '' || more.length > 0) throw usageError(`--map is written HERE=THERE, not "${rule}".`);
    return { from: resolve(from), to };
  });
  return { to: submit, mapped, folder: folder === undefined ? '' : resolve(folder) };
}

/** Resolves once whoever is to run a job has it. */
async function handedIn(
  jobId: string,
  { jobs, call }: OpenedProject,
  { cancellation }: Pick<CommandContext, 'cancellation'>,
): Promise<void> {
  for (;;) {
    const { job } = await jobs.get({ jobId }, call);
    if (job.state === 'failed')
      throw new StudioError(job.error?.code ?? 'internal', job.error?.message ?? 'The job could not be handed over.');
    if ((job.state === 'running' && job.phase !== 'Starting') || cancellation.aborted) return;
    await new Promise((settle) => {
      setTimeout(settle, 200);
    });
  }
}

export function planText({ steps, device, startsFrom, obstacles, remarks }: ImprovePlan): string {
  const rows = steps.map(
    ({ phase, minutes, reason }) => `  ${phase}, ${minutes < 10 ? minutes.toFixed(1) : Math.round(minutes)} minutes: ${reason}`,
  );
  return [
    `Plan, on ${device}, starting from ${startsFrom}:`,
    ...rows,
    ...obstacles.map((each) => `Cannot begin: ${each}`),
    ...remarks,
  ].join('\n');
}

export function comparisonText({ labels, cases, meanBefore, meanAfter, verdict }: Comparison): string {
  const interval = (row: Comparison['labels'][number]): string =>
    row.difference === null || cases < 2 ? '–' : `${(100 * row.difference.low).toFixed(1)} to ${(100 * row.difference.high).toFixed(1)}`;
  const rows = labels.map((row) => [
    row.label,
    figure(row.diceBefore, 3),
    figure(row.diceAfter, 3),
    interval(row),
    figure(row.hd95Before, 1),
    figure(row.hd95After, 1),
  ]);
  const table = textTable(
    [
      `On ${cases} held-out ${cases === 1 ? 'case' : 'cases'}`,
      'Dice before',
      'after',
      '95% of the difference, points',
      'HD95 mm before',
      'after',
    ],
    [...rows, ['mean', figure(meanBefore, 3), figure(meanAfter, 3), '', '', '']],
  );
  return `${table}\n\n${verdict}`;
}
