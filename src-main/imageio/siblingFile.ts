import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { invalidFile } from './failure.ts';

/**
 * The path of a data file that a header names. Only files of the header's own folder and of folders below it are followed: no `..`, no drive or
 * network names, no links on the way. Throws `invalid-file`.
 */
export async function siblingFile(headerPath: string, name: string): Promise<string> {
  const parts = name.replace(/^\.\//, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\:\p{Cc}]/u.test(part))) {
    throw invalidFile(headerPath, 'points to a data file outside its own folder, which is not followed; put both files into one folder.');
  }
  const shown = basename(parts.join('/'));
  let path = dirname(headerPath);
  for (const [n, part] of parts.entries()) {
    path = join(path, part);
    const found = await lstat(path).catch(() => null);
    if (!found) throw invalidFile(headerPath, `names the data file ${shown}, which is not beside it.`);
    if (n + 1 < parts.length ? !found.isDirectory() : !found.isFile())
      throw invalidFile(headerPath, `names the data file ${shown}, which is a link or no regular file and is not followed.`);
  }
  return path;
}
