/** status.json of a job's folder: what a worker without a window says of itself, for whoever follows the folder from elsewhere. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { errorCodes } from '#shared/base/errors.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';

const workerStatus = v.object({
  format: v.literal(1),
  /** `running` without its process: it was killed. `stopped`: asked to, with a checkpoint. */
  state: v.picklist(['running', 'done', 'stopped', 'failed']),
  attempt: v.number(),
  /** Attempts in a row that were killed or lacked memory before they got further. */
  crashes: v.number(),
  phase: v.string(),
  fraction: v.number(),
  remainingSeconds: v.nullable(v.number()),
  /** When this was written, by the worker's clock. */
  at: v.string(),
  host: v.string(),
  program: v.string(),
  error: v.nullable(v.object({ code: v.picklist(errorCodes), message: v.string() })),
});
export type WorkerStatus = v.InferOutput<typeof workerStatus>;

/** Undefined where no worker has been here yet. */
export async function readStatus(folder: string): Promise<WorkerStatus | undefined> {
  try {
    const parsed = v.safeParse(workerStatus, JSON.parse(await readFile(join(folder, 'status.json'), 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

export async function writeStatus(folder: string, status: WorkerStatus): Promise<void> {
  await writeFileAtomically(join(folder, 'status.json'), JSON.stringify(status));
}
