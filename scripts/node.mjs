import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The pinned Node, which everything of the project runs on. */
export const ownNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** A folder whose include/node holds Node's headers: any version serves N-API, and an installed one needs no download. */
export function nodeHeaders() {
  const programs = [process.execPath, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'))];
  const prefixes = [...programs.map((program) => dirname(dirname(program))), '/usr', '/usr/local'];
  return prefixes.find((prefix) => existsSync(join(prefix, 'include', 'node', 'node_api.h')));
}
