import { basename } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

/** A file system error as one that a person can act on (`disk-full`, `not-found`, `io`); any other as it is. */
export function fileError(error: unknown, path: string): unknown {
  if (error instanceof StudioError || !(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const code = String(error.code);
  const options = { detail: `${code} ${path}`, cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StudioError('disk-full', 'The disk is full: this was not saved. Free some space and try again; nothing saved before is lost.', options);
  }
  if (code === 'ENOENT') return new StudioError('not-found', `“${basename(path)}” is missing.`, options);
  return new StudioError('io', `“${basename(path)}” could not be read or written (${code}). Check the disk and its permissions, and try again.`, options);
}
