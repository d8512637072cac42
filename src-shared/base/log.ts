import { StudioError } from './errors.ts';

/** The program's log. It holds what happened and where in the code, never a person's words, file names or patients' data. */
export interface Log {
  /** `event` is a constant of the program, `facts` are numbers, codes and names that the program itself gave. */
  write(event: string, facts?: Readonly<Record<string, string | number | boolean>>): void;
  /** Kind and place of an error. Its message is left out, since it may quote a path or a header. */
  error(event: string, error: unknown): void;
}

export const silentLog: Log = { write: () => undefined, error: () => undefined };

/** Name, code and the code locations of an error and of its causes. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = error instanceof StudioError ? error.code : 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map(codeLocation)
    .slice(0, 12);
  return {
    error: error.name,
    ...(code === undefined ? {} : { code }),
    frames,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Function, file name and line; without the folder, which may be in someone's home. */
function codeLocation(line: string): string {
  return line.trim().replace(/\(?(?:file:\/\/)?[^\s()]*[\\/]([^\\/()]+:\d+):\d+\)?$/, '$1');
}
