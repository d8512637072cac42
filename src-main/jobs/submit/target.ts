import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { findInstallation } from '#main/files/installation.ts';
import { ownNode } from '../ownNode.ts';
import { commandLine } from './commandLine.ts';
import type { Scheduler } from './scheduler.ts';
import { slurm } from './slurm.ts';

/** What starts this very program in a shell of a machine that sees the same installation. */
export function programHere(): readonly string[] {
  return [ownNode(), join(findInstallation(import.meta.dirname).root, 'src-main', 'cli', 'main.ts')];
}

/**
 * What `--submit` and the settings say: `slurm`, followed by options of sbatch (`--partition=gpu --mem=16G`; `--program=/opt/logonet/logonet`
 * where the program lies elsewhere on the nodes), or any command line that runs a worker. Throws `invalid-argument`.
 */
export function schedulerFor(target: string): Scheduler {
  const words = target
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words[0] === undefined)
    throw new StudioError('invalid-argument', 'Say where to: slurm with its options, or a command that runs a worker.');
  if (words[0] !== 'slurm') return commandLine(target.trim());
  const given = words.slice(1);
  const program = given.find((word) => word.startsWith('--program='))?.slice('--program='.length);
  return slurm(
    given.filter((word) => !word.startsWith('--program=')),
    program === undefined ? programHere() : [program],
  );
}
