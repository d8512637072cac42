import type { Migration } from './migration.ts';

export const caseImages: Migration = {
  version: 12,
  name: 'several images of a case',
  sql: `
    -- A case holds images; the one at position 0 leads: masks lie on its grid.
    ALTER TABLE image ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    -- Of the channel or the series; empty where nothing names it.
    ALTER TABLE image ADD COLUMN name TEXT NOT NULL DEFAULT '';
    -- How it is known where it lies to the leading one, and a rigid map from its world to that one's (3×4 by rows, LPS mm); NULL: one world.
    ALTER TABLE image ADD COLUMN placed_by TEXT NOT NULL DEFAULT 'grid' CHECK (placed_by IN ('grid', 'frame', 'hand'));
    ALTER TABLE image ADD COLUMN to_leading TEXT;
    -- What is stored times this is in the unit ('SUVbw').
    ALTER TABLE image ADD COLUMN factor REAL NOT NULL DEFAULT 1;
    ALTER TABLE image ADD COLUMN unit TEXT NOT NULL DEFAULT '';
    -- Earlier versions kept one image a case, and took the oldest where there were more.
    UPDATE image SET position = (SELECT count(*) FROM image AS older WHERE older.case_id = image.case_id AND older.id < image.id);
    DROP INDEX image_by_case;
    CREATE UNIQUE INDEX image_by_case ON image (case_id, position);
  `,
};
