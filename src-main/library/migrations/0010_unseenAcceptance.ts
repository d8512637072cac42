import type { Migration } from './migration.ts';

export const unseenAcceptance: Migration = {
  version: 10,
  name: 'unseen acceptance',
  sql: `
    -- Accepted by a person who had not been shown each of its labels: such a mask may train and never measures.
    ALTER TABLE mask_revision ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0 CHECK (unseen IN (0, 1));
  `,
};
