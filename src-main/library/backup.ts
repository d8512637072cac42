import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { StudioError } from '#shared/base/errors.ts';
import { localTime } from '#shared/base/localTime.ts';
import { faultOfFile } from './database.ts';
import { copyDurably, hashFile, replaceFile, syncFolderSync, writeText } from '#main/files/durable.ts';
import type { ProjectPaths } from './paths.ts';

const kept = 8;
const pattern = /^library-(\d{8}T\d{9}Z)\.sqlite$/;

function stamp(time: Date): string {
  return time.toISOString().replace(/[-:.]/g, '');
}

/** ISO time of a backup's name. */
function timeOf(name: string): string {
  const digits = pattern.exec(name)?.[1] ?? '';
  return digits.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/, '$1-$2-$3T$4:$5:$6.$7Z');
}

function newestFirst(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => pattern.test(name))
        .sort()
        .reverse()
    : [];
}

/** Writes a whole, checked copy of the open library into the backups folder and lets the oldest go. Throws `disk-full`, `io`. */
export function backUp(database: Database.Database, paths: ProjectPaths): void {
  // Not the folders above: a project that has gone while it was open is not made again in its old place.
  if (!existsSync(paths.backups)) mkdirSync(paths.backups);
  const path = join(paths.backups, `library-${stamp(new Date())}.sqlite`);
  replaceFile(path, (temporary) => {
    database.prepare('VACUUM INTO ?').run(temporary);
  });
  writeText(`${path}.sha256`, `${hashFile(path)}\n`);
  for (const old of newestFirst(paths.backups).slice(kept)) {
    rmSync(join(paths.backups, old), { force: true });
    rmSync(join(paths.backups, `${old}.sha256`), { force: true });
  }
}

/** Takes away every backup but the newest, and what was put aside as damaged: for what is to be forgotten. */
export function dropEarlier(paths: ProjectPaths): void {
  for (const old of newestFirst(paths.backups).slice(1)) {
    rmSync(join(paths.backups, old), { force: true });
    rmSync(join(paths.backups, `${old}.sha256`), { force: true });
  }
  rmSync(paths.damaged, { recursive: true, force: true });
  syncFolderSync(paths.backups);
}

/** What was done about a damaged library. */
export interface Repair {
  /** When the backup that is now in use was made. */
  readonly backupTime: string;
  /** Where the damaged files were put, relative to the project. */
  readonly keptIn: string;
  readonly fault: string;
  readonly sentence: string;
}

function isSound(path: string): boolean {
  const sum = `${path}.sha256`;
  return existsSync(sum) && readFileSync(sum, 'utf8').trim() === hashFile(path) && faultOfFile(path) === null;
}

/** Puts the damaged library aside and the newest sound backup in its place. Throws `corrupt`, with everything where it was, where there is none. */
export function restoreFromBackup(paths: ProjectPaths, fault: string): Repair {
  const backup = newestFirst(paths.backups).find((name) => isSound(join(paths.backups, name)));
  if (backup === undefined) {
    throw new StudioError(
      'corrupt',
      'This project’s library is damaged and it has no backup. Its images and masks are untouched: create a new project and import them from its “images” and “cases” folders.',
      { detail: fault },
    );
  }
  const folder = join(paths.damaged, stamp(new Date()));
  mkdirSync(folder, { recursive: true });
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(paths.database + suffix)) renameSync(paths.database + suffix, join(folder, `library.sqlite${suffix}`));
  }
  syncFolderSync(folder);
  rmSync(paths.checksum, { force: true });
  copyDurably(join(paths.backups, backup), paths.database);
  const backupTime = timeOf(backup);
  const keptIn = paths.relative(folder);
  return {
    backupTime,
    keptIn,
    fault,
    sentence: `The project’s library was damaged. It was restored from the backup of ${localTime(backupTime)}; later changes to cases may be missing. Images and masks are untouched, and the damaged file is kept in “${keptIn}”.`,
  };
}
