import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import Database from 'better-sqlite3';
import { StudioError } from '#shared/base/errors.ts';

/**
 * The right to write to a project: one process at a time. It is an exclusive transaction on a file of its own, held open, so that the
 * operating system itself takes the lock back when the process ends, however it ends: nothing stale is ever left.
 */
export class ProjectLock {
  readonly #database: Database.Database;
  readonly #holderPath: string;

  private constructor(database: Database.Database, holderPath: string) {
    this.#database = database;
    this.#holderPath = holderPath;
  }

  /** Throws `conflict` naming who holds it. */
  static acquire(path: string): ProjectLock {
    const holderPath = `${path}.holder`;
    const database = new Database(path, { timeout: 0 });
    try {
      // The WAL and memory modes would not lock the file itself.
      database.pragma('journal_mode = DELETE');
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) throw new StudioError('conflict', `This project is already open ${holder(holderPath)}. Close it there first.`);
      throw error;
    }
    try {
      writeFileSync(holderPath, JSON.stringify({ host: hostname(), process: process.pid, since: new Date().toISOString() }));
    } catch {
      // Only for the message that others get; a full disk must not bar the project.
    }
    return new ProjectLock(database, holderPath);
  }

  release(): void {
    rmSync(this.#holderPath, { force: true });
    this.#database.close();
  }
}

function holder(path: string): string {
  try {
    const { host, process, since } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    return `on ${String(host)} (process ${String(process)}, since ${String(since)})`;
  } catch {
    return 'in another program';
  }
}
