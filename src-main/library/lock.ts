import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
export type Holder = v.InferOutput<typeof holderFile>;

/** How long another program's short hold, as that of whoever asks who has the project, is waited for. */
const PATIENCE_MS = 100;

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
    const database = take(path);
    const holder = readHolder(holderPath);
    if (database !== null && !mayBeThere(holder, new Date())) return new ProjectLock(database, holderPath);
    database?.close();
    throw new StudioError('conflict', heldBy(holder, new Date(), database !== null));
  }

  release(): void {
    clearInterval(this.#beat);
    rmSync(this.#holderPath, { force: true });
    this.#database.close();
  }
}

/** Whether others may take a project, and what is known of who has it. */
export interface Hold {
  /** Taking it would be refused. */
  readonly held: boolean;
  /** Null where whoever has it left no word. */
  readonly holder: Holder | null;
  /** What acquiring it would say; empty where it is free. */
  readonly sentence: string;
}

/** Who has a project. Takes nothing, and writes nothing into its folder. */
export function holdOf(path: string): Hold {
  const holder = readHolder(`${path}.holder`);
  const now = new Date();
  if (!existsSync(path)) return { held: false, holder: null, sentence: '' };
  const free = isFree(path);
  if (free && !mayBeThere(holder, now)) return { held: false, holder: null, sentence: '' };
  return { held: true, holder: holder ?? null, sentence: heldBy(holder, now, free) };
}

/** The lock, or null where another program has it. */
function take(path: string): Database.Database | null {
  const database = new Database(path, { timeout: PATIENCE_MS });
  try {
    // The WAL and memory modes would not lock the file itself.
    database.pragma('journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
}

/** An exclusive lock lets nobody read. */
function isFree(path: string): boolean {
  const database = new Database(path, { readonly: true, timeout: 0 });
  try {
    database.pragma('schema_version');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  } finally {
    database.close();
  }
}

const isBusy = (error: unknown): boolean => error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');

/**
 * The lock is free, and yet a program on another computer gave a sign of life a moment ago: either it ended without a word just now, or the file
 * server does not pass locks on. Which of the two, its silence tells.
 */
function mayBeThere(holder: Holder | undefined, now: Date): boolean {
  if (holder?.alive === undefined || holder.host === hostname()) return false;
  return Math.abs(now.getTime() - Date.parse(holder.alive)) <= SILENCE_MS;
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

/** Who has the project, since when, and what to do; `free`: the lock itself could be had. */
export function heldBy(holder: Holder | undefined, now: Date, free = false): string {
  if (holder === undefined) return `This project is already open in another program. Close it there first, ${untilThen}.`;
  const { host, process: id, since, user, alive } = holder;
  const who = `This project is already open on ${host}${user === undefined ? '' : ` by ${user}`} (process ${String(id)}), since ${when(since)}.`;
  if (free) return `${who} It gave a sign of life less than a minute ago, and none may come any more: try again in a minute, ${untilThen}.`;
  const silence = alive === undefined ? 0 : now.getTime() - Date.parse(alive);
  if (!(silence > SILENCE_MS)) return `${who} Close it there first, ${untilThen}.`;
  return `${who} Nothing has been heard of it for ${minutes(silence)}: its computer may have been switched off or lost its network. It opens here as soon as the file server sees that it is gone; try again in some minutes, ${untilThen}.`;
}
const untilThen = 'or open it for reading alone';

/** Why nothing is changed in a project that is open for reading alone. */
export function onlyRead({ holder, held }: Pick<Hold, 'holder' | 'held'>): string {
  if (holder === null) return `This project is open for reading alone${held ? ', because another program has it open' : ''}.`;
  const { host, since, user } = holder;
  return `This project is open for reading alone, because ${user === undefined ? 'a program' : user} has it open on ${host} since ${when(since)}.`;
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
