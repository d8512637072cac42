import { realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, resolve, sep } from 'node:path';

/**
 * A file that a description names relative to its own folder. Names that lead outside (absolute, `..`, drive or network names, links)
 * and missing files give a reason instead of a path.
 */
export async function containedFile(root: string, name: unknown): Promise<{ path: string } | { reason: string }> {
  if (typeof name !== 'string' || name === '') return { reason: 'An entry names no file.' };
  const shown = basename(name.replaceAll('\\', '/'))
    .replace(/[\p{Cc}\p{Cf}]/gu, '?')
    .slice(0, 120);
  if (isAbsolute(name) || /^[a-z]:|\\|\p{Cc}/iu.test(name) || name.split('/').includes('..')) {
    return { reason: `${shown} lies outside the data set's folder, which is not followed.` };
  }
  const path = resolve(root, name);
  const real = await realpath(path).catch(() => null);
  if (real === null || !(await stat(real)).isFile()) return { reason: `${shown} is not there.` };
  if (!real.startsWith((await realpath(root)) + sep))
    return { reason: `${shown} is a link that leads outside the data set's folder, which is not followed.` };
  return { path };
}
