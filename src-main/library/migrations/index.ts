import type Database from 'better-sqlite3';
import { StudioError } from '#shared/base/errors.ts';
import { library } from './0001_library.ts';
import { models } from './0002_models.ts';
import { jobs } from './0003_jobs.ts';
import { events } from './0004_events.ts';
import { removedLabels } from './0005_removedLabels.ts';
import { labelSources } from './0006_labelSources.ts';
import { imageFiles } from './0007_imageFiles.ts';
import { bulkAcceptance } from './0008_bulkAcceptance.ts';
import { readings } from './0009_readings.ts';
import { unseenAcceptance } from './0010_unseenAcceptance.ts';
import { dailyWork } from './0011_dailyWork.ts';
import { caseImages } from './0012_caseImages.ts';
import { overTime } from './0013_overTime.ts';
import type { Migration } from './migration.ts';

export const migrations: readonly Migration[] = [
  library,
  models,
  jobs,
  events,
  removedLabels,
  labelSources,
  imageFiles,
  bulkAcceptance,
  readings,
  unseenAcceptance,
  dailyWork,
  caseImages,
  overTime,
];
export const latestVersion = migrations.length;

export function schemaVersion(database: Database.Database): number {
  return Number(database.pragma('user_version', { simple: true }));
}

/** Throws `unsupported` for a library that a newer version of the application has written. */
export function refuseFuture(database: Database.Database): void {
  if (schemaVersion(database) > latestVersion) {
    throw new StudioError(
      'unsupported',
      'This project was last opened with a newer version of LoGoNet Studio. Install that version to open it; nothing was changed.',
      {
        detail: `schema ${schemaVersion(database)}, known ${latestVersion}`,
      },
    );
  }
}

/** Brings the schema up to `version`, each step in a transaction of its own. Throws `unsupported` for a future one. */
export function migrate(database: Database.Database, version = latestVersion): void {
  refuseFuture(database);
  for (const migration of migrations) {
    if (migration.version <= schemaVersion(database) || migration.version > version) continue;
    database
      .transaction(() => {
        database.exec(migration.sql);
        database.pragma(`user_version = ${migration.version}`);
      })
      .immediate();
  }
}
