import type { Migration } from './migration.ts';

export const readings: Migration = {
  version: 9,
  name: 'second readings, numbers and codes of sources',
  sql: `
    -- Another reader's mask of a case, beside the revisions: never the truth by itself.
    CREATE TABLE reading (
      id TEXT PRIMARY KEY,
      case_id TEXT NOT NULL REFERENCES cases (id),
      reader TEXT NOT NULL,
      project TEXT NOT NULL,
      path TEXT NOT NULL,
      content_hash TEXT NOT NULL,
      voxels TEXT NOT NULL,
      made_at TEXT NOT NULL,
      added_at TEXT NOT NULL,
      added_by TEXT NOT NULL,
      compared_with TEXT,
      agreement TEXT,
      UNIQUE (case_id, reader, content_hash)
    ) STRICT, WITHOUT ROWID;

    -- Which values the labels of a case had where its mask came from; many cases share one numbering.
    CREATE TABLE numbering (
      id TEXT PRIMARY KEY,
      numbers TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE case_numbering (
      case_id TEXT PRIMARY KEY REFERENCES cases (id),
      numbering_id TEXT NOT NULL REFERENCES numbering (id)
    ) STRICT, WITHOUT ROWID;

    -- Codes (SNOMED CT and others) that sources gave labels: a label that comes in is known by them before it is by its name.
    CREATE TABLE label_code (
      value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 255),
      code TEXT NOT NULL,
      meaning TEXT NOT NULL,
      PRIMARY KEY (value, code)
    ) STRICT;
  `,
};
