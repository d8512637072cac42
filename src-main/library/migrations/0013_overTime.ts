import type { Migration } from './migration.ts';

export const overTime: Migration = {
  version: 13,
  name: 'scans of a patient over time, labels inside labels, steps of images',
  sql: `
    -- The day of the scan, YYYY-MM-DD; NULL where nothing says it.
    ALTER TABLE cases ADD COLUMN scan_date TEXT;
    -- DICOM; empty where the image has none, NULL where its files were not asked yet.
    ALTER TABLE image ADD COLUMN frame_of_reference TEXT;
    -- Where a person has placed the leading image of another scan of the patient on this case's: a rigid map as image.to_leading; NULL: one world.
    CREATE TABLE scan_placement (
      case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
      scan_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
      to_leading TEXT,
      PRIMARY KEY (case_id, scan_id)
    ) STRICT, WITHOUT ROWID;

    -- The value of the label that this one lies inside of; NULL: none.
    ALTER TABLE label ADD COLUMN inside INTEGER;

    CREATE TABLE project_step_13 (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      who TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('labels', 'cases', 'edit', 'images')),
      name TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('done', 'undone', 'preparing', 'finishing')),
      detail TEXT NOT NULL
    ) STRICT;
    INSERT INTO project_step_13 SELECT id, at, who, kind, name, state, detail FROM project_step;
    DROP TABLE project_step;
    ALTER TABLE project_step_13 RENAME TO project_step;
  `,
};
