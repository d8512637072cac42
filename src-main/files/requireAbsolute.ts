import { isAbsolute } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

/** A path as a window names it: never one that depends on where the program was started. Throws `invalid-argument`. */
export function requireAbsolute(path: string): string {
  if (!isAbsolute(path)) throw new StudioError('invalid-argument', 'A full path is needed.');
  return path;
}
