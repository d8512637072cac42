import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, type Log } from '#shared/base/log.ts';

const maximumBytes = 1_000_000;

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
    write: (event, facts = {}) => {
      append({ event, ...facts });
    },
    error: (event, error) => {
      append({ event, ...describeError(error) });
    },
  };
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
