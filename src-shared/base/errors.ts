/**
 * Every error that may reach a person carries a stable code and a sentence that says what went wrong and what to do.
 * On the wire it is `{code, message, detail}`; `detail` is for the log, never for the window.
 */
export type ErrorCode =
  | 'invalid-argument'
  | 'invalid-file'
  | 'unsupported'
  | 'not-found'
  | 'conflict'
  | 'cancelled'
  | 'out-of-memory'
  | 'disk-full'
  | 'io'
  | 'corrupt'
  | 'device'
  | 'usage'
  | 'internal';

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

/** Any thrown value as a wire error; what is not a StudioError becomes `internal` with its message in `detail`. */
export function toWireError(error: unknown): WireError {
  if (error instanceof StudioError) {
    return error.detail === undefined
      ? { code: error.code, message: error.message }
      : { code: error.code, message: error.message, detail: error.detail };
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', message: 'Something went wrong inside the application.', detail };
}

export function fromWireError(error: WireError): StudioError {
  return new StudioError(error.code, error.message, error.detail === undefined ? {} : { detail: error.detail });
}
