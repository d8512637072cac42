import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

/**
 * The plain Node that compute processes run on: this one, or under Electron the one that ships beside the app (Electron's own forbids
 * the external memory that native tensors live in). Throws `not-found`.
 */
export function ownNode(): string {
  if (process.versions['electron'] === undefined) return process.execPath;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const resources = 'resourcesPath' in process ? String(process.resourcesPath) : '';
  const candidates = [
    join(resources, 'node', name),
    ...ancestors(import.meta.dirname).map((folder) => join(folder, 'node_modules', 'node', 'bin', name)),
  ];
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined)
    throw new StudioError('not-found', 'The Node that computes is missing from this installation; install the app again.');
  return found;
}

function ancestors(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}
