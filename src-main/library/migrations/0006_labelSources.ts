import type { Migration } from './migration.ts';

export const labelSources: Migration = {
  version: 6,
  name: 'label sources',
  sql: `
    -- What labels were called, and which values they had, where they were imported from: an export can give the values back.
    CREATE TABLE label_source (
      value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 255),
      source_value INTEGER NOT NULL CHECK (source_value BETWEEN 1 AND 65535),
      source_name TEXT NOT NULL,
      PRIMARY KEY (value, source_value, source_name)
    ) STRICT;
  `,
};
