import type { WorkerStatus } from './workerStatus.ts';

/** How a job that was handed over stands with whoever runs it. */
export type Standing =
  | { readonly state: 'waiting'; readonly reason: string }
  | { readonly state: 'running'; readonly place: string }
  /** `cause`: what ended it, as far as the scheduler knows; `exitCode` of the worker, where it ended by itself. */
  | {
      readonly state: 'ended';
      readonly cause: 'exit' | 'memory' | 'cancelled' | 'lost' | 'time' | 'killed';
      readonly exitCode: number | null;
    }
  /** The scheduler does not answer. */
  | { readonly state: 'unknown'; readonly reason: string };

/** Whether a shell's exit code says that a signal ended the program (128 and the signal's number). */
export function isSignal(exitCode: number): boolean {
  return exitCode > 128 && exitCode <= 128 + 64;
}

/** Something that runs `logonet worker FOLDER` elsewhere. */
export interface Scheduler {
  /** For a person: "Slurm", or the command. */
  readonly name: string;
  /** Hands a folder over; resolves with what the scheduler calls it. Throws with a sentence where it refuses. */
  submit(folder: string): Promise<string>;
  look(id: string): Promise<Standing>;
  /** Asks for the end, by SIGTERM first; resolves when it was asked. */
  stop(id: string): Promise<void>;
  /** Whether `id` can still be asked about after this program ended. */
  readonly outlivesUs: boolean;
}

/** What a status file and a standing together say of a run that ended. */
export function endedBy(
  standing: Extract<Standing, { state: 'ended' }>,
  status: WorkerStatus | undefined,
): 'done' | 'stopped' | 'failed' | 'killed' {
  if (status?.state === 'done' || status?.state === 'stopped' || status?.state === 'failed') return status.state;
  return standing.exitCode === 0 ? 'failed' : 'killed';
}
