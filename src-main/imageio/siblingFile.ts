import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { invalidFile } from './failure.ts';

/**
 * The path of a data file that a header names. Only a plain file name of the header's own folder is followed: no folders, no drive or
 * network names, no links. Throws `invalid-file`.
 */
export async function siblingFile(headerPath: string, name: string): Promise<string> {
  const plain = name.replace(/^\.\//, '');
  if (plain === '' || plain === '.' || plain === '..' || /[/\\:\p{Cc}]/u.test(plain)) {
    throw invalidFile(headerPath, 'points to a data file outside its own folder, which is not followed; put both files into one folder.');
  }
  const path = join(dirname(headerPath), plain);
  const found = await lstat(path).catch(() => null);
  if (!found) throw invalidFile(headerPath, `names the data file ${basename(plain)}, which is not beside it.`);
  if (!found.isFile()) throw invalidFile(headerPath, `names the data file ${basename(plain)}, which is a link or no regular file and is not followed.`);
  return path;
}
