import Database from 'better-sqlite3';
import { StudioError } from '#shared/base/errors.ts';
import { diskFull } from '#main/files/fileError.ts';

type Value = string | number | null | Uint8Array;
export type Parameters = Readonly<Record<string, Value>>;

/** What keeps a file from being read or written, whatever is in it: the disk, another program, memory. */
export const isOfTheDisk = ({ code }: { readonly code: string }): boolean =>
  /^SQLITE_(IOERR|FULL|CANTOPEN|READONLY|PERM|BUSY|LOCKED|NOMEM)/.test(code);

/** An error of SQLite as one that a person can act on. */
export function databaseError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const options = { detail: `${error.code}: ${error.message}`, cause: error };
  // The second where there is no room to read in: a library is opened with a file of 32 KiB beside it.
  if (['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'].includes(error.code)) return new StudioError('disk-full', diskFull, options);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(error.code))
    return new StudioError(
      'corrupt',
      'The project’s library is damaged. Close the project and open it again to restore it from a backup.',
      options,
    );
  if (error.code.startsWith('SQLITE_CONSTRAINT'))
    return new StudioError('conflict', 'This does not agree with what the project already holds.', options);
  if (/^SQLITE_(BUSY|LOCKED)/.test(error.code))
    return new StudioError('conflict', 'The project’s library is in use by another program. Try again in a moment.', options);
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|PERM)/.test(error.code))
    return new StudioError(
      'io',
      'The project’s library could not be read or written. Check the disk and its permissions, and try again.',
      options,
    );
  return error;
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw databaseError(error);
  }
}

/** Reads a library. Statements are prepared once. A WriteHandle may stand wherever one is asked for, never the other way round. */
export class ReadHandle {
  protected readonly database: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(database: Database.Database) {
    this.database = database;
  }

  protected statement(sql: string): Database.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The first row, or undefined. `Row` is what the statement's columns are. */
  get<Row>(sql: string, parameters: Parameters = {}): Row | undefined {
    return guarded(() => this.statement(sql).get(parameters) as Row | undefined);
  }

  all<Row>(sql: string, parameters: Parameters = {}): Row[] {
    return guarded(() => this.statement(sql).all(parameters) as Row[]);
  }

  /** Writes the library as one new file. Throws `disk-full`, `io`. */
  copyTo(path: string): void {
    guarded(() => this.database.prepare('VACUUM INTO ?').run(path));
  }
}

/** Reads and writes a library in the name of `author`. */
export class WriteHandle extends ReadHandle {
  /** Who is at work: goes into cases and events. */
  readonly author: string;

  constructor(database: Database.Database, author: string) {
    super(database);
    this.author = author;
  }

  /** Rows changed. Throws `conflict`, `disk-full`, `io`, `corrupt`. */
  run(sql: string, parameters: Parameters = {}): number {
    return guarded(() => this.statement(sql).run(parameters).changes);
  }

  /** All or nothing; durable when it returns. May be nested. */
  transaction<T>(work: () => T): T {
    return guarded(() => this.database.transaction(work).immediate());
  }
}

/** Of a project that is open for reading alone: refuses with `sentence`. */
export class RefusedHandle extends WriteHandle {
  readonly #sentence: string;

  constructor(database: Database.Database, sentence: string) {
    super(database, '');
    this.#sentence = sentence;
  }

  override run(): never {
    throw new StudioError('conflict', this.#sentence);
  }

  override transaction(): never {
    throw new StudioError('conflict', this.#sentence);
  }
}
