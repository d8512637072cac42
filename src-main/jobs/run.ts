/** Runs a kind of work by its name: in this process, or in the compute process of a project's jobs. */
import { tmpdir } from 'node:os';
import type { CurvePoint, Job, JobAlarm, JobKind, JobPriority } from '#shared/domain/job.ts';
import type { Work } from '#shared/domain/work.ts';
import { removeUnfinished } from '#main/files/atomicFile.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { appendLog } from './jobFolder.ts';
import type { JobQueue, JobRequest } from './queue.ts';
import { loadTask } from './registry.ts';
import { requests, type RequestInput, type RequestResult, type TaskKind } from './requests/index.ts';
import type { TaskContext } from './task.ts';
import { Turns } from './turns.ts';

/** Who asks for work in this process and sees it run. */
export interface Caller extends Pick<Work, 'cancellation' | 'report'> {
  /** A remark for the person. */
  readonly note: (line: string) => void;
}

export interface RunHereOptions {
  /** Where results go; made if need be. Unless given, there is nothing to keep. */
  readonly outFolder?: string;
  /** Where the task keeps what it can go on from; `outFolder` unless given. */
  readonly checkpointFolder?: string;
  /** Keep points and alarms in the checkpoint folder's log.jsonl. */
  readonly log?: boolean;
  readonly onPoint?: (point: CurvePoint) => void;
}

/** An alarm as a remark. */
export const alarmOf =
  ({ note }: Pick<Caller, 'note'>): Work['alarm'] =>
  (severity, message) => {
    note(`${severity === 'info' ? '' : `${severity}: `}${message}`);
  };

/** What work in this process sees of its caller. */
export async function contextHere<Config>(config: Config, caller: Caller, options: RunHereOptions = {}): Promise<TaskContext<Config>> {
  const { outFolder = tmpdir(), checkpointFolder = outFolder, log = false } = options;
  for (const folder of [outFolder, checkpointFolder]) makeFolder(folder);
  if (log) await removeUnfinished(checkpointFolder);
  const turns = new Turns();
  return {
    jobId: 'command',
    folder: checkpointFolder,
    checkpointFolder,
    outFolder,
    config,
    attempt: 1,
    crashes: 0,
    cancellation: caller.cancellation,
    report: caller.report,
    point: (point) => {
      if (log) appendLog(checkpointFolder, { point });
      options.onPoint?.(point);
    },
    alarm: (severity, message) => {
      const alarm: JobAlarm = { at: new Date().toISOString(), severity, message };
      if (log) appendLog(checkpointFolder, { alarm });
      alarmOf(caller)(severity, message);
    },
    turn: () => turns.turn('background', caller.cancellation),
  };
}

/** Runs work in this process. Throws `invalid-argument` for what it cannot be asked with, and what the work throws. */
export async function runHere<Kind extends TaskKind>(
  kind: Kind,
  input: RequestInput<Kind>,
  caller: Caller,
  options: RunHereOptions = {},
): Promise<RequestResult<Kind>> {
  const task = await loadTask(kind);
  return task.run(await contextHere(task.parse(input), caller, options));
}

export interface TypedJobRequest<Kind extends TaskKind> {
  readonly kind: Kind;
  readonly title: string;
  readonly config: RequestInput<Kind>;
  readonly priority?: JobPriority;
  readonly handOver?: JobRequest['handOver'];
}

/** Enqueues work for the compute process. Throws `invalid-argument` for what it cannot be asked with. */
export async function submitJob<Kind extends JobKind>(queue: JobQueue, request: TypedJobRequest<Kind>): Promise<Job> {
  requests[request.kind].parse(request.config);
  return queue.submit(request);
}
