import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';

const maximumBytes = 1_000_000;

/** The program's log. It holds what happened and where in the code, never a person's words, file names or patients' data. */
export interface Log {
  /** `event` is a constant of the program, `facts` are numbers, codes and names that the program itself gave. */
  write(event: string, facts?: Readonly<Record<string, string | number | boolean>>): void;
  /** Kind and place of an error. Its message is left out, since it may quote a path or a header. */
  error(event: string, error: unknown): void;
}

/** Appends to `main.log` in the folder and keeps one older file. A log that cannot be written never stops the program. */
export function openLog(folder: string): Log {
  const file = join(folder, 'main.log');
  const append = (entry: object): void => {
    try {
      mkdirSync(folder, { recursive: true });
      if (sizeOf(file) > maximumBytes) renameSync(file, join(folder, 'main.1.log'));
      appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
    } catch {
      // Nowhere left to tell it.
    }
  };
  return {
    write: (event, facts = {}) => { append({ event, ...facts }); },
    error: (event, error) => { append({ event, ...describeError(error) }); },
  };
}

export const silentLog: Log = { write: () => undefined, error: () => undefined };

/** Name, code and the code locations of an error and of its causes. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = error instanceof StudioError ? error.code : 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)).map(codeLocation).slice(0, 12);
  return { error: error.name, ...(code === undefined ? {} : { code }), frames, ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }) };
}

/** Function, file name and line; without the folder, which may be in someone's home. */
function codeLocation(line: string): string {
  return line.trim().replace(/\(?(?:file:\/\/)?[^\s()]*[\\/]([^\\/()]+:\d+):\d+\)?$/, '$1');
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
