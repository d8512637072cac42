import { mkdir } from 'node:fs/promises';
import { removeUnfinished } from '#main/files/atomicFile.ts';
import { appendLog } from '#main/jobs/jobFolder.ts';
import type { Task, TaskContext } from '#main/jobs/task.ts';
import { Turns } from '#main/jobs/turns.ts';
import type { CurvePoint, JobAlarm } from '#shared/domain/job.ts';
import type { CommandContext } from './command.ts';

export interface RunTaskOptions {
  /** Where results go. */
  readonly outFolder: string;
  /** Where the task keeps what it can go on from; `outFolder` unless given. */
  readonly checkpointFolder?: string;
  /** Keep points and alarms in the checkpoint folder's log.jsonl. */
  readonly log?: boolean;
  readonly onPoint?: (point: CurvePoint) => void;
}

/** Runs a task in this process, for a command. */
export async function runTask<Config, Result>(task: Task<Config, Result>, config: unknown, command: CommandContext, options: RunTaskOptions): Promise<Result> {
  const { outFolder, checkpointFolder = outFolder, log = false } = options;
  await mkdir(outFolder, { recursive: true });
  await mkdir(checkpointFolder, { recursive: true });
  if (log) await removeUnfinished(checkpointFolder);
  const turns = new Turns();
  const context: TaskContext<Config> = {
    jobId: 'command', folder: checkpointFolder, checkpointFolder, outFolder, config: task.parse(config),
    attempt: 1, crashes: 0, cancellation: command.cancellation, report: command.report,
    point: (point) => {
      if (log) appendLog(checkpointFolder, { point });
      options.onPoint?.(point);
    },
    alarm: (severity, message) => {
      const alarm: JobAlarm = { at: new Date().toISOString(), severity, message };
      if (log) appendLog(checkpointFolder, { alarm });
      command.note(`${severity === 'info' ? '' : `${severity}: `}${message}`);
    },
    turn: () => turns.turn('background', command.cancellation),
  };
  return task.run(context);
}
