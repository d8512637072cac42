import type { Work } from '#shared/domain/work.ts';

/** What a task sees of the world besides its configuration. */
export interface TaskContext<Config> extends Work {
  readonly jobId: string;
  /** The job's folder (absolute): `checkpoint/` to go on from, `out/` for what comes out; both exist. */
  readonly folder: string;
  readonly checkpointFolder: string;
  readonly outFolder: string;
  readonly config: Config;
  /** 1 at the first start. Above 1 a checkpoint may be there. */
  readonly attempt: number;
}

/**
 * One kind of work. `parse` checks the configuration (JSON from job.json) and throws `invalid-argument`; `run` resolves with what is
 * written to result.json. A task may be started again after any interruption, with the same folder and configuration: it goes on
 * from its checkpoint and ends with the same result.
 */
export interface Task<Config = unknown, Result = unknown> {
  readonly kind: string;
  readonly parse: (config: unknown) => Config;
  readonly run: (context: TaskContext<Config>) => Promise<Result>;
}

/** A task with its types hidden, as the registry keeps it. */
export interface AnyTask {
  readonly kind: string;
  readonly start: (config: unknown, context: Omit<TaskContext<never>, 'config'>) => Promise<unknown>;
}

/** Makes a task ready for a registry. */
export function anyTask<Config, Result>(task: Task<Config, Result>): AnyTask {
  return { kind: task.kind, start: (config, context) => task.run({ ...context, config: task.parse(config) }) };
}

/** What a prompt network in a folder says of an input, on a device: the chance of each voxel, 0 … 255. */
export type AskPrompts = (model: string, device: string, input: Float32Array) => Promise<Uint8Array>;

/** Kind → how to load its task; loading is lazy so that a prediction does not wait for the code of a training. */
export type TaskRegistry = Readonly<Record<string, () => Promise<AnyTask>>>;
