import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { exitCodes } from './exitCodes.ts';
import { quoted } from './quoted.ts';
import { isSignal, type Scheduler, type Standing } from './scheduler.ts';

/** A submission's file that says: do not go back into the queue. */
export const STOP = 'stop';

/**
 * The batch script. The worker runs as a step, because preemption signals steps and not the script. A step that was stopped with a checkpoint puts
 * the job back into the queue itself: Slurm counts it as failed where it ends within its grace time. Whoever cancelled it has left a mark, or
 * changed its state.
 */
export function batchScript(command: readonly string[], folder: string): string {
  return `#!/bin/bash
srun --ntasks=1 ${[...command, 'worker', folder].map(quoted).join(' ')}
code=$?
if [ $code -eq ${String(exitCodes.stopped)} ] && [ ! -e ${quoted(join(folder, STOP))} ] && scontrol show job "$SLURM_JOB_ID" | grep -q 'JobState=RUNNING'; then
  scontrol requeue "$SLURM_JOB_ID" && sleep 60
fi
exit $code
`;
}

/** `options`: of sbatch, such as --partition=gpu --gres=gpu:1. `command`: starts this program on a node. */
export function slurm(options: readonly string[], command: readonly string[]): Scheduler {
  return {
    name: 'Slurm',
    outlivesUs: true,
    async submit(folder) {
      const script = join(folder, 'slurm.sh');
      await writeFileAtomically(script, batchScript(command, folder));
      const given = [
        '--parsable',
        '--requeue',
        '--job-name=logonet',
        '--open-mode=append',
        `--chdir=${folder}`,
        `--output=${join(folder, 'slurm.log')}`,
      ];
      const answer = await run('sbatch', [...given, ...options, script]);
      const id = answer.trim().split(';')[0] ?? '';
      if (!/^\d+$/.test(id)) throw new StudioError('io', 'Slurm did not say which job it made of this one.', { detail: answer });
      return id;
    },
    async look(id) {
      try {
        return standingOf(await run('scontrol', ['show', 'job', '-o', id]));
      } catch (error) {
        const text = error instanceof StudioError ? `${error.message} ${error.detail ?? ''}` : String(error);
        // Slurm forgets a job some minutes after its end (MinJobAge).
        if (/Invalid job id/i.test(text)) return { state: 'ended', cause: 'lost', exitCode: null };
        return { state: 'unknown', reason: error instanceof Error ? error.message : String(error) };
      }
    },
    async stop(id) {
      await run('scancel', [id]).catch(() => undefined);
    },
  };
}

/** Reads one line of \`scontrol show job -o\`. */
export function standingOf(text: string): Standing {
  const field = (name: string): string => new RegExp(`(?:^|\\s)${name}=(\\S*)`).exec(text)?.[1] ?? '';
  const state = field('JobState');
  const [code = 0, signal = 0] = field('ExitCode').split(':').map(Number);
  switch (state) {
    case 'PENDING':
    case 'REQUEUED':
    case 'REQUEUE_HOLD':
    case 'SUSPENDED':
    case 'CONFIGURING':
      return { state: 'waiting', reason: field('Reason') };
    case 'RUNNING':
    case 'COMPLETING':
      return { state: 'running', place: field('NodeList') };
    case 'OUT_OF_MEMORY':
      return { state: 'ended', cause: 'memory', exitCode: null };
    case 'CANCELLED':
      return { state: 'ended', cause: 'cancelled', exitCode: null };
    case 'TIMEOUT':
    case 'DEADLINE':
      return { state: 'ended', cause: 'time', exitCode: null };
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
    case 'PREEMPTED':
      return { state: 'ended', cause: 'lost', exitCode: null };
    case 'COMPLETED':
    case 'FAILED':
      return signal !== 0 || isSignal(code)
        ? { state: 'ended', cause: 'killed', exitCode: null }
        : { state: 'ended', cause: 'exit', exitCode: code };
    default:
      return { state: 'unknown', reason: state === '' ? 'no state' : state };
  }
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      if ('code' in error && error.code === 'ENOENT')
        reject(
          new StudioError(
            'not-found',
            `Slurm is not installed on this computer (${program} is missing): submit from a machine that has it.`,
          ),
        );
      else
        reject(
          new StudioError(
            'io',
            `Slurm refused: ${
              (stderr.trim() || error.message)
                .split('\n')
                .at(-1)
                ?.replace(/^\w+: error: /, '') ?? ''
            }`,
            { detail: stderr },
          ),
        );
    });
  });
}
