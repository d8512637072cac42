import { resolve } from 'node:path';
import { must } from '#shared/base/assert.ts';
import type { CallContext, EventName, EventPayload, PartialHandlers } from '#shared/contract/contract.ts';
import type { DeepReadonly } from '#shared/contract/define.ts';
import { appFolders, createStudio } from '#main/services/studio.ts';
import type { CommandContext } from './command.ts';

type Job = EventPayload<'jobs.changed'>['job'];

/** A project opened through the same services as the window's, for one command. */
export interface OpenedProject {
  readonly jobs: Required<NonNullable<PartialHandlers['jobs']>>;
  readonly models: Required<NonNullable<PartialHandlers['models']>>;
  readonly library: Required<NonNullable<PartialHandlers['library']>>;
  readonly prompts: Required<NonNullable<PartialHandlers['prompts']>>;
  readonly predictions: Required<NonNullable<PartialHandlers['predictions']>>;
  /** Another program has it: nothing can be changed. */
  readonly readOnly: boolean;
  readonly call: CallContext<never>;
  /** Shows a job's progress until it stops; on Ctrl-C it is paused, with a checkpoint. */
  readonly follow: (jobId: string) => Promise<Job>;
}

/**
 * Opens a project, works with it, and closes it again. Where another program has it open, work that only `reads` goes on beside that; else it throws
 * `conflict`.
 */
export async function withProject<T>(
  folder: string,
  command: CommandContext,
  work: (project: OpenedProject) => Promise<T>,
  { reads = false } = {},
): Promise<T> {
  const changes = new Set<(job: Job) => void>();
  const publish = <Name extends EventName>(name: Name, payload: DeepReadonly<EventPayload<Name>>): void => {
    if (name === 'jobs.changed') for (const listen of changes) listen((payload as EventPayload<'jobs.changed'>).job);
    if (name === 'jobs.alarm') command.note((payload as EventPayload<'jobs.alarm'>).alarm.message);
    if (name === 'jobs.compute') command.note((payload as EventPayload<'jobs.compute'>).message);
  };
  const studio = createStudio({
    folders: appFolders(),
    host: { kind: 'web', version: '', quit: () => undefined },
    publish,
    log: command.log,
    nights: false,
  });
  const alive = setInterval(() => undefined, 60_000);
  try {
    const { projects, jobs, models, library, predictions, prompts } = studio.handlers;
    const call: CallContext<never> = { signal: new AbortController().signal, report: command.report, send: () => Promise.resolve() };
    const path = resolve(folder);
    const open = must(projects?.open, 'projects.open');
    const beside = reads && (await must(projects?.hold, 'projects.hold')({ path }, call)).held;
    const { readOnly } = await open({ path, readOnly: beside }, call);
    if (readOnly !== null) command.note(readOnly);
    const opened = {
      jobs: must(jobs, 'jobs'),
      models: must(models, 'models'),
      library: must(library, 'library'),
      predictions: must(predictions, 'predictions'),
      prompts: must(prompts, 'prompts'),
    } as Omit<OpenedProject, 'call' | 'follow' | 'readOnly'>;
    const follow = async (jobId: string): Promise<Job> => {
      const isOver = (job: Job): boolean => job.state !== 'queued' && job.state !== 'running';
      const stopped = new Promise<Job>((settle, fail) => {
        changes.add((job) => {
          if (job.id !== jobId) return;
          command.report({
            phase: job.phase,
            fraction: job.fraction,
            ...(job.remainingSeconds !== null && { remainingSeconds: job.remainingSeconds }),
          });
          // After a crash it is interrupted for a moment only, then queued again: look once more.
          if (isOver(job))
            setImmediate(() => {
              Promise.resolve(opened.jobs.get({ jobId }, call)).then(({ job: now }) => {
                if (isOver(now)) settle(now);
              }, fail);
            });
        });
      });
      const watch = setInterval(() => {
        if (!command.cancellation.aborted) return;
        clearInterval(watch);
        void opened.jobs.pause({ jobId }, call);
      }, 200);
      try {
        const { job } = await opened.jobs.get({ jobId }, call);
        return isOver(job) ? job : await stopped;
      } finally {
        clearInterval(watch);
      }
    };
    return await work({ ...opened, readOnly: readOnly !== null, call, follow });
  } finally {
    clearInterval(alive);
    await studio.close();
  }
}
