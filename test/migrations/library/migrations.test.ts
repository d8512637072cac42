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
  return (database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").all() as { name: string }[]).map(({ name }) => name);
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
    INSERT INTO image VALUES ('i', 'a', 'hash', 'copy', '["images/x.nii"]', 'nifti1', 'CT', '{}', '${time}');
    INSERT INTO mask_revision VALUES ('m', 'a', 1, 'cases/a/1', 'hash', 'accepted', '{"1":20}', '${time}', 'reader');`);
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
  database.exec(`INSERT INTO job VALUES ('j', 'train', 'paused', 'background', 'Training', 'epoch 3', 0.4, 60, '${time}', '${time}', NULL, NULL, 2, 1, NULL);`);
}
function insertEvents(database: Database.Database): void {
  database.exec(`INSERT INTO event (at, who, kind, message) VALUES ('${time}', 'reader', 'training', 'Trained.');`);
}
function insertRemovedLabels(database: Database.Database): void {
  database.exec(`INSERT INTO removed_label VALUES (3, 'Zyste', '#0000aa', '${time}', 'reader');`);
}
/** What to insert once a version is reached: one entry per migration. */
const inserts = [insertLibrary, insertModels, insertJobs, insertEvents, insertRemovedLabels];

describe('migrations', () => {
  it('are numbered without gaps, and each has something to insert here', () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, n) => n + 1));
    expect(inserts).toHaveLength(latestVersion);
  });

  it.each(migrations.map((migration) => [migration.version, migration.name, migration] as const))('%i (%s) keeps everything that was there', (version) => {
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
  });

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
    expect(database.prepare('SELECT has_prediction, uncertainty, rank FROM cases').all()).toEqual([0, 0].map(() => ({ has_prediction: 0, uncertainty: null, rank: null })));
  });

  it('never change or remove an event', () => {
    const database = libraryAt(latestVersion);
    insertEvents(database);
    expect(() => database.exec("UPDATE event SET message = 'x'")).toThrow(/append-only/);
    expect(() => database.exec('DELETE FROM event')).toThrow(/append-only/);
    expect(() => database.exec("INSERT OR REPLACE INTO event (sequence, at, who, kind, message) VALUES (1, '', '', '', 'x')")).toThrow(/append-only/);
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
