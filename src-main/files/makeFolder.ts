import { mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { fileError, systemFault } from './fileError.ts';

/**
 * Makes a folder and those above it that are not there. Node's own recursive `mkdir` never returns where a folder is there but refuses new
 * ones as not found (`/proc`). Throws `io`, `disk-full`, `conflict` (a file of that name).
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    if (isFolder(path)) return; // Another program was faster.
    if (systemFault(error)?.code === 'not-found')
      throw new StudioError('io', `The folder “${basename(path)}” cannot be made here. Choose another place.`, {
        detail: path,
        cause: error,
      });
    throw fileError(error, path);
  }
}

/** Of a project whose folder has gone while it was open. */
export function projectAway(folder: string): StudioError {
  return new StudioError(
    'not-found',
    'The project’s folder is not reachable: the disk or share that it lies on is away, or it was moved. Connect it again, or close the project and open it where it lies now.',
    { detail: folder },
  );
}

/**
 * As `makeFolder`, below `home`, which has to be there: what has gone or was moved is not begun again in its old place. Throws `not-found`
 * where it is not.
 */
export function makeFolderBelow(home: string, path: string): void {
  if (!isFolder(home)) throw projectAway(home);
  let folder = home;
  for (const name of relative(home, path).split(sep)) {
    folder = join(folder, name);
    try {
      mkdirSync(folder);
    } catch (error) {
      if (isFolder(folder)) continue;
      throw isFolder(home) ? fileError(error, folder) : projectAway(home);
    }
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
