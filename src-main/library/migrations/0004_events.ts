import type { Migration } from './migration.ts';

export const events: Migration = {
  version: 4,
  name: 'audit trail',
  sql: `
    CREATE TABLE event (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      who TEXT NOT NULL,
      kind TEXT NOT NULL,
      case_id TEXT,
      model_id TEXT,
      weights_hash TEXT,
      message TEXT NOT NULL,
      detail TEXT
    ) STRICT;
    CREATE INDEX event_by_case ON event (case_id, sequence);
    CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
      BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
    -- INSERT OR REPLACE fires no delete trigger.
    CREATE TRIGGER event_is_never_replaced BEFORE INSERT ON event WHEN NEW.sequence IN (SELECT sequence FROM event)
      BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
    CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
      BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
  `,
};
