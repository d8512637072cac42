/**
 * Every error that may reach a person carries a stable code and a sentence that says what went wrong and what to do.
 * On the wire it is `{code, message, detail}`; `detail` is for the log, never for the window.
 */
export const errorCodes = [
  'invalid-argument',
  'invalid-file',
  'unsupported',
  'not-found',
  /** A file is not the one that was imported any more. */
  'changed',
  'conflict',
  'cancelled',
  'out-of-memory',
  'disk-full',
  'io',
  'corrupt',
  'device',
  'usage',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail?: string;
}

export class StudioError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: { detail?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StudioError';
    this.code = code;
    this.detail = options.detail;
  }
}

/** Whether the fault is one file's, which can be left out while the others go on. */
export function isFileFault(error: unknown): error is StudioError {
  return error instanceof StudioError && fileFaults.includes(error.code);
}
const fileFaults: readonly ErrorCode[] = ['invalid-file', 'unsupported', 'not-found', 'changed'];

/** Any thrown value as a wire error of bounded length; what is not a StudioError becomes `internal` with its message in `detail`. */
export function toWireError(error: unknown): WireError {
  if (error instanceof StudioError) {
    const message = bounded(error.message, 4000);
    return error.detail === undefined
      ? { code: error.code, message }
      : { code: error.code, message, detail: bounded(error.detail, longestDetail) };
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', message: 'Something went wrong inside the application.', detail: bounded(detail, longestDetail) };
}

const longestDetail = 16_000;

/** As the contract takes it: one error that is too long would bar a whole list of jobs from the window. */
function bounded(text: string, length: number): string {
  return text.slice(0, length).replaceAll('\0', '?');
}

export function fromWireError(error: WireError): StudioError {
  return new StudioError(error.code, error.message, error.detail === undefined ? {} : { detail: error.detail });
}
