import type { Migration } from './migration.ts';

export const bulkAcceptance: Migration = {
  version: 8,
  name: 'bulk acceptance',
  sql: `
    -- Accepted together with others, or by a command, without a look at each: such a mask may train and never measures.
    ALTER TABLE mask_revision ADD COLUMN bulk INTEGER NOT NULL DEFAULT 0 CHECK (bulk IN (0, 1));
  `,
};
