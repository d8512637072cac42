import type { Migration } from './migration.ts';

export const jobs: Migration = {
  version: 3,
  name: 'jobs',
  sql: `
    CREATE TABLE job (
      id TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'interrupted', 'done', 'failed', 'cancelled')),
      priority TEXT NOT NULL CHECK (priority IN ('interactive', 'background')),
      title TEXT NOT NULL,
      phase TEXT NOT NULL,
      fraction REAL NOT NULL,
      remaining_seconds REAL,
      created_at TEXT NOT NULL,
      started_at TEXT,
      ended_at TEXT,
      error TEXT,
      attempt INTEGER NOT NULL,
      can_resume INTEGER NOT NULL CHECK (can_resume IN (0, 1)),
      model_id TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX job_by_time ON job (created_at);
    CREATE INDEX job_by_state ON job (state);
  `,
};
