import type { Migration } from './migration.ts';

export const dailyWork: Migration = {
  version: 11,
  name: 'removed cases and the history of the project',
  sql: `
    -- Cases that were removed for good. cleaning: what is still to be taken from the disk, as JSON; null once all of it is gone.
    CREATE TABLE removed_case (
      case_id TEXT PRIMARY KEY,
      at TEXT NOT NULL,
      who TEXT NOT NULL,
      cleaning TEXT
    ) STRICT, WITHOUT ROWID;
    -- Of a removed case the trail keeps the removal alone: what it tells of the case may tell who it is.
    DROP TRIGGER event_is_never_removed;
    CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
      WHEN OLD.case_id IS NULL OR OLD.case_id NOT IN (SELECT case_id FROM removed_case)
      BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

    -- What was done to the project as a whole, in order, each with what is needed to take it back and to do it again.
    -- 'preparing' and 'finishing': under way, or cut off by the end of the program (the one is dropped, the other finished at the next opening).
    CREATE TABLE project_step (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      who TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('labels', 'cases', 'edit')),
      name TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('done', 'undone', 'preparing', 'finishing')),
      detail TEXT NOT NULL
    ) STRICT;
  `,
};
