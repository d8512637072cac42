import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { latestVersion, migrate, migrations, schemaVersion } from '#main/library/migrations/index.ts';

type Row = Record<string, unknown>;

/** A library at version N − 1 with something in every table that the step may touch. */
function libraryAt(version: number): Database.Database {
  const database = new Database(':memory:');
  database.pragma('foreign_keys = ON');
  migrate(database, version);
  expect(schemaVersion(database)).toBe(version);
  return database;
}

function tables(database: Database.Database): string[] {
  return (
    database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").all() as {
      name: string;
    }[]
  ).map(({ name }) => name);
}

function contents(database: Database.Database): Record<string, Row[]> {
  return Object.fromEntries(tables(database).map((table) => [table, database.prepare(`SELECT * FROM ${table} ORDER BY 1`).all() as Row[]]));
}

const time = '2026-11-22T10:00:00.000Z';
function insertLibrary(database: Database.Database): void {
  database.exec(`
    INSERT INTO label VALUES (1, 'Leber', '#aa0000', 0, 1), (2, 'Milz', '#00aa00', 1, 0);
    INSERT INTO cases (id, name, status, notes, search, patient_key, held_out, modality, size, spacing, has_mask, created_at, updated_at, updated_by) VALUES
      ('a', 'Fall ä', 'accepted', 'note', 'fall ä', 'p1', 1, 'CT', '[10,11,12]', '[1,1,2.5]', 1, '${time}', '${time}', 'reader'),
      ('b', 'Case 2', 'unlabelled', '', 'case 2', NULL, 0, '', '[0,0,0]', '[0,0,0]', 0, '${time}', '${time}', 'reader');
    INSERT INTO image (id, case_id, content_hash, storage, paths, format, modality, grid, added_at) VALUES ('i', 'a', 'hash', 'copy', '["images/x.nii"]', 'nifti1', 'CT', '{}', '${time}');
    INSERT INTO mask_revision (id, case_id, revision, path, content_hash, origin, voxels, created_at, created_by) VALUES ('m', 'a', 1, 'cases/a/1', 'hash', 'accepted', '{"1":20}', '${time}', 'reader');`);
}
function insertModels(database: Database.Database): void {
  database.exec(`
    INSERT INTO model VALUES ('v1', 'First', 'small', '{}', 'weights', 1000, 3, 0.81, 'job', '${time}');
    INSERT INTO promotion (model_id, in_force, at) VALUES ('v1', 1, '${time}');
    INSERT INTO prediction VALUES ('p', 'b', 'v1', 'cases/b/p', NULL, 'hash', 'weights', 0.2, '[1]', '${time}');
    INSERT INTO metric VALUES ('v1', 'a', 1, 0.9, 2.5, -0.1);
    UPDATE cases SET has_prediction = 1, uncertainty = 0.2, rank = 1, score = 0.7, reason = 'far from the others' WHERE id = 'b';`);
}
function insertJobs(database: Database.Database): void {
  database.exec(
    `INSERT INTO job VALUES ('j', 'train', 'paused', 'background', 'Training', 'epoch 3', 0.4, 60, '${time}', '${time}', NULL, NULL, 2, 1, NULL);`,
  );
}
function insertEvents(database: Database.Database): void {
  database.exec(`INSERT INTO event (at, who, kind, message) VALUES ('${time}', 'reader', 'training', 'Trained.');`);
}
function insertRemovedLabels(database: Database.Database): void {
  database.exec(`INSERT INTO removed_label VALUES (3, 'Zyste', '#0000aa', '${time}', 'reader');`);
}
function insertLabelSources(database: Database.Database): void {
  database.exec(`INSERT INTO label_source VALUES (3, 4095, 'Zyste');`);
}
function insertImageFiles(database: Database.Database): void {
  database.exec(
    `INSERT INTO image (id, case_id, content_hash, stored_hash, storage, paths, file_states, format, modality, grid, added_at)
     VALUES ('k', 'b', 'one', 'other', 'copy', '["images/y/image.nii.gz"]', '[{"bytes":1,"modifiedAt":2}]', 'nifti1', 'CT', '{}', '${time}');`,
  );
}
function insertBulkAcceptance(database: Database.Database): void {
  database.exec(
    `INSERT INTO mask_revision (id, case_id, revision, path, content_hash, origin, voxels, created_at, created_by, bulk)
     VALUES ('n', 'a', 2, 'cases/a/2', 'hash', 'accepted', '{"1":20}', '${time}', 'reader', 1);`,
  );
}
function insertReadings(database: Database.Database): void {
  database.exec(`
    INSERT INTO reading VALUES ('r', 'a', 'Second', 'Other', 'cases/a/readings/r.mask', 'hash', '{"1":19}', '${time}', '${time}', 'reader', NULL, NULL);
    INSERT INTO numbering VALUES ('n', '[[1,4095]]');
    INSERT INTO case_numbering VALUES ('a', 'n');
    INSERT INTO label_code VALUES (1, 'SCT:10200004', 'Liver');`);
}
function insertUnseenAcceptance(database: Database.Database): void {
  database.exec(
    `INSERT INTO mask_revision (id, case_id, revision, path, content_hash, origin, voxels, created_at, created_by, unseen)
     VALUES ('o', 'a', 3, 'cases/a/3', 'hash', 'accepted', '{"1":20}', '${time}', 'reader', 1);`,
  );
}
function insertDailyWork(database: Database.Database): void {
  database.exec(
    `INSERT INTO removed_case VALUES ('z', '${time}', 'reader', NULL);
     INSERT INTO project_step (at, who, kind, name, state, detail) VALUES ('${time}', 'reader', 'labels', 'Labels changed', 'done', '{}');`,
  );
}
function insertCaseImages(database: Database.Database): void {
  database.exec(
    `INSERT INTO image (id, case_id, position, name, placed_by, to_leading, factor, unit, content_hash, storage, paths, format, modality, grid, added_at)
     VALUES ('p', 'a', 1, 'PET', 'hand', '[1,0,0,2,0,1,0,0,0,0,1,0]', 0.001, 'SUVbw', 'pet', 'reference', '["/pet"]', 'dicom', 'PT', '{}', '${time}');`,
  );
}
function insertOverTime(database: Database.Database): void {
  database.exec(
    `UPDATE cases SET scan_date = '2025-03-01' WHERE id = 'a';
     UPDATE image SET frame_of_reference = '2.25.3' WHERE id = 'i';
     INSERT INTO scan_placement VALUES ('a', 'b', NULL);
     UPDATE label SET inside = 1 WHERE value = 2;
     INSERT INTO project_step (at, who, kind, name, state, detail) VALUES ('${time}', 'reader', 'images', 'Renamed', 'done', '{}');`,
  );
}
/** What to insert once a version is reached: one entry per migration. */
const inserts = [
  insertLibrary,
  insertModels,
  insertJobs,
  insertEvents,
  insertRemovedLabels,
  insertLabelSources,
  insertImageFiles,
  insertBulkAcceptance,
  insertReadings,
  insertUnseenAcceptance,
  insertDailyWork,
  insertCaseImages,
  insertOverTime,
];

describe('migrations', () => {
  it('are numbered without gaps, and each has something to insert here', () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, n) => n + 1));
    expect(inserts).toHaveLength(latestVersion);
  });

  it.each(migrations.map((migration) => [migration.version, migration.name, migration] as const))(
    '%i (%s) keeps everything that was there',
    (version) => {
      const database = libraryAt(version - 1);
      for (const insert of inserts.slice(0, version - 1)) insert(database);
      const before = contents(database);
      migrate(database, version);
      expect(schemaVersion(database)).toBe(version);
      const after = contents(database);
      for (const [table, rows] of Object.entries(before)) {
        expect(after[table]).toHaveLength(rows.length);
        rows.forEach((row, n) => expect(after[table]?.[n]).toMatchObject(row));
      }
      expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
      expect(database.pragma('foreign_key_check')).toEqual([]);
      // The new tables take what they are for.
      inserts[version - 1]?.(database);
    },
  );

  it('end where a new library starts, whatever the first version was', () => {
    const schema = (database: Database.Database): unknown => database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
    const fresh = schema(libraryAt(latestVersion));
    for (let version = 0; version < latestVersion; version++) {
      const database = libraryAt(version);
      migrate(database);
      expect(schema(database)).toEqual(fresh);
    }
  });

  it('fill what is new in cases with what an old case had: nothing predicted, no rank', () => {
    const database = libraryAt(1);
    insertLibrary(database);
    migrate(database, 2);
    expect(database.prepare('SELECT has_prediction, uncertainty, rank FROM cases').all()).toEqual(
      [0, 0].map(() => ({ has_prediction: 0, uncertainty: null, rank: null })),
    );
  });

  it('take what was accepted before for looked at, one by one', () => {
    const database = libraryAt(7);
    insertLibrary(database);
    migrate(database, 10);
    expect(database.prepare('SELECT origin, bulk, unseen FROM mask_revision').all()).toEqual([{ origin: 'accepted', bulk: 0, unseen: 0 }]);
  });

  it('make the image that a case had the one that leads, on its own grid', () => {
    const database = libraryAt(11);
    insertLibrary(database);
    insertImageFiles(database);
    database.exec(`INSERT INTO image (id, case_id, content_hash, storage, paths, format, modality, grid, added_at)
      VALUES ('h', 'a', 'older', 'copy', '[]', 'nifti1', 'CT', '{}', '${time}')`);
    migrate(database, 12);
    const unnamed = { name: '', placed_by: 'grid', to_leading: null, factor: 1, unit: '' };
    expect(database.prepare('SELECT id, position, name, placed_by, to_leading, factor, unit FROM image ORDER BY id').all()).toEqual([
      { id: 'h', position: 0, ...unnamed },
      { id: 'i', position: 1, ...unnamed },
      { id: 'k', position: 0, ...unnamed },
    ]);
    expect(() => database.exec("UPDATE image SET position = 1 WHERE id = 'h'")).toThrow(/UNIQUE/);
  });

  it('never change or remove an event', () => {
    const database = libraryAt(latestVersion);
    insertEvents(database);
    expect(() => database.exec("UPDATE event SET message = 'x'")).toThrow(/append-only/);
    expect(() => database.exec('DELETE FROM event')).toThrow(/append-only/);
    expect(() => database.exec("INSERT OR REPLACE INTO event (sequence, at, who, kind, message) VALUES (1, '', '', '', 'x')")).toThrow(
      /append-only/,
    );
  });

  it('let the events of a removed case go, and no others', () => {
    const database = libraryAt(latestVersion);
    database.exec(`INSERT INTO event (at, who, kind, case_id, message) VALUES ('', '', '', 'gone', 'a name'), ('', '', '', 'kept', '')`);
    database.exec(`INSERT INTO removed_case VALUES ('gone', '${time}', 'reader', NULL)`);
    database.exec("DELETE FROM event WHERE case_id = 'gone'");
    expect(() => database.exec('DELETE FROM event')).toThrow(/append-only/);
    expect(database.prepare('SELECT case_id FROM event').pluck().all()).toEqual(['kept']);
  });

  it('refuse a future version and leave it alone', () => {
    const database = libraryAt(latestVersion);
    database.pragma(`user_version = ${latestVersion + 1}`);
    expect(() => migrate(database)).toThrow(/newer version/);
    expect(schemaVersion(database)).toBe(latestVersion + 1);
  });

  it('leave the version before when a step fails', () => {
    const database = libraryAt(1);
    database.exec('CREATE TABLE prediction (x)');
    expect(() => migrate(database)).toThrow();
    expect(schemaVersion(database)).toBe(1);
    expect(tables(database)).not.toContain('model');
  });
});
