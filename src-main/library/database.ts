import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { hashFile, syncFolderSync, writeText } from '#main/files/durable.ts';
import { isOfTheDisk } from './handle.ts';

/** 'LGNS': tells our libraries from other SQLite files. */
const applicationId = 0x4c474e53;

/** A connection that syncs every commit. The file is made where it is missing. */
export function connect(path: string): Database.Database {
  const database = new Database(path);
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma('trusted_schema = OFF');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

export function connectReadOnly(path: string): Database.Database {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  database.pragma('trusted_schema = OFF');
  return database;
}

export function markAsLibrary(database: Database.Database): void {
  database.pragma(`application_id = ${applicationId}`);
}

/** Why the open database cannot be trusted, or null. Throws where the disk does not let it be read: that says nothing about the file. */
export function faultOf(database: Database.Database): string | null {
  try {
    if (database.pragma('application_id', { simple: true }) !== applicationId) return 'not a library of this application';
    const result = String(database.pragma('integrity_check(1)', { simple: true }));
    if (result !== 'ok') return result;
    return (database.pragma('foreign_key_check') as unknown[]).length === 0 ? null : 'broken references';
  } catch (error) {
    if (error instanceof Database.SqliteError && !isOfTheDisk(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Why a database file that nobody has open cannot be trusted, or null. Throws as `faultOf` does. */
export function faultOfFile(path: string): string | null {
  const database = new Database(path, { fileMustExist: true });
  try {
    return faultOf(database);
  } finally {
    database.close();
  }
}

/**
 * SQLite finds damage to its structure, not to the bytes of a text. So a clean close leaves the file's SHA-256 beside it, which holds
 * until the next opening; `sealIsBroken` is true only where there is a seal and it does not match.
 */
export function sealIsBroken(database: string, seal: string): boolean {
  if (!existsSync(seal) || !existsSync(database)) return false;
  const log = statSync(`${database}-wal`, { throwIfNoEntry: false });
  return (log !== undefined && log.size > 0) || readFileSync(seal, 'utf8').trim() !== hashFile(database);
}

export function seal(database: string, path: string): void {
  writeText(path, `${hashFile(database)}\n`);
}

/** Before the first write after an opening. */
export function breakSeal(path: string): void {
  rmSync(path, { force: true });
  syncFolderSync(dirname(path));
}
