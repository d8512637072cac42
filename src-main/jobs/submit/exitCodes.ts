import type { ErrorCode } from '#shared/base/errors.ts';

/** What `logonet worker` ends with, so that a scheduler's script can tell causes apart without reading anything. */
export const exitCodes = {
  done: 0,
  /** Something went wrong inside the program. */
  internal: 1,
  usage: 2,
  /** The folder holds no job, or a damaged one. */
  job: 10,
  /** A newer version wrote the job, or it asks for what this version cannot do. */
  version: 11,
  /** An image, a mask or a model of the job is missing, damaged, or not the one that was handed over. */
  input: 12,
  device: 13,
  memory: 14,
  /** The disk is full or cannot be written to. */
  disk: 15,
  /** Another worker is at work in the folder, or it asks for what cannot be. */
  busy: 16,
  /** Asked to stop (SIGTERM, SIGINT): the checkpoint is kept, and the same command goes on from it. */
  stopped: 20,
} as const;

const byError: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': exitCodes.job,
  'invalid-file': exitCodes.input,
  unsupported: exitCodes.version,
  'not-found': exitCodes.input,
  changed: exitCodes.input,
  conflict: exitCodes.busy,
  cancelled: exitCodes.stopped,
  'out-of-memory': exitCodes.memory,
  'disk-full': exitCodes.disk,
  io: exitCodes.disk,
  corrupt: exitCodes.job,
  device: exitCodes.device,
  usage: exitCodes.usage,
  internal: exitCodes.internal,
};

export function exitCodeOf(error: ErrorCode): number {
  return byError[error];
}
