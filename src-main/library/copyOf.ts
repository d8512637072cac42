import { closeSync, copyFileSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { StudioError } from '#shared/base/errors.ts';
import { faultOf } from './database.ts';

const attempts = 20;

/**
 * A library as it is at one moment, in this process's memory, whoever writes to it meanwhile and from whichever computer: SQLite's own readers
 * share memory with the writer, which no file server passes on. Nothing is written into the project's folder. Throws `corrupt`, `conflict` where
 * it is written to all the time.
 */
export function copyOf(path: string): Database.Database {
  const folder = mkdtempSync(join(tmpdir(), 'logonet-library-'));
  try {
    const copy = join(folder, 'library.sqlite');
    for (let attempt = 0; attempt < attempts; attempt++) if (copyBoth(path, copy)) return inMemory(copy);
    throw new StudioError('conflict', 'This project is written to all the time just now. Try again in a moment.');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Copies the file, then its log. The log only grows until it begins anew, with another header: as long as it has not, it holds every page that was
 * moved into the file meanwhile, whole, and the two together are one committed state. False where it has.
 */
function copyBoth(path: string, copy: string): boolean {
  const before = stateOf(path);
  copyFileSync(path, copy);
  rmSync(`${copy}-wal`, { force: true });
  try {
    copyFileSync(`${path}-wal`, `${copy}-wal`);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return stateOf(path) === before;
}

/** The header of the log; without a log, size and time of the file. */
function stateOf(path: string): string {
  const header = headerOf(`${path}-wal`);
  if (header !== '') return header;
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return [size, mtimeNs].join(':');
}

const headerBytes = 32;

function headerOf(log: string): string {
  let file: number;
  try {
    file = openSync(log, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
  try {
    const header = Buffer.alloc(headerBytes);
    return header.toString('hex', 0, readSync(file, header, 0, headerBytes, 0));
  } finally {
    closeSync(file);
  }
}

function inMemory(path: string): Database.Database {
  const database = new Database(path, { fileMustExist: true });
  try {
    // Plays the log into the file: memory has none.
    database.pragma('journal_mode = DELETE');
    const fault = faultOf(database);
    if (fault !== null)
      throw new StudioError(
        'corrupt',
        'The library of this project is damaged. Open the project in the application: it is restored from a backup there.',
        { detail: fault },
      );
    const memory = new Database(database.serialize());
    memory.pragma('foreign_keys = ON');
    memory.pragma('trusted_schema = OFF');
    return memory;
  } finally {
    database.close();
  }
}
