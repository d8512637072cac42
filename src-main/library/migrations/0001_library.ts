import type { Migration } from './migration.ts';

export const library: Migration = {
  version: 1,
  name: 'library',
  sql: `
    CREATE TABLE label (
      value INTEGER PRIMARY KEY CHECK (value BETWEEN 1 AND 255),
      name TEXT NOT NULL,
      color TEXT NOT NULL,
      locked INTEGER NOT NULL CHECK (locked IN (0, 1)),
      position INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE cases (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('unlabelled', 'predicted', 'inCorrection', 'accepted', 'excluded')),
      notes TEXT NOT NULL,
      search TEXT NOT NULL,
      patient_key TEXT,
      held_out INTEGER NOT NULL CHECK (held_out IN (0, 1)),
      modality TEXT NOT NULL,
      size TEXT NOT NULL,
      spacing TEXT NOT NULL,
      has_mask INTEGER NOT NULL CHECK (has_mask IN (0, 1)),
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL,
      updated_by TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX cases_by_name ON cases (name COLLATE NOCASE, id);
    CREATE INDEX cases_by_status ON cases (status, name COLLATE NOCASE);
    CREATE INDEX cases_by_update ON cases (updated_at);
    CREATE INDEX cases_by_patient ON cases (patient_key);

    CREATE TABLE image (
      id TEXT PRIMARY KEY,
      case_id TEXT NOT NULL REFERENCES cases (id),
      content_hash TEXT NOT NULL,
      storage TEXT NOT NULL CHECK (storage IN ('copy', 'reference')),
      paths TEXT NOT NULL,
      format TEXT NOT NULL,
      modality TEXT NOT NULL,
      grid TEXT NOT NULL,
      added_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX image_by_case ON image (case_id);
    CREATE INDEX image_by_content ON image (content_hash);

    CREATE TABLE mask_revision (
      id TEXT PRIMARY KEY,
      case_id TEXT NOT NULL REFERENCES cases (id),
      revision INTEGER NOT NULL,
      path TEXT NOT NULL,
      content_hash TEXT NOT NULL,
      origin TEXT NOT NULL CHECK (origin IN ('accepted', 'imported')),
      voxels TEXT NOT NULL,
      created_at TEXT NOT NULL,
      created_by TEXT NOT NULL,
      UNIQUE (case_id, revision)
    ) STRICT, WITHOUT ROWID;
  `,
};
