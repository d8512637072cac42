import type { Migration } from './migration.ts';

export const removedLabels: Migration = {
  version: 5,
  name: 'removed labels',
  sql: `
    -- What a value meant stays known: older revisions of masks, undo histories and models go on using it.
    CREATE TABLE removed_label (
      value INTEGER PRIMARY KEY CHECK (value BETWEEN 1 AND 255),
      name TEXT NOT NULL,
      color TEXT NOT NULL,
      removed_at TEXT NOT NULL,
      removed_by TEXT NOT NULL
    ) STRICT;
  `,
};
