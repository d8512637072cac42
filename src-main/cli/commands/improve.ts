import { StudioError } from '#shared/base/errors.ts';
import type { Comparison, ImprovePlan } from '#shared/domain/job.ts';
import { defineCommand } from '../command.ts';
import { withProject } from '../withProject.ts';
import { settleRanking, suggestion } from './rankNext.ts';
import { deviceOptions, deviceWith, figure, precisionOption, textTable } from './shared.ts';

export const improveCommand = defineCommand({
  name: 'improve',
  summary: 'Improve a project\'s model from its accepted and unlabelled cases; shows the plan, then a comparison.',
  positionals: { name: 'PROJECT', minimum: 1, maximum: 1 },
  options: {
    budget: { kind: 'text', help: 'quick (10 minutes), standard (1 hour) or overnight', choices: ['quick', 'standard', 'overnight'], default: 'standard' },
    minutes: { kind: 'number', help: 'minutes instead of a named budget', minimum: 1 },
    device: deviceOptions.device, ...precisionOption,
    plan: { kind: 'flag', help: 'only show the plan' },
    promote: { kind: 'flag', help: 'promote the new model if the comparison proposes it' },
    resume: { kind: 'text', help: 'go on with an interrupted job', value: 'JOB' },
  },
  run: (command) => withProject(command.positionals[0] ?? '.', command, async (project) => {
    const { jobs, models, call, follow } = project;
    const { options, note } = command;
    const budget = options.minutes === undefined
      ? { kind: options.budget as 'quick' | 'standard' | 'overnight' }
      : { kind: 'minutes' as const, minutes: options.minutes };
    const request = { budget, device: deviceWith(options) };
    const plan = await jobs.plan(request, call);
    if (options.plan) return { json: { plan }, text: planText(plan), failed: plan.obstacles.length > 0 };
    if (options.resume === undefined) note(planText(plan));
    const { jobId } = options.resume === undefined ? await jobs.improve(request, call) : { jobId: options.resume };
    if (options.resume !== undefined) await jobs.resume({ jobId }, call);
    const job = await follow(jobId);
    if (job.state === 'paused' || job.state === 'interrupted') {
      throw new StudioError('cancelled', `Stopped; its checkpoint is kept. Go on with: logonet improve ${command.positionals[0] ?? '.'} --resume ${jobId}`);
    }
    if (job.state !== 'done') throw new StudioError(job.error?.code ?? 'internal', job.error?.message ?? 'The improvement did not finish.');
    const { comparison } = await jobs.get({ jobId }, call);
    if (comparison === null) throw new StudioError('internal', 'The improvement ended without a comparison.');
    if (options.promote && comparison.promotionProposed) await models.promote({ modelId: comparison.afterModelId, despite: false }, call);
    const inUse = (await models.list({}, call)).models.find((model) => model.promoted)?.id === comparison.afterModelId;
    if (inUse) await settleRanking(project);
    const next = inUse ? await suggestion(project, 'suggested') : null;
    const lines = [comparisonText(comparison), ...(inUse ? ['The new model is in use.'] : comparison.promotionProposed ? ['Put it in use with --promote, or in the window.'] : []), ...(next === null ? [] : [`Next best case: ${next.name}. ${next.reason}`])];
    return { json: { jobId, plan, comparison, promoted: inUse, next }, text: lines.join('\n') };
  }),
});

export function planText({ steps, device, startsFrom, obstacles, remarks }: ImprovePlan): string {
  const rows = steps.map(({ phase, minutes, reason }) => `  ${phase}, ${minutes < 10 ? minutes.toFixed(1) : Math.round(minutes)} minutes: ${reason}`);
  return [`Plan, on ${device}, starting from ${startsFrom}:`, ...rows, ...obstacles.map((each) => `Cannot begin: ${each}`), ...remarks].join('\n');
}

export function comparisonText({ labels, cases, meanBefore, meanAfter, verdict }: Comparison): string {
  const interval = (row: Comparison['labels'][number]): string => (row.difference === null || cases < 2 ? '–' : `${(100 * row.difference.low).toFixed(1)} to ${(100 * row.difference.high).toFixed(1)}`);
  const rows = labels.map((row) => [row.label, figure(row.diceBefore, 3), figure(row.diceAfter, 3), interval(row), figure(row.hd95Before, 1), figure(row.hd95After, 1)]);
  const table = textTable([`On ${cases} held-out ${cases === 1 ? 'case' : 'cases'}`, 'Dice before', 'after', '95% of the difference, points', 'HD95 mm before', 'after'], [...rows, ['mean', figure(meanBefore, 3), figure(meanAfter, 3), '', '', '']]);
  return `${table}\n\n${verdict}`;
}
