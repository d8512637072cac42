import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { findInstallation } from '#main/files/installation.ts';
import { PROBE } from './headless.ts';
import { schedulerFor } from './target.ts';
import { readStatus } from './workerStatus.ts';

export interface Trial {
  readonly works: boolean;
  /** A sentence for the person. */
  readonly answer: string;
}

const PATIENCE_MS = 60_000;

/** Hands over a folder without a job and waits for a worker to answer in it. `shared`: where job folders go; a folder of ours where null. */
export async function trySubmission(
  target: string,
  shared: string | null,
  ownFolder: string,
  signal: Cancellation,
  patienceMs = PATIENCE_MS,
): Promise<Trial> {
  const parent = shared ?? ownFolder;
  makeFolder(parent);
  const folder = mkdtempSync(join(parent, 'try-'));
  try {
    writeFileSync(join(folder, PROBE), '');
    const scheduler = schedulerFor(target);
    const id = await scheduler.submit(folder);
    const until = performance.now() + patienceMs;
    let reason = '';
    while (performance.now() < until && !signal.aborted) {
      const status = await readStatus(folder);
      if (status !== undefined) return { works: true, answer: answered(status.host, status.program) };
      const standing = await scheduler.look(id);
      if (standing.state === 'ended') {
        const last = await readStatus(folder); // written just before the end
        if (last !== undefined) return { works: true, answer: answered(last.host, last.program) };
        return {
          works: false,
          answer: `${scheduler.name} ran it, and no worker answered${standing.exitCode === null ? '' : ` (exit code ${String(standing.exitCode)})`}: does that machine have LoGoNet Studio, and does it see ${parent}?`,
        };
      }
      reason = standing.state === 'running' ? 'It runs, and has not answered yet' : standing.reason;
      await new Promise((resolve) => {
        setTimeout(resolve, 300);
      });
    }
    await scheduler.stop(id);
    return { works: false, answer: `${scheduler.name} took the job and no worker answered within a minute: ${reason}.` };
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return { works: false, answer: error.message };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function answered(host: string, program: string): string {
  const own = findInstallation(import.meta.dirname).version;
  const other = program === own ? '' : `, which is not the version here (${own}): jobs of a newer version are refused`;
  return `${host} answers with LoGoNet Studio ${program}${other}, and reads and writes the folder.`;
}
