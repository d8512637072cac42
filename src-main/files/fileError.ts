import { basename } from 'node:path';
import { StudioError, type ErrorCode } from '#shared/base/errors.ts';

export const diskFull = 'The disk is full: this was not saved. Free some space and try again; nothing saved before is lost.';

const faults: Readonly<Record<string, readonly [code: ErrorCode, sentence: string]>> = {
  ENOSPC: ['disk-full', 'could not be written: the disk is full.'],
  EDQUOT: ['disk-full', 'could not be written: the disk is full.'],
  ENOENT: ['not-found', 'is not there.'],
  ENOTDIR: ['not-found', 'is not there.'],
  EACCES: ['io', 'may not be read or written: check its permissions.'],
  EPERM: ['io', 'may not be read or written: check its permissions.'],
  EROFS: ['io', 'lies on a disk that can only be read.'],
  EEXIST: ['conflict', 'is there already.'],
  EISDIR: ['invalid-file', 'is a folder, not a file.'],
};

/** What an error of the system means: our code, and a sentence that continues after the file's name. Null for any other error. */
export function systemFault(error: unknown): { readonly code: ErrorCode; readonly sentence: string; readonly detail: string } | null {
  const detail = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^E[A-Z0-9]+$/.test(detail)) return null;
  const [code, sentence] = faults[detail] ?? ['io', `could not be read or written (${detail}). Check the disk and try again.`];
  return { code, sentence, detail };
}

/** A file system error as one that a person can act on (`disk-full`, `not-found`, `conflict`, `io`, `invalid-file`); any other as it is. */
export function fileError(error: unknown, path: string): unknown {
  const fault = systemFault(error);
  if (fault === null || error instanceof StudioError) return error;
  const message = fault.code === 'disk-full' ? diskFull : `“${basename(path)}” ${fault.sentence}`;
  return new StudioError(fault.code, message, { detail: `${fault.detail} ${path}`, cause: error });
}
