import { basename } from 'node:path';
import { StudioError, type ErrorCode } from '#shared/base/errors.ts';
import { systemFault } from '#main/files/fileError.ts';

/** A damaged or misleading file: `sentence` continues after the file's name ("scan.nii breaks off …"). */
export function invalidFile(path: string, sentence: string, cause?: unknown): StudioError {
  return failure('invalid-file', path, sentence, cause);
}

/** A file that is in order, but of a kind that is not read here. */
export function unsupportedFile(path: string, sentence: string): StudioError {
  return failure('unsupported', path, sentence);
}

export const packedDicom = 'is a DICOM file packed with gzip; unpack it first.';

/** A long name keeps its beginning and its ending, which says what kind of file it is. */
function shortName(name: string): string {
  return name.length <= 120 ? name : `${name.slice(0, 80)}…${name.slice(-39)}`.toWellFormed();
}

function failure(code: ErrorCode, path: string, sentence: string, cause?: unknown): StudioError {
  // Control characters and direction marks, of the name or of what the file says, must not reach a terminal or a window.
  const message = `${shortName(basename(path))} ${sentence}`.replace(/[\p{Cc}\p{Cf}]/gu, '?');
  const detail = cause instanceof Error ? cause.message : undefined;
  return new StudioError(code, message, detail === undefined ? { cause } : { cause, detail });
}

/** Any error of reading `path` as a StudioError; the system's own codes become sentences. */
export function asFileError(path: string, error: unknown): StudioError {
  if (error instanceof StudioError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const fault = systemFault(error);
  if (fault !== null) return failure(fault.code, path, fault.sentence, error);
  if (typeof code === 'string' && code.startsWith('Z_'))
    return failure('invalid-file', path, 'is damaged: its compressed data breaks off or is not valid.', error);
  if (error instanceof RangeError && /allocation|array buffer/i.test(error.message))
    return failure('out-of-memory', path, 'needs more memory than is free.', error);
  return failure('invalid-file', path, 'could not be read: it does not follow its format.', error);
}
