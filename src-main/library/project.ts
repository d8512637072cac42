import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { backUp, dropEarlier, restoreFromBackup, type Repair } from './backup.ts';
import { copyOf } from './copyOf.ts';
import { breakSeal, connect, connectReadOnly, faultOf, markAsLibrary, seal, sealIsBroken } from './database.ts';
import { writeText } from '#main/files/durable.ts';
import { fileError } from '#main/files/fileError.ts';
import { makeFolder, projectAway } from '#main/files/makeFolder.ts';
import { databaseError, ReadHandle, RefusedHandle, WriteHandle } from './handle.ts';
import { holdOf, onlyRead, ProjectLock, type Hold } from './lock.ts';
import { migrate, refuseFuture, schemaVersion, latestVersion } from './migrations/index.ts';
import { newId } from './newId.ts';
import { ProjectPaths } from './paths.ts';
import { recordEvent } from './queries/events.ts';
import { checkNames, setLabelSet } from './queries/labelChanges.ts';

export interface ProjectInfo {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
}

/** A project folder that this process alone may write to, until `close`; or, for reading alone, a copy of its library at one moment. */
export class Project {
  readonly paths: ProjectPaths;
  readonly info: ProjectInfo;
  readonly read: ReadHandle;
  readonly write: WriteHandle;
  /** What was done at opening about a damaged library, or null. */
  readonly repair: Repair | null;
  /** Why nothing may be changed, in a sentence; null where it may. */
  readonly readOnly: string | null;
  readonly #database: Database.Database;
  readonly #reader: Database.Database;
  readonly #lock: ProjectLock | null;
  #backedUpAt: number;
  #closed = false;

  constructor(parts: {
    paths: ProjectPaths;
    info: ProjectInfo;
    database: Database.Database;
    /** Null: for reading alone. */
    lock: ProjectLock | null;
    repair: Repair | null;
    author: string;
    readOnly?: string | null;
  }) {
    this.paths = parts.paths;
    this.info = parts.info;
    this.repair = parts.repair;
    this.readOnly = parts.readOnly ?? null;
    this.#database = parts.database;
    this.#lock = parts.lock;
    this.#reader = this.readOnly === null ? connectReadOnly(parts.paths.database) : parts.database;
    this.read = new ReadHandle(this.#reader);
    this.write = this.readOnly === null ? new WriteHandle(parts.database, parts.author) : new RefusedHandle(parts.database, this.readOnly);
    this.#backedUpAt = -1;
  }

  /** Writes what spares work or is told in passing; of a project that is open for reading alone it is left out. */
  note(work: (write: WriteHandle) => void): void {
    if (this.readOnly === null) work(this.write);
  }

  /** Throws `conflict` where the project is open for reading alone. */
  requireWritable(): void {
    if (this.readOnly !== null) throw new StudioError('conflict', this.readOnly);
  }

  /** Throws `not-found` where the folder has gone while it was open: whoever made a folder in it would begin a project again in its old place. */
  requireFolder(): void {
    if (!existsSync(this.paths.info)) throw projectAway(this.paths.folder);
  }

  /** Writes a backup, unless nothing has changed since this process made the last one. Throws `disk-full`, `io`. */
  backup(): void {
    this.requireWritable();
    const changes = totalChanges(this.#database);
    if (changes === this.#backedUpAt) return;
    try {
      backUp(this.#database, this.paths);
    } catch (error) {
      throw databaseError(error);
    }
    this.#backedUpAt = changes;
  }

  /** Leaves nothing of deleted rows in the library's file, its log and its backups: one new backup takes the place of all. Throws `disk-full`, `io`. */
  forgetDeleted(): void {
    this.requireWritable();
    try {
      this.#database.exec('VACUUM');
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
      backUp(this.#database, this.paths);
      dropEarlier(this.paths);
    } catch (error) {
      throw databaseError(fileError(error, this.paths.folder));
    }
    this.#backedUpAt = totalChanges(this.#database);
  }

  /**
   * Backs up, seals the library and gives up the lock. A backup that cannot be written does not keep the project open. One that was moved has all
   * that was acknowledged where it lies now, and gets neither.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#lock === null) {
      this.#database.close();
      return;
    }
    const isThere = existsSync(this.paths.info);
    try {
      this.#reader.close();
      if (isThere && totalChanges(this.#database) > 0) this.backup();
    } finally {
      this.#seal(isThere);
    }
  }

  #seal(isThere: boolean): void {
    try {
      try {
        this.#database.pragma('wal_checkpoint(TRUNCATE)');
      } finally {
        this.#database.close();
      }
      if (isThere) seal(this.paths.database, this.paths.checksum);
    } catch (error) {
      throw databaseError(fileError(error, this.paths.folder));
    } finally {
      this.#lock?.release();
    }
  }
}

function totalChanges(database: Database.Database): number {
  return Number(database.prepare('SELECT total_changes()').pluck().get());
}

export interface CreateOptions {
  readonly name: string;
  readonly labelSet: LabelSet;
  /** Who is at work. */
  readonly author: string;
}

/** Makes a project in a new or empty folder and opens it. Throws `conflict` where something is there already or two labels have one name, `disk-full`, `io`. */
export function createProject(folder: string, options: CreateOptions): Project {
  const paths = new ProjectPaths(folder);
  checkNames([], options.labelSet.labels); // before there is a folder
  return guarded(paths, () => {
    makeFolder(paths.folder);
    const present = readdirSync(paths.folder).filter((name) => !name.startsWith('.') && !name.startsWith('project.lock'));
    if (present.length > 0)
      throw new StudioError('conflict', 'This folder is not empty. Choose a new or an empty folder for the project.', {
        detail: present.slice(0, 5).join(', '),
      });
    return locked(paths, (lock) => {
      for (const path of [paths.backups, paths.images, paths.exports]) mkdirSync(path, { recursive: true });
      const info: ProjectInfo = { id: newId(), name: options.name, createdAt: new Date().toISOString() };
      const database = connect(paths.database);
      try {
        markAsLibrary(database);
        migrate(database);
        const project = new Project({ paths, info, database, lock, repair: null, author: options.author });
        project.write.transaction(() => {
          recordEvent(project.write, { kind: 'project-created', message: `Project “${options.name}” created.` });
          setLabelSet(project.write, options.labelSet, { step: false });
        });
        project.backup();
        // Last, because it is what makes the folder a project.
        writeText(paths.info, `${JSON.stringify({ format: 1, ...info }, null, 2)}\n`);
        return project;
      } catch (error) {
        database.close();
        throw error;
      }
    });
  });
}

/**
 * Opens a project for reading and writing. A damaged library is put aside and restored from its newest backup (`repair` says so).
 * Throws `not-found`, `conflict` (open elsewhere), `unsupported` (made by a newer version), `corrupt` (no backup), `disk-full`, `io`.
 */
export function openProject(folder: string, options: { readonly author: string }): Project {
  const paths = new ProjectPaths(folder);
  return guarded(paths, () => {
    const info = readInfo(paths);
    return locked(paths, (lock) => {
      const { database, repair } = openSound(paths);
      try {
        if (schemaVersion(database) < latestVersion) backUp(database, paths);
        breakSeal(paths.checksum);
        migrate(database);
        const project = new Project({ paths, info, database, lock, repair, author: options.author });
        if (repair !== null) recordEvent(project.write, { kind: 'restored-backup', message: repair.sentence, detail: repair });
        return project;
      } catch (error) {
        database.close();
        throw error;
      }
    });
  });
}

/**
 * Opens a project for reading alone, whoever has it open: as it is now, and so until it is closed. An older one is brought up to date in memory.
 * Throws `not-found`, `unsupported`, `corrupt`, `conflict` where it is written to all the time.
 */
export function openProjectReadOnly(folder: string): Project {
  const paths = new ProjectPaths(folder);
  return guarded(paths, () => {
    const info = readInfo(paths);
    const readOnly = onlyRead(holdOf(paths.lock));
    if (!existsSync(paths.database))
      throw new StudioError(
        'corrupt',
        'The library of this project is missing. Open the project in the application: it is restored there.',
      );
    const database = copyOf(paths.database);
    try {
      migrate(database);
      return new Project({ paths, info, database, lock: null, repair: null, author: '', readOnly });
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Who has a project. Throws `not-found`, `io`. */
export function projectHold(folder: string): Hold {
  const paths = new ProjectPaths(folder);
  return guarded(paths, () => {
    readInfo(paths);
    return holdOf(paths.lock);
  });
}

function openSound(paths: ProjectPaths): { database: Database.Database; repair: Repair | null } {
  const attempt = (): { database: Database.Database | null; fault: string } => {
    if (!existsSync(paths.database)) return { database: null, fault: 'the file is missing' };
    if (sealIsBroken(paths.database, paths.checksum)) return { database: null, fault: 'the file is not as it was left' };
    let database: Database.Database | null = null;
    try {
      database = connect(paths.database);
      refuseFuture(database);
      const fault = faultOf(database);
      if (fault === null) return { database, fault: '' };
      database.close();
      return { database: null, fault };
    } catch (error) {
      database?.close();
      const known = databaseError(error);
      if (known instanceof StudioError && known.code === 'corrupt') return { database: null, fault: known.detail ?? known.message };
      throw known;
    }
  };
  const first = attempt();
  if (first.database !== null) return { database: first.database, repair: null };
  const repair = restoreFromBackup(paths, first.fault);
  const second = attempt();
  if (second.database === null)
    throw new StudioError('corrupt', 'This project’s library is damaged and could not be restored from its backup.', {
      detail: second.fault,
    });
  return { database: second.database, repair };
}

function readInfo(paths: ProjectPaths): ProjectInfo {
  if (!existsSync(paths.info))
    throw new StudioError('not-found', 'There is no LoGoNet Studio project in this folder.', { detail: paths.folder });
  const broken = new StudioError('corrupt', 'The file “project.json” of this project is damaged. Restore it from a copy of the project.', {
    detail: paths.info,
  });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(paths.info, 'utf8'));
  } catch {
    throw broken;
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) throw broken;
  if (value.format !== 1)
    throw new StudioError(
      'unsupported',
      'This project was made by a newer version of LoGoNet Studio. Install that version to open it; nothing was changed.',
    );
  if (!('id' in value && 'name' in value && 'createdAt' in value)) throw broken;
  const { id, name, createdAt } = value;
  if (typeof id !== 'string' || typeof name !== 'string' || typeof createdAt !== 'string') throw broken;
  return { id, name, createdAt };
}

function locked<T>(paths: ProjectPaths, work: (lock: ProjectLock) => T): T {
  const lock = ProjectLock.acquire(paths.lock);
  try {
    return work(lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function guarded<T>(paths: ProjectPaths, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw databaseError(fileError(error, paths.folder));
  }
}
