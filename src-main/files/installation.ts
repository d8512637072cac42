import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';

const packageFile = v.object({ name: v.literal('logonet-studio'), version: v.string() });

export interface Installation {
  /** The folder with package.json, in a checkout as in an installed app. */
  readonly root: string;
  readonly version: string;
}

/** Whether this installation has its engine for the processor; a checkout on a machine without a compiler has not. */
export function hasNativeEngine({ root }: Pick<Installation, 'root'>): boolean {
  return existsSync(join(root, 'dist', 'native', 'cpu.node'));
}

/** Finds the installation above a folder of its own; throws `internal` when it is incomplete. */
export function findInstallation(start: string): Installation {
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      const found = v.safeParse(packageFile, JSON.parse(readFileSync(file, 'utf8')));
      if (found.success) return { root: folder, version: found.output.version };
    }
    if (folder === dirname(folder)) throw new StudioError('internal', 'The installation is incomplete: install LoGoNet Studio again.');
  }
}
