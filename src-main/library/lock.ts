import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import Database from 'better-sqlite3';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';

/** Whoever holds a project says so this often; the age of what it said tells others whether it is still there. */
const SIGN_OF_LIFE_MS = 20_000;
/** After so long without a sign the holder is no longer taken for alive. */
const SILENCE_MS = 3 * SIGN_OF_LIFE_MS;

const holderFile = v.object({
  host: v.string(),
  process: v.number(),
  since: v.string(),
  user: v.optional(v.string()),
  /** The last sign of life; earlier versions gave none. */
  alive: v.optional(v.string()),
});
type Holder = v.InferOutput<typeof holderFile>;

/**
 * The right to write to a project: one process at a time. It is an exclusive transaction on a file of its own, held open, so that the
 * operating system itself takes the lock back when the process ends, however it ends: nothing stale is ever left. Of a holder on another
 * computer that was switched off, a file server keeps the lock until it sees that it is gone; nobody takes it before.
 */
export class ProjectLock {
  readonly #database: Database.Database;
  readonly #holderPath: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(database: Database.Database, holderPath: string) {
    this.#database = database;
    this.#holderPath = holderPath;
    const since = new Date().toISOString();
    writeHolder(holderPath, since);
    this.#beat = setInterval(() => {
      writeHolder(holderPath, since);
    }, SIGN_OF_LIFE_MS);
    this.#beat.unref();
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
      if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY'))
        throw new StudioError('conflict', heldBy(readHolder(holderPath), new Date()));
      throw error;
    }
    return new ProjectLock(database, holderPath);
  }

  release(): void {
    clearInterval(this.#beat);
    rmSync(this.#holderPath, { force: true });
    this.#database.close();
  }
}

/** Only for the message that others get: a full disk, or a share that is away for a moment, must not bar the project. */
function writeHolder(path: string, since: string): void {
  const holder: Holder = { host: hostname(), process: process.pid, since, user: accountName(), alive: new Date().toISOString() };
  try {
    writeFileSync(path, JSON.stringify(holder));
  } catch {
    // said again in a moment
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const parsed = v.safeParse(holderFile, JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Who has the project, since when, and what to do. */
export function heldBy(holder: Holder | undefined, now: Date): string {
  if (holder === undefined) return 'This project is already open in another program. Close it there first.';
  const { host, process: id, since, user, alive } = holder;
  const who = `This project is already open on ${host}${user === undefined ? '' : ` by ${user}`} (process ${String(id)}), since ${when(since)}.`;
  const silence = alive === undefined ? 0 : now.getTime() - Date.parse(alive);
  // SQLite's log can be read beside its writer on the same computer alone.
  if (!(silence > SILENCE_MS))
    return host === hostname()
      ? `${who} Close it there first; until then “logonet project list” and “logonet project pack” read it without changing it.`
      : `${who} Close it there first, or have “logonet project pack” make a copy of it there.`;
  return `${who} Nothing has been heard of it for ${minutes(silence)}: its computer may have been switched off or lost its network. It opens here as soon as the file server sees that it is gone; try again in some minutes.`;
}

function when(timestamp: string): string {
  const time = new Date(timestamp);
  return Number.isNaN(time.getTime()) ? timestamp : time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

function minutes(milliseconds: number): string {
  const whole = Math.round(milliseconds / 60_000);
  return whole < 120 ? `${String(whole)} minutes` : `${String(Math.round(whole / 60))} hours`;
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
