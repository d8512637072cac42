import { defineCommand, type CommandResult } from '../command.ts';
import { withProject, type OpenedProject } from '../withProject.ts';

export const rankCommand = defineCommand({
  name: 'next',
  summary: 'The case of a project that is best labelled next, and why. Ranks the cases first where that has not been done.',
  positionals: { name: 'PROJECT', minimum: 1, maximum: 1 },
  options: {
    strategy: { kind: 'text', help: 'how to choose', choices: ['suggested', 'uncertainty', 'diversity', 'random'], default: 'suggested' },
    again: { kind: 'flag', help: 'rank the cases again, also where they are ranked' },
  },
  run: (command) => {
    const { again } = command.options;
    const work = async (project: OpenedProject): Promise<CommandResult> => {
      const strategy = command.options.strategy as Strategy;
      if (strategy === 'suggested' && !project.readOnly) {
        if (again) await rank(project);
        else await settleRanking(project);
        const next = await suggestion(project, strategy);
        if (next !== null && next.rank === null && (await project.models.list({}, project.call)).models.length > 0) await rank(project);
      }
      const next = await suggestion(project, strategy);
      if (next === null) return { json: { suggestion: null }, text: 'Nothing is left to label.' };
      return { json: { suggestion: next }, text: `${next.name}: ${next.reason}` };
    };
    return withProject(command.positionals[0] ?? '.', command, work, { reads: !again });
  },
});

type Strategy = 'suggested' | 'uncertainty' | 'diversity' | 'random';

async function rank({ jobs, call, follow }: OpenedProject): Promise<void> {
  const { jobId } = await jobs.rank({}, call);
  if (jobId !== null) await follow(jobId);
}

/** Lets a ranking that has begun (a promotion starts one) come to its end. */
export async function settleRanking({ jobs, call, follow }: OpenedProject): Promise<void> {
  const newest = (await jobs.list({ limit: 5 }, call)).jobs.find(({ kind }) => kind === 'rank');
  if (newest === undefined || newest.state === 'done') return;
  if (newest.state === 'interrupted' || newest.state === 'paused') await jobs.resume({ jobId: newest.id }, call);
  await follow(newest.id);
}

/** The next case with its name and place; null where nothing is left. */
export async function suggestion(
  { library, call }: OpenedProject,
  strategy: Strategy,
): Promise<{ caseId: string; name: string; reason: string; rank: number | null } | null> {
  const { suggestion: next } = await library.next({ strategy }, call);
  if (next === null) return null;
  const { case: row } = await library.get({ caseId: next.caseId }, call);
  return { ...next, name: row.name, rank: row.rank };
}
